"""A reference clock in virtual time: which readings make its samples, and which second a pulse begins."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.client.events import SourceReachable, SourceUnreachable
from ntp.client.sample import Sample
from ntp.reference.clock import Expected, ReferenceClock
from ntp.reference.reading import Reading
from ntp.wire.packet import Leap
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, MonotonicTime, UtcTime

START_S = 1_795_000_000


def at(seconds: float) -> MonotonicTime:
    return MonotonicTime(round(seconds * SECOND))


def reading(second: int, *, late_ns: int = 0, **more: object) -> Reading:
    """CLOCK_REALTIME, which is the local clock here, is *late_ns* ahead of the truth."""
    values: dict[str, object] = {"bound": 10 * MICROSECOND, "kind": "test"} | more
    true_ns = (START_S + second) * 1_000_000_000
    return Reading(system_ns=true_ns + late_ns, true_ns=true_ns, **values)  # type: ignore[arg-type]


def feed(clock: ReferenceClock, *readings: Reading, now: float, expected: Expected | None = None) -> None:
    for one in readings:
        clock.take(one, UtcTime(one.system_ns * NANOSECOND), at(now), expected)


def samples(clock: ReferenceClock, now: float) -> list[Sample]:
    return [output for output in clock.handle_deadline(at(now)) if isinstance(output, Sample)]


def test_each_interval_gives_one_sample_the_reading_in_the_middle() -> None:
    clock = ReferenceClock("gps", log_interval=2)
    clock.start(at(0))
    assert clock.next_deadline() == at(4)
    late_us = (3, 900_000, 5, 4, -70_000)
    feed(clock, *(reading(n, late_ns=us * 1000) for n, us in enumerate(late_us)), now=3)
    (sample,) = samples(clock, 4)
    assert sample.offset == 4 * MICROSECOND
    assert sample.local == UtcTime((START_S + 3) * SECOND + 4 * MICROSECOND)
    assert sample.root_distance >= 10 * MICROSECOND
    assert clock.next_deadline() == at(8)


@given(
    st.lists(st.integers(-1000, 1000), min_size=3, max_size=15),
    st.lists(st.integers(-(10**9), 10**9), max_size=15),
)
def test_less_than_half_rubbish_never_moves_a_sample_beyond_the_good(good: list[int], rubbish: list[int]) -> None:
    rubbish = rubbish[: (len(good) - 1) // 2]
    clock = ReferenceClock("gps", log_interval=2)
    clock.start(at(0))
    feed(clock, *(reading(n, late_ns=ns) for n, ns in enumerate([*good, *rubbish])), now=1)
    (sample,) = samples(clock, 4)
    assert min(good) * NANOSECOND <= sample.offset <= max(good) * NANOSECOND


def test_it_is_reachable_with_its_first_sample_and_lost_after_eight_intervals_without() -> None:
    clock = ReferenceClock("gps", log_interval=0, reference_id=b"GPS\0")
    clock.start(at(0))
    assert clock.leap is Leap.UNSYNCHRONIZED
    feed(clock, reading(0), now=0.5)
    first = clock.handle_deadline(at(1))
    assert isinstance(first[0], SourceReachable)
    assert first[0].reference_id == "GPS"
    clock.failed("not connected")
    lost = [clock.handle_deadline(at(2 + n)) for n in range(8)]
    assert lost[:7] == [[]] * 7
    assert lost[7] == [SourceUnreachable(source="gps", reason="not connected")]


@pytest.mark.parametrize("ahead_ms", [-1700, -500, -499, -20, 0, 3, 499, 12_345_678])
@pytest.mark.parametrize("wrong_by_ms", [-390, 0, 390])
def test_a_pulse_is_numbered_by_what_others_say(ahead_ms: int, wrong_by_ms: int) -> None:
    clock = ReferenceClock("pps", log_interval=0)
    clock.start(at(0))
    system_ns = START_S * 1_000_000_000 + ahead_ms * 1_000_000
    pulse = Reading(
        system_ns=system_ns,
        true_ns=(system_ns + 500_000_000) // 1_000_000_000 * 1_000_000_000,
        bound=10 * MICROSECOND,
        kind="PPS",
        is_pulse=True,
    )
    feed(clock, pulse, now=0.5, expected=Expected((ahead_ms + wrong_by_ms) * MILLISECOND, 395 * MILLISECOND))
    (sample,) = samples(clock, 1)
    assert sample.offset == ahead_ms * MILLISECOND


@pytest.mark.parametrize("expected", [None, Expected(0, 450 * MILLISECOND)])
def test_a_pulse_that_nobody_numbers_is_no_sample(expected: Expected | None) -> None:
    clock = ReferenceClock("pps", log_interval=0)
    clock.start(at(0))
    feed(clock, reading(0, is_pulse=True), now=0.5, expected=expected)
    assert samples(clock, 1) == []
    assert "nothing tells which seconds they begin" in clock.trouble


def test_pulses_go_on_by_themselves_when_the_others_are_gone() -> None:
    clock = ReferenceClock("pps", log_interval=0)
    clock.start(at(0))
    for second in range(5):
        feed(clock, reading(second, is_pulse=True), now=second + 0.5, expected=Expected(0, MILLISECOND))
        assert samples(clock, second + 1)
    feed(clock, reading(5, is_pulse=True), now=5.5, expected=None)
    assert [sample.offset for sample in samples(clock, 6)] == [0]


def test_the_better_kind_of_readings_begins_anew_and_the_worse_waits_for_it() -> None:
    clock = ReferenceClock("gps", log_interval=0)
    clock.start(at(0))
    feed(clock, reading(0, late_ns=80_000_000), now=0.5)
    assert samples(clock, 1)[0].offset == 80 * MILLISECOND
    feed(clock, reading(1, late_ns=2000, rank=1), reading(1, late_ns=80_000_000), now=1.5)
    (sample,) = samples(clock, 2)
    assert sample.offset == 2 * MICROSECOND
    assert len(clock.samples) == 1
    feed(clock, reading(7, late_ns=80_000_000), now=7.5)
    assert samples(clock, 8)[0].offset == 80 * MILLISECOND


def test_a_step_of_the_clock_moves_samples_along_and_voids_what_was_noted() -> None:
    clock = ReferenceClock("gps", log_interval=0)
    clock.start(at(0))
    feed(clock, reading(0, late_ns=1000), now=0.5)
    samples(clock, 1)
    feed(clock, reading(1, late_ns=1000), now=1.5)
    clock.clock_stepped(SECOND)
    assert samples(clock, 2) == []
    assert clock.samples.newest is not None
    assert clock.samples.newest.offset == SECOND + MICROSECOND


@pytest.mark.parametrize("change_ppb", [-1_000_000, 400_000])
@pytest.mark.parametrize("taken_before", [True, False])
def test_readings_stamped_before_the_clock_ran_at_another_speed_count_as_if_it_always_had(
    change_ppb: float,
    taken_before: bool,
) -> None:
    """What a sample says of now would else be wrong by all that the clock has run since, at the other speed."""
    clock = ReferenceClock("pps", log_interval=0)
    clock.start(at(0))
    stamped = reading(0, late_ns=3000)
    changed_at = UtcTime((START_S * 1_000_000_000 + 600_000_000) * NANOSECOND)
    if taken_before:
        feed(clock, stamped, now=0.1)
    clock.frequency_changed(change_ppb, changed_at)
    if not taken_before:
        feed(clock, stamped, now=0.7)
    (sample,) = samples(clock, 1)
    assert sample.local == stamped.system_ns * NANOSECOND
    since_stamp_s = (changed_at - sample.local) / SECOND
    assert sample.offset == pytest.approx((3000 - change_ppb * since_stamp_s) * NANOSECOND, abs=2 * NANOSECOND)
