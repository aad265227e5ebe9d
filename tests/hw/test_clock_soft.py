"""The soft clock: a function of true time that is exact, continuous but for steps, and known to everybody."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.soft_clock import Segment, SoftClock
from hw.timestamping import Timestamping
from ptpstack.errors import HardwareError
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000

ERRORS_PPB = st.floats(-100_000, 100_000)
FREQUENCIES_PPB = st.floats(-100_000, 100_000)
STEPS = st.integers(-100 * SECOND, 100 * SECOND)
ADVANCES_NS = st.integers(1, 100 * SECOND_NS)
CHANGES = st.lists(
    st.tuples(
        ADVANCES_NS, st.one_of(st.tuples(st.just("set_frequency"), FREQUENCIES_PPB), st.tuples(st.just("step"), STEPS))
    ),
    max_size=50,
)


class TrueTime:
    """CLOCK_REALTIME and CLOCK_MONOTONIC_RAW as a test wants them."""

    def __init__(self) -> None:
        self.ns = START_NS
        self.raw_ns = 1_000

    def advance(self, ns: int) -> None:
        self.ns += ns
        self.raw_ns += ns

    def clock(self, **settings: object) -> SoftClock:
        return SoftClock("soft0", true_time_ns=lambda: self.ns, raw_time_ns=lambda: self.raw_ns, **settings)


def test_it_is_wrong_by_the_given_offset_from_the_start() -> None:
    true_time = TrueTime()
    clock = true_time.clock(offset_ns=-0.5 * SECOND_NS, frequency_error_ppb=50_000)
    assert clock.true_offset_ns(START_NS) == -0.5 * SECOND_NS
    assert clock.time() == (START_NS - SECOND_NS // 2) * NANOSECOND


@pytest.mark.parametrize(
    ("error_ppb", "frequency_ppb", "gained_ns_in_1000_s"),
    [
        (50_000, 0, 50_000_000),
        (-50_000, 0, -50_000_000),
        (0, 100, 100_000),
        (50_000, -50_000, -2_500),  # the factors multiply: 1.00005 x 0.99995
    ],
)
def test_it_gains_by_its_error_and_by_what_it_was_told(
    error_ppb: float, frequency_ppb: float, gained_ns_in_1000_s: float
) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb)
    clock.set_frequency(frequency_ppb)
    assert clock.frequency_ppb() == frequency_ppb
    assert clock.true_offset_ns(START_NS + 1000 * SECOND_NS) == pytest.approx(gained_ns_in_1000_s, abs=0.01)


@given(
    true_epoch_ns=st.integers(0, 2**62),
    local_epoch=st.integers(-(2**80), 2**80),
    rate=st.integers(1, 2**49),
    after_ns=st.integers(-(2**60), 2**60),
)
def test_a_segment_is_exact_integer_arithmetic(true_epoch_ns: int, local_epoch: int, rate: int, after_ns: int) -> None:
    segment = Segment(true_epoch_ns, local_epoch, rate)
    exact = local_epoch + Fraction(after_ns * rate, 2**32)
    assert segment.local_time(true_epoch_ns + after_ns) == math.floor(exact)


@given(error_ppb=ERRORS_PPB, frequencies=st.lists(st.tuples(ADVANCES_NS, FREQUENCIES_PPB), max_size=50))
def test_frequency_changes_leave_no_step(error_ppb: float, frequencies: list[tuple[int, float]]) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb)
    for advance_ns, ppb in frequencies:
        true_time.advance(advance_ns)
        before = clock.time()
        clock.set_frequency(ppb)
        assert clock.time() == before
    instants = sorted(segment.true_epoch_ns + near for segment in clock.segments() for near in (-1, 0, 1))
    readings = [clock.local_time(instant) for instant in instants]
    assert readings == sorted(readings)


@given(step=STEPS, error_ppb=ERRORS_PPB, advance_ns=ADVANCES_NS)
def test_a_step_moves_it_by_exactly_that(step: int, error_ppb: float, advance_ns: int) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb)
    true_time.advance(advance_ns)
    before = clock.time()
    clock.step(step)
    assert clock.time() - before == step


@given(error_ppb=ERRORS_PPB, changes=CHANGES)
def test_a_late_stamp_reads_what_the_clock_read_then(
    error_ppb: float, changes: list[tuple[int, tuple[str, float]]]
) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb)
    read_then = {true_time.ns: clock.time()}
    for advance_ns, (change, value) in changes:
        true_time.advance(advance_ns)
        read_then[true_time.ns - 1] = clock.local_time(true_time.ns - 1)
        getattr(clock, change)(value)
        read_then[true_time.ns] = clock.time()
    assert {stamp_ns: clock.local_time(stamp_ns) for stamp_ns in read_then} == read_then


@given(error_ppb=ERRORS_PPB, changes=CHANGES, later_ns=ADVANCES_NS)
def test_another_process_computes_the_same_truth(
    error_ppb: float, changes: list[tuple[int, tuple[str, float]]], later_ns: int
) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb, offset_ns=12.5)
    for advance_ns, (change, value) in changes:
        true_time.advance(advance_ns)
        getattr(clock, change)(value)
    exported = clock.as_dict()
    segment = Segment(exported["true_epoch_ns"], exported["local_epoch"], exported["rate"])
    true_time.advance(later_ns)
    assert segment.local_time(true_time.ns) == clock.time()
    assert segment.true_offset_ns(true_time.ns) == clock.true_offset_ns()


@given(error_ppb=ERRORS_PPB, changes=CHANGES, away_ns=ADVANCES_NS)
def test_it_runs_on_from_its_state_as_if_nobody_had_restarted(
    error_ppb: float, changes: list[tuple[int, tuple[str, float]]], away_ns: int
) -> None:
    true_time = TrueTime()
    clock = true_time.clock(frequency_error_ppb=error_ppb)
    for advance_ns, (change, value) in changes:
        true_time.advance(advance_ns)
        getattr(clock, change)(value)
    state = clock.as_dict()
    true_time.advance(away_ns)
    resumed = true_time.clock(offset_ns=99, frequency_error_ppb=error_ppb, state=state)
    assert resumed.time() == clock.time()
    assert resumed.as_dict() == state


def test_a_new_frequency_error_counts_from_the_restart_on() -> None:
    true_time = TrueTime()
    state = true_time.clock(frequency_error_ppb=1000).as_dict()
    true_time.advance(SECOND_NS)
    resumed = true_time.clock(frequency_error_ppb=2000, state=state)
    assert resumed.true_offset_ns() == pytest.approx(1000, abs=0.01)
    true_time.advance(SECOND_NS)
    assert resumed.true_offset_ns() == pytest.approx(3000, abs=0.01)


def test_its_history_is_bounded_and_older_stamps_read_by_the_oldest_segment() -> None:
    true_time = TrueTime()
    clock = true_time.clock()
    for _ in range(1000):
        true_time.advance(SECOND_NS)
        clock.step(MICROSECOND)
    oldest = clock.segments()[0]
    assert len(clock.segments()) == 256
    assert clock.local_time(START_NS) == oldest.local_time(START_NS)


@pytest.mark.parametrize("ppb", [100_000.1, -100_000.1, math.inf, math.nan])
def test_a_frequency_beyond_the_limit_is_refused_as_a_driver_does(ppb: float) -> None:
    clock = TrueTime().clock()
    with pytest.raises(HardwareError, match=r"soft0: cannot set a frequency of .* ppb \(the limit is ±100000 ppb\)"):
        clock.set_frequency(ppb)
    assert clock.frequency_ppb() == 0


@pytest.mark.parametrize("jump_ns", [SECOND_NS, -SECOND_NS, 2_000_000])
def test_a_step_of_the_system_s_clock_is_reported_once(jump_ns: int) -> None:
    true_time = TrueTime()
    clock = true_time.clock()
    true_time.advance(SECOND_NS)
    true_time.ns += jump_ns
    event = clock.check_true_time()
    assert event is not None
    assert event.as_dict() == {"event": "SystemClockJumped", "clock": "soft0", "jump_ns": jump_ns}
    assert str(jump_ns) in str(event)
    true_time.advance(SECOND_NS)
    assert clock.check_true_time() is None


def test_a_slewed_system_clock_is_no_jump() -> None:
    true_time = TrueTime()
    clock = true_time.clock()
    true_time.advance(100 * SECOND_NS)
    true_time.ns += 100 * 500_000  # 500 ppm, the most that the kernel slews
    assert clock.check_true_time() is None


def test_it_reads_the_kernel_s_clocks_when_left_alone() -> None:
    clock = SoftClock("soft0")
    assert clock.stamping is Timestamping.SOFTWARE
    assert clock.true_offset_ns() == 0
    assert clock.check_true_time() is None
    clock.close()
