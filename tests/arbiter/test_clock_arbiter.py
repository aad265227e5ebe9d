"""One clock has one writer; what it does not trust it does not follow; and it says why."""

import pytest
from msgspec.structs import replace

from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import (
    ClockStateChanged,
    MeasurementRejected,
    TimescaleMismatch,
    TimescaleTaken,
    WriterChosen,
)
from ptpstack.engine.outputs import Measurement
from ptpstack.servo.interface import ServoState
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime, PtpTime, TimeInterval
from ptpstack.wire.types import ClockIdentity, PortIdentity

LOCAL = LocalTime(1_000 * SECOND)


def measurement(
    mean_delay: TimeInterval = MILLISECOND, log_sync_interval: int = 0, offset: TimeInterval = 5 << 16
) -> Measurement:
    return Measurement(
        parent_port_identity=PortIdentity(ClockIdentity.from_text("001b19.fffe.000001"), 1),
        port_number=1,
        t1=PtpTime(int(LOCAL)),
        t2=LOCAL,
        offset_from_master=offset,
        mean_delay=mean_delay,
        log_sync_interval=log_sync_interval,
    )


def at(seconds: float) -> MonotonicTime:
    return MonotonicTime(round(seconds * SECOND))


def judge(arbiter: ClockArbiter, instance: str, seconds: float, log_sync_interval: int = 0) -> Verdict:
    return arbiter.judge(instance, measurement(log_sync_interval=log_sync_interval), LOCAL, at(seconds))[0]


def test_the_first_that_measures_becomes_the_writer_and_says_why() -> None:
    arbiter = ClockArbiter("soft", ["main"])
    assert arbiter.writer is None
    verdict, events = arbiter.judge("main", measurement(), LOCAL, at(0))
    assert verdict is Verdict.STEER
    assert events == [
        WriterChosen(clock="soft", writer="main", previous=None, rule="nothing else may steer this clock")
    ]


def test_what_leaves_the_first_chance_to_others_says_so_once() -> None:
    arbiter = ClockArbiter("soft", ["main", "ntp"])
    (event,) = arbiter.leaves("ntp", 30.0)
    assert str(event) == "soft: nobody steers it: ntp measures, and leaves it to main in the first 30 s"
    assert arbiter.rule == "ntp measures, and leaves it to main in the first 30 s"
    assert arbiter.leaves("ntp", 30.0) == []
    judge(arbiter, "main", 0)
    assert arbiter.leaves("ntp", 30.0) == []
    assert arbiter.rule == "it is the first of the configuration that measures"


def test_of_several_the_first_of_the_configuration_steers_and_the_others_measure() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"])
    assert judge(arbiter, "b", 0.0) is Verdict.STEER
    assert judge(arbiter, "a", 0.1) is Verdict.STEER
    assert arbiter.rule == "it measures again and stands before b"
    assert judge(arbiter, "b", 0.2) is Verdict.MEASURE
    assert arbiter.writer == "a"


def test_a_writer_that_falls_silent_gives_way() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"])
    judge(arbiter, "a", 0.0, log_sync_interval=-3)
    assert judge(arbiter, "b", 1.9, log_sync_interval=-3) is Verdict.MEASURE
    assert judge(arbiter, "b", 2.1, log_sync_interval=-3) is Verdict.STEER
    assert arbiter.rule == "a fell silent"


@pytest.mark.parametrize(("log_sync_interval", "silent_after_s"), [(-7, 2.0), (-3, 2.0), (0, 8.0), (1, 16.0)])
def test_silence_is_eight_sync_intervals_and_at_least_two_seconds(
    log_sync_interval: int, silent_after_s: float
) -> None:
    arbiter = ClockArbiter("soft", ["main"])
    judge(arbiter, "main", 0.0, log_sync_interval)
    assert arbiter.next_deadline() == at(silent_after_s)
    assert arbiter.check_silence(at(silent_after_s - 0.001)) == []
    events = arbiter.check_silence(at(silent_after_s))
    assert [type(event) for event in events] == [WriterChosen]
    assert arbiter.writer is None
    assert arbiter.next_deadline() is None


def test_an_instance_that_is_configured_to_measure_only_never_steers() -> None:
    arbiter = ClockArbiter("soft", [])
    assert judge(arbiter, "main", 0.0) is Verdict.MEASURE
    assert arbiter.writer is None
    assert arbiter.rule == "nothing is configured to steer it"


@pytest.mark.parametrize(
    ("mean_delay", "local_now", "reason"),
    [
        (MILLISECOND, LocalTime(int(LOCAL) + 3 * SECOND), "its Sync came 3.0 s ago"),
        (MILLISECOND, LocalTime(int(LOCAL) - SECOND), "its Sync is stamped 1.000 s in the clock's future"),
        (2 * SECOND, LOCAL, "a path delay of 2.000000 s is not possible"),
        (-2 * MILLISECOND, LOCAL, "a path delay of -0.002000 s is not possible"),
    ],
)
def test_what_cannot_be_true_is_rejected_with_the_reason(
    mean_delay: TimeInterval, local_now: LocalTime, reason: str
) -> None:
    arbiter = ClockArbiter("soft", ["main"])
    verdict, events = arbiter.judge("main", measurement(mean_delay), local_now, at(0))
    assert verdict is Verdict.REJECT
    assert events == [
        MeasurementRejected(
            clock="soft", port_number=1, offset_ns=5.0, mean_delay_ns=mean_delay / (1 << 16), reason=reason
        )
    ]
    assert arbiter.writer is None


