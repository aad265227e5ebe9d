"""The check of a clock against the raw monotonic one."""

import pytest

from ptpstack.servo.events import SanityFailed
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import SECOND, LocalTime, MonotonicTime


class Bench:
    """A clock and a raw clock read together."""

    def __init__(self, frequency_ppb: float = 0.0, limit_ppb: float = 200e6) -> None:
        self.check = ClockCheck(limit_ppb)
        self.check.set_frequency(frequency_ppb)
        self.local, self.raw = 10**6 * SECOND, 50 * SECOND
        assert self.read(0, 0) is None

    def read(self, local_s: float, raw_s: float) -> SanityFailed | None:
        self.local += round(local_s * SECOND)
        self.raw += round(raw_s * SECOND)
        return self.check.sample(LocalTime(self.local), MonotonicTime(self.raw))


@pytest.mark.parametrize("local_s", [1.7, 1.9, 2.0, 2.1, 2.39])
def test_a_clock_within_a_fifth_of_the_raw_one_passes(local_s: float) -> None:
    assert Bench().read(local_s, 2.0) is None


@pytest.mark.parametrize(
    ("local_s", "error_ppb", "says"),
    [(2.5, 0.25e9, "forward"), (1.5, -0.25e9, "backward"), (-35.0, -18.5e9, "backward")],
)
def test_a_clock_off_by_more_than_a_fifth_fails(local_s: float, error_ppb: float, says: str) -> None:
    failed = Bench().read(local_s, 2.0)
    assert failed.error_ppb == pytest.approx(error_ppb)
    assert failed.limit_ppb == 200_000_000
    assert says in str(failed)


def test_a_step_of_37_s_behind_our_back_is_seen_and_our_own_is_not() -> None:
    bench = Bench()
    assert bench.read(1 + 37, 1).error_ppb == pytest.approx(37e9)
    assert bench.read(1, 1) is None
    bench.check.stepped(37 * SECOND)
    assert bench.read(1 + 37, 1) is None


@pytest.mark.parametrize(("local_s", "raw_s"), [(0.5, 1.5), (1.5, 0.5), (0.2, 0.2)])
def test_nothing_is_judged_before_both_clocks_advanced_a_second(local_s: float, raw_s: float) -> None:
    assert Bench().read(local_s, raw_s) is None


def test_short_readings_add_up() -> None:
    bench = Bench()
    assert [bench.read(0.5, 0.3) is None for _ in range(4)] == [True, True, True, False]


def test_nothing_is_judged_before_a_frequency_was_set_nor_after_a_reset() -> None:
    check = ClockCheck()
    assert [check.sample(LocalTime(t * 9 * SECOND), MonotonicTime(t * SECOND)) for t in range(4)] == [None] * 4
    bench = Bench()
    bench.check.reset()
    assert bench.read(9, 2) is None


def test_frequencies_set_since_the_last_look_are_allowed_for() -> None:
    bench = Bench(frequency_ppb=-0.4e9)
    bench.check.set_frequency(+0.4e9)
    assert bench.read(0.6 * 2, 2) is None  # it may have run slow all the time
    bench.check.set_frequency(-0.4e9)
    bench.check.set_frequency(+0.4e9)
    assert bench.read(1.4 * 2, 2) is None  # or fast
    assert bench.read(0.6 * 2, 2) is not None  # but not slow once only the fast rate was set


def test_a_clock_that_was_read_slowly_is_not_blamed_for_what_is_not_known_of_when() -> None:
    check = ClockCheck()
    check.set_frequency(0.0)
    assert check.sample(LocalTime(SECOND), MonotonicTime(0), SECOND) is None  # read at the end of the bracket
    assert check.sample(LocalTime(3 * SECOND), MonotonicTime(3 * SECOND), SECOND // 2) is None  # at its begin
    assert check.sample(LocalTime(5 * SECOND + SECOND // 2), MonotonicTime(5 * SECOND), SECOND // 2) is None
    assert check.sample(LocalTime(8 * SECOND), MonotonicTime(7 * SECOND), SECOND // 2) is None
    assert check.sample(LocalTime(11 * SECOND), MonotonicTime(9 * SECOND), 0) is not None  # never so much in 2 s


@pytest.mark.parametrize("limit", [0, 1e9])
def test_the_limit_can_be_widened_or_switched_off(limit: float) -> None:
    assert Bench(limit_ppb=limit).read(3, 2) is None


@pytest.mark.parametrize(
    ("read_ppb", "told"), [(100.0, False), (100.9, False), (99.1, False), (101.5, True), (0, True)]
)
def test_a_frequency_that_is_not_the_one_last_set_is_told(read_ppb: float, told: bool) -> None:
    check = ClockCheck()
    assert check.frequency_read(12345.0) is None  # nothing was set yet
    check.set_frequency(100.0)
    event = check.frequency_read(read_ppb)
    assert (event is not None) == told
    if event:
        assert (event.expected_ppb, event.found_ppb) == (100.0, read_ppb)
        assert "another program" in str(event)
