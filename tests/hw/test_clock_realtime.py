"""CLOCK_REALTIME as a clock on the PTP timescale. The kernel here is a stand-in: nothing adjusts the real one."""

from __future__ import annotations

import errno
import time

import pytest

from hw.realtime import Leap, RealtimeClock
from hw.timestamping import Timestamping
from hw.timex import Modes, Status, Timex, clock_adjtime
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND


class Kernel:
    """``clock_adjtime`` with the state that it keeps."""

    def __init__(self) -> None:
        self.clock_ids: set[int] = set()
        self.members = {
            "freq": 0,
            "tick": 10_000,
            "status": int(Status.UNSYNC),
            "tai": 37,
            "maxerror": 0,
            "esterror": 0,
        }
        self.stepped_ns = 0
        self.refusal: int | None = None

    def adjtime(self, clock_id: int, timex: Timex) -> int:
        self.clock_ids.add(clock_id)
        if self.refusal is not None:
            raise OSError(self.refusal, "Operation not permitted")
        modes = Modes(timex.modes)
        for mode, member, source in (
            (Modes.FREQUENCY, "freq", "freq"),
            (Modes.TICK, "tick", "tick"),
            (Modes.STATUS, "status", "status"),
            (Modes.TAI, "tai", "constant"),
            (Modes.MAXERROR, "maxerror", "maxerror"),
            (Modes.ESTERROR, "esterror", "esterror"),
        ):
            if mode in modes:
                self.members[member] = getattr(timex, source)
        if Modes.SETOFFSET in modes:
            assert Modes.NANO in modes
            assert 0 <= timex.tv_usec < 1_000_000_000
            self.stepped_ns += timex.tv_sec * 1_000_000_000 + timex.tv_usec
        for member, value in self.members.items():
            setattr(timex, member, value)
        return 0


@pytest.fixture
def kernel() -> Kernel:
    return Kernel()


@pytest.fixture
def clock(kernel: Kernel) -> RealtimeClock:
    return RealtimeClock(adjtime=kernel.adjtime)


def test_local_time_is_utc_plus_the_kernel_s_tai_offset(clock: RealtimeClock) -> None:
    assert clock.local_time(5) == 5 * NANOSECOND + 37 * SECOND


def test_a_given_tai_offset_counts_instead(kernel: Kernel) -> None:
    clock = RealtimeClock(tai_offset_s=36, adjtime=kernel.adjtime)
    assert clock.local_time(5) == 5 * NANOSECOND + 36 * SECOND


def test_it_reads_the_system_s_clock(clock: RealtimeClock) -> None:
    before, read, after = time.time_ns(), clock.time(), time.time_ns()
    assert before * NANOSECOND <= int(read) - 37 * SECOND <= after * NANOSECOND
    assert clock.stamping is Timestamping.SOFTWARE


@pytest.mark.parametrize(
    ("ppb", "tick", "freq"),
    [
        pytest.param(0.0, 10_000, 0, id="nominal"),
        pytest.param(1.0, 10_000, 66, id="1 ppb is 65.536 units"),
        pytest.param(-1000.0, 10_000, -65_536, id="slower"),
        pytest.param(500_000.0, 10_000, 500 << 16, id="the most without the tick"),
        pytest.param(500_001.0, 10_005, 66, id="just beyond"),
        pytest.param(-730_000.0, 9_993, -(30 << 16), id="slower by the tick"),
        pytest.param(100_000_000.0, 11_000, 0, id="the most of all"),
    ],
)
def test_the_tick_takes_what_is_beyond_500_ppm(
    clock: RealtimeClock, kernel: Kernel, ppb: float, tick: int, freq: int
) -> None:
    clock.set_frequency(ppb)
    assert (kernel.members["tick"], kernel.members["freq"]) == (tick, freq)
    assert clock.frequency_ppb() == pytest.approx(ppb, abs=0.01)