def test_a_rejected_measurement_does_not_break_the_writers_silence() -> None:
    arbiter = ClockArbiter("soft", ["main"])
    judge(arbiter, "main", 0.0)
    arbiter.judge("main", measurement(2 * SECOND), LOCAL, at(7.9))
    arbiter.check_silence(at(8.0))
    assert arbiter.writer is None


def states(events: list[object]) -> list[ClockState]:
    return [event.state for event in events if isinstance(event, ClockStateChanged)]


def test_a_clock_goes_from_free_running_over_acquiring_to_locked_and_into_holdover() -> None:
    arbiter = ClockArbiter("soft", ["main"])
    judge(arbiter, "main", 0.0)
    assert states(arbiter.servo_moved(ServoState.UNLOCKED)) == [ClockState.ACQUIRING]
    assert states(arbiter.servo_moved(ServoState.JUMP)) == []
    assert states(arbiter.servo_moved(ServoState.LOCKED)) == [ClockState.LOCKED]
    assert states(arbiter.servo_moved(ServoState.LOCKED_STABLE)) == []
    assert states(arbiter.check_silence(at(8))) == [ClockState.HOLDOVER_IN_SPEC]
    judge(arbiter, "main", 20.0)
    assert states(arbiter.servo_moved(ServoState.LOCKED)) == [ClockState.LOCKED]
    assert states(arbiter.servo_moved(ServoState.UNLOCKED)) == [ClockState.ACQUIRING]


def test_a_clock_that_was_never_locked_runs_free_again_when_measurements_stop() -> None:
    arbiter = ClockArbiter("soft", ["main"])
    judge(arbiter, "main", 0.0)
    arbiter.servo_moved(ServoState.UNLOCKED)
    assert states(arbiter.check_silence(at(8))) == [ClockState.FREE_RUNNING]


def judged(arbiter: ClockArbiter, offset: TimeInterval) -> tuple[Verdict, list[type]]:
    verdict, events = arbiter.judge("main", measurement(offset=offset), LOCAL, at(0))
    return verdict, [type(event) for event in events]


@pytest.mark.parametrize("offset_s", [37, -37, 36.0, 30.5, -44.9])
def test_what_looks_like_tai_against_utc_never_moves_a_clock_that_guards_against_it(offset_s: float) -> None:
    arbiter = ClockArbiter("CLOCK_REALTIME", ["main"], refuses_timescale_mismatch=True)
    assert judged(arbiter, round(offset_s * SECOND)) == (Verdict.REJECT, [TimescaleMismatch])
    assert judged(arbiter, round(offset_s * SECOND)) == (Verdict.REJECT, [])
    assert arbiter.writer is None
    assert arbiter.rule.startswith("timescale mismatch: CLOCK_REALTIME is ")
    assert judged(arbiter, 0) == (Verdict.STEER, [WriterChosen])
    assert judged(arbiter, round(offset_s * SECOND)) == (Verdict.REJECT, [TimescaleMismatch])


def test_a_source_of_utc_by_definition_is_followed_over_any_offset() -> None:
    """NTP: a battery-backed clock may be off by 37 s for other reasons than a timescale."""
    arbiter = ClockArbiter("CLOCK_REALTIME", ["main"], refuses_timescale_mismatch=True)
    utc = replace(measurement(offset=37 * SECOND), is_utc=True)
    verdict, events = arbiter.judge("main", utc, LOCAL, at(0))
    assert (verdict, [type(event) for event in events]) == (Verdict.STEER, [WriterChosen])


@pytest.mark.parametrize("offset_s", [0, 1, 29, -30, 46, 3600, -1_700_000_000])
def test_other_offsets_are_no_mismatch(offset_s: int) -> None:
    arbiter = ClockArbiter("CLOCK_REALTIME", ["main"], refuses_timescale_mismatch=True)
    assert judged(arbiter, offset_s * SECOND) == (Verdict.STEER, [WriterChosen])


def test_a_clock_of_its_own_follows_over_a_mismatch_and_it_is_told() -> None:
    arbiter = ClockArbiter("/dev/ptp0", ["main"])
    assert judged(arbiter, 37 * SECOND) == (Verdict.STEER, [TimescaleTaken, WriterChosen])


def test_a_preferred_one_that_comes_back_must_measure_for_a_while_before_it_takes_a_clock_that_is_locked() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(return_after=5 * SECOND))
    judge(arbiter, "b", 0)
    arbiter.servo_moved(ServoState.LOCKED)
    for second in range(2, 10):
        assert judge(arbiter, "a", second) is (Verdict.STEER if second >= 7 else Verdict.MEASURE)
        judge(arbiter, "b", second)
    assert "for 5 s without a break" in arbiter.rule


def test_but_not_where_the_clock_is_not_locked() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(return_after=5 * SECOND))
    judge(arbiter, "b", 0)
    assert judge(arbiter, "a", 1) is Verdict.STEER
