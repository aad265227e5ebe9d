"""Periodic outputs, against a driver's stand-in whose clock stands at 100.25 s."""

from __future__ import annotations

import errno
import fcntl
import time
from pathlib import Path

import pytest

from hw import phc_ioctl
from hw.periodic_output import PeriodicOutput, first_pulse, start_periodic_output, stop_periodic_output
from hw.phc import Phc
from ptpstack.errors import HardwareError
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND
from tests.hw.phc_stand_in import PhcStandIn, layout

LAYOUT = {
    "PTP_PEROUT_REQUEST2": phc_ioctl.PTP_PEROUT_REQUEST2,
    "sizeof(struct ptp_perout_request)": phc_ioctl.PEROUT_REQUEST.size,
    "offsetof(struct ptp_perout_request, period)": 16,
    "offsetof(struct ptp_perout_request, index)": 32,
    "offsetof(struct ptp_perout_request, flags)": 36,
    "offsetof(struct ptp_perout_request, on)": 40,
    "PTP_PEROUT_DUTY_CYCLE": 2,
    "PTP_PEROUT_PHASE": 4,
}
S, MS = 1_000_000_000, 1_000_000  # ns
PHASE = 4


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> PhcStandIn:
    driver = PhcStandIn(n_per_out=2)
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    monkeypatch.setattr(time, "clock_gettime_ns", lambda _clock: 100 * S + 250 * MS)
    return driver


@pytest.fixture
def phc() -> Phc:
    return Phc("/dev/null")


def test_numbers_and_layouts_are_those_of_the_kernel_s_headers(tmp_path: Path) -> None:
    assert layout(LAYOUT, tmp_path) == LAYOUT


def test_a_pps_begins_on_a_full_second_at_least_one_ahead(phc: Phc, driver: PhcStandIn) -> None:
    assert start_periodic_output(phc) == PeriodicOutput(0, SECOND, 0, None, 102 * SECOND)
    assert driver.requests == [("perout", 0, 0, 102 * S, S, 0)]


def test_period_phase_and_width_are_asked_for_in_the_kernel_s_units(phc: Phc, driver: PhcStandIn) -> None:
    start_periodic_output(phc, 1, period=100 * MILLISECOND, phase=-250 * NANOSECOND, width=30 * MILLISECOND)
    assert driver.requests == [("perout", 1, 2, 102 * S - 250, 100 * MS, 30 * MS)]


@pytest.mark.parametrize(
    ("now", "period", "phase", "first"),
    [
        pytest.param(100 * SECOND, SECOND, 0, 101 * SECOND, id="exactly one ahead"),
        pytest.param(100 * SECOND + 1, SECOND, 0, 102 * SECOND, id="less than one ahead does not do"),
        pytest.param(100 * SECOND, SECOND, -1, 102 * SECOND - 1, id="nor with a phase"),
        pytest.param(100 * SECOND, SECOND, SECOND // 4, 101 * SECOND + SECOND // 4, id="a phase"),
        pytest.param(101 * SECOND, 10 * SECOND, 0, 110 * SECOND, id="a multiple of whole seconds"),
        pytest.param(101 * SECOND, 300 * MILLISECOND, 0, 102 * SECOND, id="a full second for any other"),
        pytest.param(-5 * SECOND - 1, SECOND, 0, -4 * SECOND, id="before the epoch"),
    ],
)
def test_the_first_pulse_is_on_the_grid(now: int, period: int, phase: int, first: int) -> None:
    assert first_pulse(now, period, phase) == first


@pytest.mark.parametrize("refusal", [errno.EINVAL, errno.EOPNOTSUPP, errno.ERANGE])
def test_hardware_that_takes_no_start_is_asked_for_the_phase(phc: Phc, driver: PhcStandIn, refusal: int) -> None:
    driver.refusals["PTP_PEROUT_REQUEST2", 0] = refusal
    assert start_periodic_output(phc, phase=-250 * NANOSECOND).start is None
    assert driver.requests == [("perout", 0, PHASE, S - 250, S, 0)]


def test_stopping_asks_for_a_period_of_nothing(phc: Phc, driver: PhcStandIn) -> None:
    stop_periodic_output(phc, 1)
    assert driver.requests == [("perout", 1, 0, 0, 0, 0)]


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (errno.EBUSY, r"channel 0 \(Device or resource busy\)[\s\S]*`ptpstack phc pins`"),
        (errno.EOPNOTSUPP, "leave out the width"),
        (errno.EINVAL, "a period of 1 s"),
        (errno.ERANGE, "a period of 1 s"),
        (errno.ENODEV, "gone with its driver"),
    ],
)
def test_a_refusal_says_what_next(phc: Phc, driver: PhcStandIn, refusal: int, sentence: str) -> None:
    driver.refusals["PTP_PEROUT_REQUEST2"] = refusal
    with pytest.raises(HardwareError, match=sentence):
        start_periodic_output(phc)
    with pytest.raises(HardwareError, match="cannot stop the pulses on channel 0"):
        stop_periodic_output(phc)


def test_what_cannot_be_is_not_asked_for(phc: Phc, driver: PhcStandIn) -> None:
    with pytest.raises(HardwareError, match=r"no periodic output on channel 2 \(it has 2 such channels"):
        start_periodic_output(phc, 2)
    with pytest.raises(HardwareError, match="a period must be"):
        start_periodic_output(phc, period=0)
    with pytest.raises(HardwareError, match="shorter than its period"):
        start_periodic_output(phc, width=SECOND)
    assert driver.requests == []
