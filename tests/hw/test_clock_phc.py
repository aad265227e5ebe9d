"""PTP hardware clocks as far as a machine without one can tell: layouts, requests, choices, sentences."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hw import cross_timestamp, phc, phc_ioctl
from hw.cross_timestamp import CrossMethod, CrossTimestamp, CrossTimestamper, retry_busy, tightest
from hw.phc import Phc, PhcCapabilities, capabilities_from, clock_id_of
from hw.timestamping import Timestamping
from hw.timex import Modes, Timex
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND

HEADER = Path("/usr/include/linux/ptp_clock.h")
NUMBERS = {
    "PTP_CLOCK_GETCAPS": phc_ioctl.PTP_CLOCK_GETCAPS,
    "PTP_SYS_OFFSET": phc_ioctl.PTP_SYS_OFFSET,
    "PTP_SYS_OFFSET_PRECISE": phc_ioctl.PTP_SYS_OFFSET_PRECISE,
    "PTP_SYS_OFFSET_EXTENDED": phc_ioctl.PTP_SYS_OFFSET_EXTENDED,
    "PTP_MAX_SAMPLES": phc_ioctl.MAX_SAMPLES,
    "sizeof(struct ptp_clock_caps)": phc_ioctl.CAPS.size,
    "sizeof(struct ptp_clock_time)": phc_ioctl.CLOCK_TIME.size,
    "offsetof(struct ptp_clock_caps, adjust_phase)": 7 * 4,
    "offsetof(struct ptp_sys_offset, ts)": phc_ioctl.SAMPLES_HEADER.size,
    "offsetof(struct ptp_sys_offset_extended, ts)": phc_ioctl.SAMPLES_HEADER.size,
    "offsetof(struct ptp_sys_offset_precise, sys_realtime)": phc_ioctl.CLOCK_TIME.size,
    "sizeof(struct timex)": ctypes.sizeof(Timex),
    "offsetof(struct timex, freq)": Timex.freq.offset,
    "offsetof(struct timex, time)": Timex.tv_sec.offset,
    "offsetof(struct timex, tick)": Timex.tick.offset,
    "offsetof(struct timex, tai)": Timex.tai.offset,
}


def test_numbers_and_layouts_are_those_of_the_kernel_s_headers(tmp_path: Path) -> None:
    compiler = shutil.which("gcc")
    if compiler is None or not HEADER.exists():
        pytest.skip(f"needs gcc and {HEADER} (Debian: linux-libc-dev)")
    prints = "\n".join(f'printf("%llu\\n", (unsigned long long)({name}));' for name in NUMBERS)
    source = tmp_path / "numbers.c"
    source.write_text(
        "#include <stddef.h>\n#include <stdio.h>\n#include <sys/timex.h>\n#include <linux/ptp_clock.h>\n"
        f"int main(void) {{ {prints} return 0; }}\n"
    )
    subprocess.run([compiler, "-o", tmp_path / "numbers", source], check=True)
    printed = subprocess.run([tmp_path / "numbers"], check=True, capture_output=True, text=True).stdout
    assert dict(zip(NUMBERS, map(int, printed.split()), strict=True)) == NUMBERS


def test_the_clock_id_of_a_descriptor_is_the_kernel_s_formula() -> None:
    assert [clock_id_of(fd) for fd in (0, 3, 7)] == [-5, -29, -61]


def test_capabilities_are_decoded_by_name() -> None:
    data = struct.pack("=20i", 62_499_999, 1, 2, 3, 1, 4, 1, 1, 500, *[0] * 11)
    assert capabilities_from(data) == PhcCapabilities(
        max_adj_ppb=62_499_999,
        n_alarm=1,
        n_ext_ts=2,
        n_per_out=3,
        pps=True,
        n_pins=4,
        cross_timestamping=True,
        adjust_phase=True,
        max_phase_adj_ns=500,
    )


# A driver, for the choice of the method


class Driver:
    """Answers the ioctls that it knows: PHC ahead of the system by 1 s, sample n bracketed by (n, n + width)."""

    def __init__(self, **refusals: int) -> None:
        self.refusals = refusals
        self.requests: list[str] = []
        self.busy = 0

    def ioctl(self, _fd: int, request: int, data: bytearray) -> None:
        name = next(name for name, number in NUMBERS.items() if number == request)
        self.requests.append(name)
        if self.busy:
            self.busy -= 1
            raise OSError(errno.EBUSY, "Device or resource busy")
        if name in self.refusals:
            raise OSError(self.refusals[name], os.strerror(self.refusals[name]))
        getattr(self, name)(data)

    def PTP_CLOCK_GETCAPS(self, data: bytearray) -> None:  # noqa: N802 (the request's name)
        data[:] = struct.pack("=20i", 1_000_000, *[0] * 19)

    def PTP_SYS_OFFSET_PRECISE(self, data: bytearray) -> None:  # noqa: N802 (as above)
        struct.pack_into("=qIIqIIqII", data, 0, 11, 5, 0, 10, 5, 0, 99, 0, 0)

    def PTP_SYS_OFFSET_EXTENDED(self, data: bytearray) -> None:  # noqa: N802 (as above)
        (n_samples,) = struct.unpack_from("=I", data)
        for sample, width in zip(range(n_samples), (900, 700, 200, 500, 800), strict=False):
            struct.pack_into("=qIIqIIqII", data, 16 + 48 * sample, 10, sample, 0, 11, 7, 0, 10, sample + width, 0)

    def PTP_SYS_OFFSET(self, data: bytearray) -> None:  # noqa: N802 (as above)
        (n_samples,) = struct.unpack_from("=I", data)
        for sample in range(n_samples):
            struct.pack_into("=qIIqII", data, 16 + 32 * sample, 10, sample**2 * 100, 0, 11, 7, 0)
        struct.pack_into("=qII", data, 16 + 32 * n_samples, 10, n_samples**2 * 100, 0)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Driver], Driver]:
    def installer(driver: Driver) -> Driver:
        monkeypatch.setattr(cross_timestamp.fcntl, "ioctl", driver.ioctl)
        return driver

    return installer


def test_precise_stamps_are_taken_where_the_driver_has_them(install: Callable[[Driver], Driver]) -> None:
    install(Driver())
    assert CrossTimestamper(3, -29).read() == CrossTimestamp(
        11 * SECOND + 5 * NANOSECOND, 10 * SECOND + 5 * NANOSECOND, 0.0, CrossMethod.PRECISE
    )


@pytest.mark.parametrize("refusal", [errno.EOPNOTSUPP, errno.ENOTTY, errno.ENODEV, errno.ETIMEDOUT])
def test_extended_stamps_come_next_and_the_tightest_of_them_counts(
    install: Callable[[Driver], Driver], refusal: int
) -> None:
    install(Driver(PTP_SYS_OFFSET_PRECISE=refusal))
    assert CrossTimestamper(3, -29).read() == CrossTimestamp(
        11 * SECOND + 7 * NANOSECOND, 10 * SECOND + 102 * NANOSECOND, 100.0, CrossMethod.EXTENDED
    )


def test_as_many_readings_are_taken_as_asked_for(install: Callable[[Driver], Driver]) -> None:
    install(Driver(PTP_SYS_OFFSET_PRECISE=errno.EOPNOTSUPP))
    widths = [CrossTimestamper(3, -29).read(readings).uncertainty_ns * 2 for readings in (1, 2, 3)]
    assert widths == [900, 700, 200]


def test_basic_stamps_come_third(install: Callable[[Driver], Driver]) -> None:
    install(Driver(PTP_SYS_OFFSET_PRECISE=errno.EOPNOTSUPP, PTP_SYS_OFFSET_EXTENDED=errno.ENOTTY))
    assert CrossTimestamper(3, -29).read() == CrossTimestamp(
        11 * SECOND + 7 * NANOSECOND, 10 * SECOND + 50 * NANOSECOND, 50.0, CrossMethod.BASIC
    )


def test_plain_reads_come_last(install: Callable[[Driver], Driver], monkeypatch: pytest.MonkeyPatch) -> None:
    refused = ("PTP_SYS_OFFSET_PRECISE", "PTP_SYS_OFFSET_EXTENDED", "PTP_SYS_OFFSET")
    install(Driver(**dict.fromkeys(refused, errno.EOPNOTSUPP)))
    reads = iter([100, 1000, 130, 200, 1100, 210, 300, 1200, 320, 400, 1300, 430, 500, 1400, 540])
    monkeypatch.setattr(cross_timestamp.time, "clock_gettime_ns", lambda _clock: next(reads))
    assert CrossTimestamper(3, -29).read() == CrossTimestamp(
        1100 * NANOSECOND, 205 * NANOSECOND, 5.0, CrossMethod.TWO_READS
    )


def test_the_method_that_worked_is_remembered(install: Callable[[Driver], Driver]) -> None:
    driver = install(Driver(PTP_SYS_OFFSET_PRECISE=errno.EOPNOTSUPP))
    timestamper = CrossTimestamper(3, -29)
    for _ in range(3):
        timestamper.read()
    assert driver.requests == ["PTP_SYS_OFFSET_PRECISE", *["PTP_SYS_OFFSET_EXTENDED"] * 3]


def test_a_method_that_worked_is_not_given_up_for_one_failure(install: Callable[[Driver], Driver]) -> None:
    driver = install(Driver())
    timestamper = CrossTimestamper(3, -29)
    timestamper.read()
    driver.refusals = {"PTP_SYS_OFFSET_PRECISE": errno.ETIMEDOUT}
    with pytest.raises(OSError, match="timed out"):
        timestamper.read()
    driver.refusals = {}
    assert timestamper.read().method is CrossMethod.PRECISE


def test_a_busy_driver_is_asked_again(install: Callable[[Driver], Driver]) -> None:
    install(Driver()).busy = 3
    assert CrossTimestamper(3, -29).read().method is CrossMethod.PRECISE


def test_a_driver_busy_for_ever_is_given_up_after_ten_tries() -> None:
    tries = []

    def request() -> None:
        tries.append(1)
        raise OSError(errno.EBUSY, "Device or resource busy")

    with pytest.raises(OSError, match="busy"):
        retry_busy(request)
    assert len(tries) == 10


def test_the_middle_of_an_odd_bracket_is_exact() -> None:
    assert tightest([(10, 50, 13)], CrossMethod.EXTENDED) == CrossTimestamp(
        50 * NANOSECOND, 11 * NANOSECOND + NANOSECOND // 2, 1.5, CrossMethod.EXTENDED
    )


# The clock, over a descriptor of /dev/null and a stand-in for clock_adjtime


class Adjustments:
    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.failures: list[int] = []

    def __call__(self, clock_id: int, timex: Timex) -> int:
        assert clock_id < 0
        if self.failures:
            number = self.failures.pop(0)
            raise OSError(number, os.strerror(number))
        if timex.modes == Modes.READ:
            timex.freq = -65_536
        names = ("modes", "offset", "freq", "tv_sec", "tv_usec")
        self.seen.append({name: getattr(timex, name) for name in names if getattr(timex, name)})
        return 0


@pytest.fixture
def adjustments() -> Adjustments:
    return Adjustments()


@pytest.fixture
def clock(adjustments: Adjustments, install: Callable[[Driver], Driver]) -> Phc:
    install(Driver())
    return Phc("/dev/null", adjtime=adjustments)


def test_a_hardware_stamp_is_a_reading_of_the_clock(clock: Phc) -> None:
    assert clock.local_time(123) == 123 * NANOSECOND
    assert clock.stamping is Timestamping.HARDWARE
    assert clock.max_frequency_ppb == 1_000_000


def test_adjustments_are_asked_for_in_the_kernel_s_units(clock: Phc, adjustments: Adjustments) -> None:
    clock.set_frequency(-1000.0)
    clock.step(-SECOND // 4)
    clock.adjust_phase(-3 * NANOSECOND)
    assert adjustments.seen == [
        {"modes": Modes.FREQUENCY, "freq": -65_536},
        {"modes": Modes.SETOFFSET | Modes.NANO, "tv_sec": -1, "tv_usec": 750_000_000},
        {"modes": Modes.OFFSET | Modes.NANO, "offset": -3},
    ]


def test_the_frequency_in_force_is_read_from_the_kernel(clock: Phc) -> None:
    assert clock.frequency_ppb() == -1000


def test_a_busy_clock_is_adjusted_on_the_next_try(clock: Phc, adjustments: Adjustments) -> None:
    adjustments.failures = [errno.EBUSY, errno.EBUSY]
    clock.set_frequency(1.0)
    assert len(adjustments.seen) == 1


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (errno.ERANGE, r"cannot set a frequency of 2000000\.000 ppb, the limit is ±1000000 ppb[\s\S]*within"),
        (errno.ENODEV, r"gone with its driver"),
        (errno.EPERM, r"CAP_SYS_TIME"),
        (errno.EIO, r"kernel log"),
    ],
)
def test_a_refused_adjustment_says_why_and_what_next(
    clock: Phc, adjustments: Adjustments, failure: int, sentence: str
) -> None:
    adjustments.failures = [failure] * 10
    with pytest.raises(HardwareError, match=sentence):
        clock.set_frequency(2_000_000.0)


def test_reading_what_is_no_clock_is_an_error_of_the_clock(clock: Phc) -> None:
    with pytest.raises(HardwareError, match="/dev/null: cannot read the clock"):
        clock.time()
    with pytest.raises(HardwareError, match="/dev/null: cannot set the clock"):
        clock.set_time(clock.local_time(0))


def test_a_device_that_is_not_there_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match=r"ptp9: cannot open the clock[\s\S]*`ptpstack nics` lists the clocks"):
        Phc(str(tmp_path / "ptp9"))


def test_a_device_that_may_not_be_opened_says_who_may(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> int:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(phc.os, "open", refuse)
    with pytest.raises(HardwareError, match="udev rule"):
        Phc("/dev/ptp0")


def test_a_file_that_is_no_clock_says_so() -> None:
    with pytest.raises(HardwareError, match="this is not a PTP clock"):
        Phc("/dev/null")