def test_a_tick_left_by_another_program_is_put_right(clock: RealtimeClock, kernel: Kernel) -> None:
    kernel.members["tick"] = 9_999
    assert clock.frequency_ppb() == -100_000
    clock.set_frequency(10.0)
    assert clock.frequency_ppb() == pytest.approx(10, abs=0.01)


@pytest.mark.parametrize("ppb", [100_000_001.0, -100_000_001.0, float("nan")])
def test_a_frequency_beyond_the_limit_is_refused(clock: RealtimeClock, ppb: float) -> None:
    with pytest.raises(HardwareError, match="the limit is ±100000000 ppb"):
        clock.set_frequency(ppb)


@pytest.mark.parametrize("delta_ns", [1, -1, 0, 1_500_000_000, -1_500_000_000, 37_000_000_000])
def test_a_step_is_seconds_and_nanoseconds_of_either_sign(clock: RealtimeClock, kernel: Kernel, delta_ns: int) -> None:
    clock.step(delta_ns * NANOSECOND)
    assert kernel.stepped_ns == delta_ns


def test_a_step_is_rounded_to_the_nanosecond(clock: RealtimeClock, kernel: Kernel) -> None:
    clock.step(NANOSECOND * 7 // 4)
    assert kernel.stepped_ns == 2


def test_the_tai_offset_goes_to_the_kernel_and_counts_at_once(clock: RealtimeClock, kernel: Kernel) -> None:
    clock.set_tai_offset(38)
    assert kernel.members["tai"] == clock.kernel_tai_offset_s() == 38
    assert clock.local_time(0) == 38 * SECOND


@pytest.mark.parametrize(
    ("leap", "status"), [(Leap.INSERT, Status.INS), (Leap.DELETE, Status.DEL), (Leap.NONE, Status(0))]
)
def test_a_leap_second_is_announced_alone_and_other_flags_stay(
    clock: RealtimeClock, kernel: Kernel, leap: Leap, status: Status
) -> None:
    foreign = 0x2001
    kernel.members["status"] = foreign | Status.INS
    clock.set_leap(leap)
    assert kernel.members["status"] == foreign | status


def test_being_synchronized_is_told_with_the_errors_and_withdrawn(clock: RealtimeClock, kernel: Kernel) -> None:
    kernel.members["status"] = 0x2001 | Status.UNSYNC
    assert not clock.is_synchronized()
    clock.set_synchronized(max_error_us=100, estimated_error_us=3)
    assert clock.is_synchronized()
    assert (kernel.members["status"], kernel.members["maxerror"], kernel.members["esterror"]) == (0x2001, 100, 3)
    clock.set_unsynchronized()
    assert kernel.members["status"] == 0x2001 | Status.UNSYNC


def test_only_clock_realtime_is_ever_touched(clock: RealtimeClock, kernel: Kernel) -> None:
    clock.set_frequency(1.0)
    clock.step(0)
    assert kernel.clock_ids == {time.CLOCK_REALTIME}


def test_a_refusal_says_what_to_do(clock: RealtimeClock, kernel: Kernel) -> None:
    kernel.refusal = errno.EPERM
    with pytest.raises(HardwareError, match=r"CLOCK_REALTIME: cannot adjust the clock.*\n  next: .*CAP_SYS_TIME"):
        clock.step(SECOND)
    with pytest.raises(HardwareError, match="cannot read the clock's state"):
        clock.frequency_ppb()


def test_the_real_kernel_can_be_read() -> None:
    """Reading (modes 0) changes nothing; the tick proves that the layout of ``struct timex`` is right."""
    timex = Timex(modes=Modes.READ)
    clock_adjtime(time.CLOCK_REALTIME, timex)
    assert 9_000 <= timex.tick <= 11_000
    assert abs(timex.tv_sec - time.time()) < 3600


def test_a_clock_that_is_not_there_is_an_oserror() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        clock_adjtime(12345, Timex(modes=Modes.READ))
