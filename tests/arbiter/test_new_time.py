"""Another timescale or another grandmaster is met by a step, or refused; never by a silent slew."""

from itertools import product

import pytest

from ptpstack.arbiter.events import NewTimeDoubted, StepAllowedAgain, TimescaleChanged
from ptpstack.arbiter.new_time import Meeting, NewTime, NewTimeSettings
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
    assert new_time.follow("main", first) == (Meeting.KEPT, [])
    new_time.locked(first)
    return new_time


def follow_two(new_time: NewTime, first: Measurement, second: Measurement) -> tuple[Meeting, list[Event]]:
    """Return what two measurements say together, and all that was told but for the doubt of the first one."""
    meeting, events = new_time.follow("main", first)
    assert meeting in {Meeting.KEPT, Meeting.DOUBTED}
    assert [isinstance(event, NewTimeDoubted) for event in events].count(True) == (meeting is Meeting.DOUBTED)
    told = [event for event in events if not isinstance(event, NewTimeDoubted)]
    meeting, events = new_time.follow("main", second)
    return meeting, told + events


@pytest.mark.parametrize(
    ("rule", "was_traceable", "is_far"), list(product(["untraceable", "always", "never"], [False, True], [False, True]))
)
def test_another_grandmaster_far_away_may_be_stepped_to_by_the_rule(
    rule: str, was_traceable: bool, is_far: bool
) -> None:
    new_time = keeping(measured(traceable=was_traceable), step_on_new_grandmaster=rule)
    offset = FAR if is_far else MICROSECOND
    meeting, events = follow_two(
        new_time, measured(offset, of=GRANDMASTER), measured(offset + MICROSECOND, of=GRANDMASTER, at_s=1)
    )
    expected = is_far and (rule == "always" or (rule == "untraceable" and not was_traceable))
    assert (meeting is Meeting.ANOTHER) is expected
    assert [type(event) for event in events] == [StepAllowedAgain] * expected
    if events:
        assert str(GRANDMASTER) in str(events[0])


def test_the_step_may_come_later_as_boundary_clocks_step_one_by_one_but_once_and_not_for_ever() -> None:
    new_time = keeping(measured())
    assert new_time.follow("main", measured(of=GRANDMASTER, at_s=100))[0] is Meeting.KEPT
    far = [measured(FAR, of=GRANDMASTER, at_s=at_s) for at_s in range(130, 134)]
    assert follow_two(new_time, *far[:2])[0] is Meeting.ANOTHER
    assert follow_two(new_time, *far[2:])[0] is Meeting.KEPT
    late = keeping(measured())
    late.follow("main", measured(of=GRANDMASTER, at_s=100))
    assert late.follow("main", measured(FAR, of=GRANDMASTER, at_s=170)) == (Meeting.KEPT, [])


US = MICROSECOND


@pytest.mark.parametrize(
    ("offsets", "another"),
    [
        ([56 * US, 0, 56 * US], False),
        ([56 * US, -56 * US, 56 * US], False),  # another side each time
        ([56 * US, 113 * US], False),  # more than twice as far, or less than half
        ([113 * US, 56 * US], False),
        ([56 * US, 112 * US], True),
        ([112 * US, 56 * US], True),
        ([-3 * SECOND, -3 * SECOND], True),
        ([56 * US, -3 * SECOND, -3 * SECOND], True),
        ([56 * US, 19 * US, 56 * US], False),
    ],
)
def test_one_offset_alone_says_nothing_and_a_second_one_has_to_agree(
    offsets: list[TimeInterval], another: bool
) -> None:
    new_time = keeping(measured())
    new_time.follow("main", measured(of=GRANDMASTER, at_s=1))
    meetings = [
        new_time.follow("main", measured(offset, of=GRANDMASTER, at_s=at_s))[0]
        for at_s, offset in enumerate(offsets, start=2)
    ]
    assert [meeting is Meeting.ANOTHER for meeting in meetings] == [False] * (len(offsets) - 1) + [another]


@pytest.mark.parametrize(
    "second",
    [
        measured(FAR, of=NEIGHBOUR, at_s=2),
        measured(FAR, of=GRANDMASTER, at_s=5),  # it may have stepped in between
    ],
)
def test_nor_does_one_of_another_grandmaster_or_long_after(second: Measurement) -> None:
    new_time = keeping(measured(), step_on_new_grandmaster="always")
    meeting, _ = follow_two(new_time, measured(FAR, of=GRANDMASTER, at_s=1), second)
    assert meeting is Meeting.DOUBTED


def test_the_same_grandmaster_that_steps_is_no_other() -> None:
    assert follow_two(keeping(measured()), measured(FAR), measured(FAR, at_s=1)) == (Meeting.KEPT, [])


def test_a_servo_that_never_steps_does_not_then_either() -> None:
    new_time = keeping(measured(), first_step_threshold=0)
    far = measured(FAR, of=GRANDMASTER)
    assert follow_two(new_time, far, far) == (Meeting.KEPT, [])


def told_of(events: list[Event]) -> TimescaleChanged:
    (event,) = events
    assert isinstance(event, TimescaleChanged)
    return event


def test_a_clock_on_tai_that_meets_a_grandmaster_on_its_own_timescale_is_stepped_and_it_is_told() -> None:
    ntp = measured(of=None, traceable=None)
    new_time = keeping(ntp)
    foreign = measured(-37 * SECOND, of=GRANDMASTER, ptp_timescale=False)
    assert new_time.refuses("main", foreign) == (False, [])
    meeting, events = follow_two(new_time, foreign, measured(-37 * SECOND, of=GRANDMASTER, ptp_timescale=False, at_s=1))
    assert meeting is Meeting.ANOTHER
    assert not told_of(events).refused
    assert "its grandmaster's own after TAI" in str(told_of(events))
    assert new_time.follow("main", measured(of=GRANDMASTER, ptp_timescale=False)) == (Meeting.KEPT, [])


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
    leap = measured(37 * SECOND, of=None, ptp_timescale=None)
    assert follow_two(new_time, leap, leap)[0] is Meeting.ANOTHER


def test_who_does_not_tell_changes_no_timescale() -> None:
    new_time = keeping(measured())
    assert new_time.follow("ntp", measured(of=None, ptp_timescale=None, traceable=None)) == (Meeting.KEPT, [])
    assert new_time.follow("main", measured()) == (Meeting.KEPT, [])
