"""External timestamps: a pipe is the device that the edges come from."""

from __future__ import annotations

import errno
import fcntl
import os
import select
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hw import phc_ioctl
from hw.external_timestamps import Edges, ExternalTimestamp, ExternalTimestamps, edges_from
from hw.phc import Phc
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND
from tests.hw.phc_stand_in import PhcStandIn, layout

LAYOUT = {
    "PTP_EXTTS_REQUEST": phc_ioctl.PTP_EXTTS_REQUEST,
    "PTP_EXTTS_REQUEST2": phc_ioctl.PTP_EXTTS_REQUEST2,
    "PTP_MASK_CLEAR_ALL": phc_ioctl.PTP_MASK_CLEAR_ALL,
    "PTP_MASK_EN_SINGLE": phc_ioctl.PTP_MASK_EN_SINGLE,
    "sizeof(struct ptp_extts_request)": phc_ioctl.EXTTS_REQUEST.size,
    "offsetof(struct ptp_extts_request, flags)": 4,
    "sizeof(struct ptp_extts_event)": phc_ioctl.EXTTS_EVENT.size,
    "offsetof(struct ptp_extts_event, index)": 16,
    "PTP_RISING_EDGE": Edges.RISING,
    "PTP_FALLING_EDGE": Edges.FALLING,
    "PTP_EXTTS_EDGES": Edges.BOTH,
    "PTP_ENABLE_FEATURE": 1,
    "PTP_STRICT_FLAGS": 8,
}

Occur = Callable[..., None]


@pytest.fixture(autouse=True)
def driver(monkeypatch: pytest.MonkeyPatch) -> PhcStandIn:
    driver = PhcStandIn(n_ext_ts=2)
    monkeypatch.setattr(fcntl, "ioctl", driver.ioctl)
    return driver


@pytest.fixture
def device(tmp_path: Path) -> Path:
    path = tmp_path / "ptp0"
    os.mkfifo(path)
    return path


@pytest.fixture
def phc(device: Path) -> Iterator[Phc]:
    clock = Phc(str(device))
    yield clock
    clock.close()


@pytest.fixture
def occur(phc: Phc) -> Occur:
    """Let an edge come on a channel, at so many seconds and nanoseconds of the clock."""

    def occur(channel: int, seconds: int, nanoseconds: int = 0) -> None:
        os.write(phc.fileno(), phc_ioctl.EXTTS_EVENT.pack(seconds, nanoseconds, 0, channel, 0))

    return occur


def test_numbers_and_layouts_are_those_of_the_kernel_s_headers(tmp_path: Path) -> None:
    assert layout(LAYOUT, tmp_path) == LAYOUT


def test_an_edge_is_decoded_with_its_channel() -> None:
    data = phc_ioctl.EXTTS_EVENT.pack(37, 999_999_999, 0, 3, 1)
    assert edges_from(data) == [ExternalTimestamp(3, 37 * SECOND + 999_999_999 * NANOSECOND)]


@pytest.mark.parametrize("size", [0, 1, 31, 33, 63])
def test_a_torn_edge_is_left_out(size: int) -> None:
    assert len(edges_from(bytes(size))) == size // 32


def test_edges_are_asked_for_strictly_and_alone(phc: Phc, driver: PhcStandIn) -> None:
    assert ExternalTimestamps(phc).enable(1, Edges.FALLING) is True
    assert driver.requests == [("mask all",), ("extts2", 1, 1 | 8 | Edges.FALLING), ("unmask", 1)]


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.ENOTTY])
def test_a_driver_that_promises_nothing_is_asked_without_promise(phc: Phc, driver: PhcStandIn, refusal: int) -> None:
    driver.refusals["PTP_EXTTS_REQUEST2"] = refusal
    assert ExternalTimestamps(phc).enable(0, Edges.RISING) is False
    assert ("extts", 0, 1 | Edges.RISING) in driver.requests


def test_kernels_without_masks_serve_as_well(phc: Phc, driver: PhcStandIn, occur: Occur) -> None:
    driver.refusals = {"PTP_MASK_CLEAR_ALL": errno.ENOTTY, "PTP_MASK_EN_SINGLE": errno.ENOTTY}
    edges = ExternalTimestamps(phc)
    edges.enable(0)
    occur(1, 5)
    occur(0, 6)
    assert edges.read() == [ExternalTimestamp(0, 6 * SECOND)]


def test_edges_are_read_in_order_and_reading_never_blocks(phc: Phc, occur: Occur) -> None:
    edges = ExternalTimestamps(phc)
    edges.enable(0)
    edges.enable(1)
    assert edges.read() == []
    for number in range(100):
        occur(number % 2, number, 7)
    assert edges.read() == [ExternalTimestamp(n % 2, n * SECOND + 7 * NANOSECOND) for n in range(100)]
    assert edges.read() == []


def test_the_descriptor_tells_when_an_edge_has_come(phc: Phc, occur: Occur) -> None:
    edges = ExternalTimestamps(phc)
    edges.enable(0)
    assert select.select([edges], [], [], 0)[0] == []
    occur(0, 1)
    assert select.select([edges], [], [], 0)[0] == [edges]


def test_edges_from_before_are_dropped(phc: Phc, occur: Occur) -> None:
    edges = ExternalTimestamps(phc)
    occur(0, 1)
    edges.enable(0)
    assert edges.read() == []


def test_leaving_disables_what_was_enabled(phc: Phc, driver: PhcStandIn) -> None:
    with ExternalTimestamps(phc) as edges:
        edges.enable(0)
        edges.enable(1)
        edges.disable(0)
        driver.requests.clear()
    assert driver.requests == [("extts", 1, 0)]


def test_leaving_a_clock_that_is_gone_is_no_error(phc: Phc, driver: PhcStandIn) -> None:
    with ExternalTimestamps(phc) as edges:
        edges.enable(0)
        driver.refusals["PTP_EXTTS_REQUEST"] = errno.ENODEV
        with pytest.raises(HardwareError, match="gone with its driver"):
            edges.disable(0)
        edges.enable(0)


def test_a_channel_that_is_not_there_says_how_many_are(phc: Phc) -> None:
    with pytest.raises(HardwareError, match=r"no external timestamps on channel 2 \(it has 2 such channels"):
        ExternalTimestamps(phc).enable(2)


@pytest.mark.parametrize(
    ("refusals", "sentence"),
    [
        ({"PTP_EXTTS_REQUEST2": errno.EBUSY}, r"channel 0 \(Device or resource busy\)[\s\S]*`ptpstack phc pins`"),
        ({"PTP_EXTTS_REQUEST2": errno.EOPNOTSUPP, "PTP_EXTTS_REQUEST": errno.EOPNOTSUPP}, "ask for others"),
        ({"PTP_EXTTS_REQUEST2": errno.ENODEV}, "gone with its driver"),
    ],
)
def test_a_refusal_says_what_next(
    phc: Phc, driver: PhcStandIn, refusals: dict[str | tuple[str, int], int], sentence: str
) -> None:
    driver.refusals = refusals
    with pytest.raises(HardwareError, match=sentence):
        ExternalTimestamps(phc).enable(0)


def test_a_clock_that_goes_away_is_an_error_of_the_clock(phc: Phc, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = ExternalTimestamps(phc)
    edges.enable(0)
    os.write(phc.fileno(), bytes(32))

    def gone(_fd: int, _size: int) -> bytes:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(os, "read", gone)
    with pytest.raises(HardwareError, match="cannot read external timestamps"):
        edges.read()
