"""Another timescale or another grandmaster is met by a step, or refused; never by a silent slew."""

from itertools import product

import pytest

from ptpstack.arbiter.events import StepAllowedAgain, TimescaleChanged
from ptpstack.arbiter.new_time import NewTime, NewTimeSettings
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.time import MICROSECOND, SECOND, LocalTime, PtpTime, TimeInterval
from ptpstack.wire.types import ClockIdentity, PortIdentity

NEIGHBOUR, GRANDMASTER = (ClockIdentity.from_text(f"0000aa.fffe.00000{number}") for number in (1, 2))
FAR = 3 * SECOND


def measured(
    offset: TimeInterval = 0,
    *,
    at_s: int = 0,
    of: ClockIdentity | None = NEIGHBOUR,
    ptp_timescale: bool | None = True,
    traceable: bool | None = False,
) -> Measurement:
    return Measurement(
        port_number=1,
        parent_port_identity=PortIdentity(NEIGHBOUR, 1),
        t1=PtpTime(at_s * SECOND),
        t2=LocalTime(at_s * SECOND + offset),
        offset_from_master=offset,
        mean_delay=0,
        log_sync_interval=0,
        grandmaster_identity=of,
        ptp_timescale=ptp_timescale,
        time_traceable=traceable,
    )


def keeping(first: Measurement, **settings: object) -> NewTime:
    """Return what a clock is that was acquired and locked by *first*."""
    new_time = NewTime("clock", NewTimeSettings(**settings))  # type: ignore[arg-type]
    new_time.acquires(first)
    assert new_time.follow("main", first) == (False, [])
    new_time.locked(first)
    return new_time


@pytest.mark.parametrize(
    ("rule", "was_traceable", "is_far"), list(product(["untraceable", "always", "never"], [False, True], [False, True]))
)
def test_another_grandmaster_far_away_may_be_stepped_to_by_the_rule(
    rule: str, was_traceable: bool, is_far: bool
) -> None:
    new_time = keeping(measured(traceable=was_traceable), step_on_new_grandmaster=rule)
    may_step, events = new_time.follow("main", measured(FAR if is_far else MICROSECOND, of=GRANDMASTER))
    expected = is_far and (rule == "always" or (rule == "untraceable" and not was_traceable))
    assert may_step is expected
    assert [type(event) for event in events] == [StepAllowedAgain] * expected
    if events:
        assert str(GRANDMASTER) in str(events[0])


def test_the_step_may_come_later_as_boundary_clocks_step_one_by_one_but_once_and_not_for_ever() -> None:
    new_time = keeping(measured())
    assert not new_time.follow("main", measured(of=GRANDMASTER, at_s=100))[0]
    assert new_time.follow("main", measured(FAR, of=GRANDMASTER, at_s=130))[0]
    assert not new_time.follow("main", measured(FAR, of=GRANDMASTER, at_s=131))[0]
    late = keeping(measured())
    late.follow("main", measured(of=GRANDMASTER, at_s=100))
    assert not late.follow("main", measured(FAR, of=GRANDMASTER, at_s=170))[0]


def test_the_same_grandmaster_that_steps_is_no_other() -> None:
    assert keeping(measured()).follow("main", measured(FAR)) == (False, [])


def test_a_servo_that_never_steps_does_not_then_either() -> None:
    new_time = keeping(measured(), first_step_threshold=0)
    assert new_time.follow("main", measured(FAR, of=GRANDMASTER)) == (False, [])


def told_of(events: list[Event]) -> TimescaleChanged:
    (event,) = events
    assert isinstance(event, TimescaleChanged)
    return event


def test_a_clock_on_tai_that_meets_a_grandmaster_on_its_own_timescale_is_stepped_and_it_is_told() -> None:
    ntp = measured(of=None, traceable=None)
    new_time = keeping(ntp)
    foreign = measured(-37 * SECOND, of=GRANDMASTER, ptp_timescale=False)
    assert new_time.refuses("main", foreign) == (False, [])
    may_step, events = new_time.follow("main", foreign)
    assert may_step
    assert not told_of(events).refused
    assert "its grandmaster's own after TAI" in str(told_of(events))
    assert new_time.follow("main", measured(of=GRANDMASTER, ptp_timescale=False)) == (False, [])


def test_or_it_is_refused_and_told_once() -> None:
    new_time = keeping(measured(of=None), timescale_change="refuse")
    foreign = measured(-37 * SECOND, of=GRANDMASTER, ptp_timescale=False)
    refused, events = new_time.refuses("main", foreign)
    assert refused
    assert told_of(events).refused
    assert new_time.refuses("main", foreign) == (True, [])
    assert new_time.refuses("other", measured()) == (False, [])


def test_37_s_between_sources_that_do_not_tell_are_not_slewed_either() -> None:
    new_time = keeping(measured(of=None, ptp_timescale=None))
    assert new_time.follow("main", measured(37 * SECOND, of=None, ptp_timescale=None))[0]


def test_who_does_not_tell_changes_no_timescale() -> None:
    new_time = keeping(measured())
    assert new_time.follow("ntp", measured(of=None, ptp_timescale=None, traceable=None)) == (False, [])
    assert new_time.follow("main", measured()) == (False, [])
