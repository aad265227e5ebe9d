"""From measurements, silence and other hands to commands: what is to be done to a clock, in which order."""

import pytest

from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import ClockHeld, ClockStateChanged, FrequencyRestored, MeasurementRejected, WriterChosen
from ptpstack.arbiter.outputs import ClockMoved, Output, Purpose, Sampled, ServoLocked, Steer
from ptpstack.engine.outputs import Measurement
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.arbiter.scripted_servo import ScriptedServo

PARENT = PortIdentity(ClockIdentity.from_text("001b19.fffe.000001"), 1)
OTHER_PARENT = PortIdentity(ClockIdentity.from_text("001b19.fffe.000002"), 1)
JUMP, LOCKED, UNLOCKED = ServoState.JUMP, ServoState.LOCKED, ServoState.UNLOCKED


class Bench:
    """A discipline whose commands are done by a clock that is only a number."""

    def __init__(self, *candidates: str, learnt_ppb: float | None = None, step_threshold: int = 0) -> None:
        self.servo = ScriptedServo()
        self.discipline = ClockDiscipline(
            self.servo, ClockArbiter("it", candidates or ["main"]), learnt_ppb=learnt_ppb, step_threshold=step_threshold
        )
        self.now = MonotonicTime(0)
        self.does = True
        self.frequency_ppb: float | None = None

    def sample(self, command: ClockCommand | None = None, name: str = "main", **fields: object) -> list[Output]:
        """Let a second pass, then measure 1000 ns."""
        self.now += SECOND
        if command is not None:
            self.servo.script.append(command)
        local = LocalTime(int(self.now))
        return self.do(self.discipline.take(name, self.measurement(**fields), local, self.now))

    def measurement(self, **fields: object) -> Measurement:
        """Return one of 1000 ns, made now."""
        values: dict[str, object] = {
            "port_number": 1,
            "parent_port_identity": PARENT,
            "t1": PtpTime(0),
            "t2": LocalTime(int(self.now)),
            "offset_from_master": interval_from_ns(1000),
            "mean_delay": interval_from_ns(500),
            "log_sync_interval": 0,
        }
        return Measurement(**values | fields)

    def wait(self, seconds: float) -> list[Output]:
        """Let time pass, with every deadline in it."""
        end, outputs = self.now + round(seconds * SECOND), list[Output]()
        while (deadline := self.discipline.next_deadline()) is not None and deadline <= end:
            self.now = deadline
            outputs += self.do(self.discipline.handle_deadline(self.now))
        self.now = end
        return outputs

    def do(self, outputs: list[Output]) -> list[Output]:
        """Carry out, and return everything in order."""
        done = list[Output]()
        for output in outputs:
            done.append(output)
            if isinstance(output, Steer):
                if self.does:
                    self.frequency_ppb = output.frequency_ppb
                done += self.do(self.discipline.steered(output, self.now, done=self.does))
        return done


def of(kind: type, outputs: list[Output]) -> list:
    return [output for output in outputs if isinstance(output, kind)]


def test_a_measurement_becomes_a_command_then_a_state_then_a_sample() -> None:
    outputs = Bench().sample(ClockCommand(LOCKED, -250.0))
    assert [type(output).__name__ for output in outputs] == [
        "WriterChosen",
        "Steer",
        "ClockStateChanged",
        "ServoLocked",
        "Sampled",
    ]
    assert outputs[1] == Steer(Purpose.FOLLOW, -250.0)
    assert outputs[3] == ServoLocked("main", locked=True)


def test_a_step_is_told_once_the_clock_did_it_and_is_no_lock() -> None:
    bench = Bench()
    outputs = bench.sample(ClockCommand(JUMP, 5.0, step=-SECOND))
    assert of(ClockMoved, outputs) == [ClockMoved(-SECOND)]
    assert of(ServoLocked, outputs) == [ServoLocked("main", locked=False)]
    bench.does = False
    assert of(ClockMoved, bench.sample(ClockCommand(JUMP, 5.0, step=-SECOND))) == []


def test_an_unlocked_command_leaves_the_clock_alone() -> None:
    outputs = Bench().sample(ClockCommand(UNLOCKED, -250.0))
    assert of(Steer, outputs) == []
    assert of(ServoLocked, outputs) == [ServoLocked("main", locked=False)]


def test_a_command_that_the_clock_did_not_take_starts_the_servo_over_and_may_step() -> None:
    bench = Bench()
    bench.sample(ClockCommand(LOCKED, 1.0))
    bench.does, bench.servo.resets = False, []
    outputs = bench.sample(ClockCommand(LOCKED, 2.0))
    assert bench.servo.resets == [True]
    assert of(ServoLocked, outputs) == [ServoLocked("main", locked=False)]
    assert [sampled.state for sampled in of(Sampled, outputs)] == [UNLOCKED]
    assert (bench.discipline.samples, bench.discipline.commands) == (2, 1)


def test_an_instance_that_may_not_steer_is_measured_and_nothing_more() -> None:
    bench = Bench()
    (sampled,) = bench.sample(name="other")
    assert not sampled.steering
    assert bench.servo.samples == []


def test_an_impossible_measurement_goes_nowhere() -> None:
    bench = Bench()
    assert [type(output) for output in bench.sample(mean_delay=5 * SECOND)] == [MeasurementRejected]
    assert bench.servo.samples == []


def test_the_servo_hears_of_a_new_sync_interval_once() -> None:
    bench = Bench()
    for log_sync_interval in (0, 0, -3, -3):
        bench.sample(log_sync_interval=log_sync_interval)
    assert bench.servo.intervals == [SECOND, SECOND >> 3]


def test_samples_of_two_masters_never_make_one_frequency_estimate() -> None:
    bench = Bench()
    bench.sample(ClockCommand(UNLOCKED, 0.0))
    bench.servo.resets.clear()
    bench.sample(ClockCommand(UNLOCKED, 0.0), parent_port_identity=OTHER_PARENT)
    assert bench.servo.resets == [False]


def test_a_locked_servo_goes_on_over_a_change_of_master() -> None:
    bench = Bench()
    bench.sample(ClockCommand(LOCKED, 1.0))
    bench.servo.resets.clear()
    bench.sample(ClockCommand(LOCKED, 1.0), parent_port_identity=OTHER_PARENT)
    assert bench.servo.resets == []


def test_of_several_candidates_the_next_one_steers_when_the_first_falls_silent() -> None:
    bench = Bench("first", "second")
    for _ in range(9):
        bench.sample(name="first")
        bench.sample(name="second")
    assert bench.discipline.steered_by == "first"
    outputs = [output for _ in range(9) for output in bench.sample(name="second")]
    assert [event.writer for event in of(WriterChosen, outputs)] == ["second"]
    assert bench.discipline.steered_by == "second"


@pytest.mark.parametrize("moved", [37 * SECOND, -SECOND // 100])
def test_after_another_hand_nothing_measured_before_counts(moved: int) -> None:
    bench = Bench()
    bench.sample(ClockCommand(LOCKED, 1.0))
    bench.servo.resets.clear()
    outputs = bench.discipline.moved_by_others(moved)
    assert bench.servo.resets == [True]
    assert outputs[0] == ClockMoved(moved)
    assert outputs[-1] == ServoLocked("main", locked=False)
    assert bench.discipline.arbiter.state is ClockState.ACQUIRING
    (change,) = of(ClockStateChanged, outputs)
    assert change.rule == bench.discipline.arbiter.state_rule == "another hand moved it"


def test_a_clock_that_nobody_steers_and_another_hand_moved_is_only_told_of() -> None:
    assert Bench().discipline.moved_by_others(SECOND) == [ClockMoved(SECOND)]


def test_silence_is_holdover_at_the_mean_frequency_and_the_servo_goes_on_from_it() -> None:
    bench = Bench()
    for number in range(40):
        bench.sample(ClockCommand(LOCKED, 123.0 + (50.0 if number % 2 else -50.0)))
    outputs = bench.wait(20)
    assert bench.discipline.arbiter.state.is_holdover
    assert bench.frequency_ppb == pytest.approx(123.0, abs=3)
    (event,) = of(ClockHeld, outputs)
    assert event.last_command_ppb == 173.0
    assert bench.servo.held == [event.frequency_ppb] == [bench.frequency_ppb]


def test_a_lost_parent_is_holdover_at_once() -> None:
    bench = Bench()
    for _ in range(3):
        bench.sample(ClockCommand(LOCKED, 5.0))
    bench.do(bench.discipline.parent_lost("main", bench.now))
    assert bench.discipline.arbiter.state.is_holdover


def test_silence_before_the_clock_was_ever_locked_leaves_it_alone() -> None:
    bench = Bench()
    bench.sample(ClockCommand(UNLOCKED, 123.0))
    outputs = bench.wait(20)
    assert of(Steer, outputs) == bench.servo.held == []
    assert bench.discipline.arbiter.state is ClockState.FREE_RUNNING


def test_the_frequency_kept_is_set_when_steering_begins_and_not_before() -> None:
    bench = Bench(learnt_ppb=77.0)
    assert of(Steer, bench.sample(name="other")) == []
    outputs = bench.sample(ClockCommand(UNLOCKED, 77.0))
    assert of(Steer, outputs) == [Steer(Purpose.RESTORE, 77.0)]
    assert of(FrequencyRestored, outputs) == [FrequencyRestored(clock="it", frequency_ppb=77.0)]
    assert of(Steer, bench.sample(ClockCommand(UNLOCKED, 77.0))) == []


def test_another_device_in_the_clocks_place_begins_at_the_frequency_learnt() -> None:
    bench = Bench()
    assert bench.discipline.clock_replaced("that") == []
    for _ in range(9):
        bench.sample(ClockCommand(LOCKED, 5.0))
    assert of(Steer, bench.discipline.clock_replaced("that")) == [Steer(Purpose.RESTORE, 5.0)]
    assert bench.servo.resets[-1] is True
    assert bench.discipline.arbiter.clock == "that"


def hold(bench: Bench, kept_s: int = 200) -> None:
    """Keep the clock for long enough to be known, then let everybody fall silent."""
    for _ in range(kept_s):
        bench.sample(ClockCommand(LOCKED, 5.0), offset_from_master=0)
    bench.wait(20)
    assert bench.discipline.arbiter.state is ClockState.HOLDOVER_IN_SPEC


def test_in_holdover_the_clock_is_steered_anew_only_where_the_prediction_changes() -> None:
    bench = Bench()
    hold(bench)
    assert bench.frequency_ppb == pytest.approx(5.0, abs=1e-6)
    assert of(Steer, bench.wait(300)) == []
    assert bench.discipline.holdover_seconds(bench.now) == pytest.approx(320.0)


def test_the_states_of_holdover_are_told_with_bound_and_time() -> None:
    bench = Bench()
    hold(bench)
    changes = of(ClockStateChanged, bench.wait(15_000))
    assert [change.state for change in changes] == [ClockState.HOLDOVER_OUT_OF_SPEC]
    assert "the limit is" in changes[0].rule


@pytest.mark.parametrize("hand", ["moved", "set"])
def test_after_another_hand_in_holdover_nobody_knows_where_the_clock_is(hand: str) -> None:
    bench = Bench()
    hold(bench)
    assert bench.discipline.bound_ns(bench.now) is not None
    if hand == "moved":
        bench.do(bench.discipline.moved_by_others(SECOND))
    else:
        bench.do(bench.discipline.frequency_set_by_others(555.0, bench.now))
    assert bench.discipline.arbiter.state is ClockState.FREE_RUNNING
    assert bench.discipline.bound_ns(bench.now) is None


def test_until_the_next_source_steers_the_clock_holds_at_the_mean_frequency() -> None:
    bench = Bench("main", "ntp")
    for number in range(40):
        bench.sample(ClockCommand(LOCKED, 100.0 + (5.0 if number % 2 else -5.0)))
        bench.discipline.take("ntp", bench.measurement(log_sync_interval=4), LocalTime(int(bench.now)), bench.now)
    assert bench.frequency_ppb == 105.0
    outputs = bench.do(bench.discipline.parent_lost("main", bench.now))
    assert [event.writer for event in of(WriterChosen, outputs)] == ["ntp"]
    assert bench.frequency_ppb == pytest.approx(100.0, abs=0.5)
    assert bench.servo.held == [bench.frequency_ppb]
    assert bench.servo.sources == ["main"]
    bench.sample(ClockCommand(LOCKED, 90.0), name="ntp", log_sync_interval=4)
    assert bench.frequency_ppb == 90.0
    assert bench.servo.sources == ["main", "ntp"]


def test_after_holdover_five_offsets_say_where_the_clock_is_and_the_servo_is_shown_none_of_that_at_first() -> None:
    bench = Bench()
    hold(bench)
    bench.servo.samples.clear()
    found = [interval_from_ns(ns) for ns in (1000, 1010, 500_000, 990, 1000)]
    for offset in found:
        assert bench.servo.samples == []
        bench.sample(ClockCommand(LOCKED, 5.0), offset_from_master=offset)
    for _ in range(20):
        bench.sample(ClockCommand(LOCKED, 5.0), offset_from_master=found[0])
    shown = [offset / interval_from_ns(1) for offset, _ in bench.servo.samples]
    assert shown[0] == pytest.approx(0.0, abs=1.0)
    assert shown[5] == pytest.approx(500.0, abs=1.0)
    assert shown[-1] == pytest.approx(1000.0)


def test_an_offset_beyond_the_step_threshold_is_shown_at_once() -> None:
    bench = Bench(step_threshold=interval_from_ns(1e6))
    hold(bench)
    bench.servo.samples.clear()
    bench.sample(ClockCommand(LOCKED, 5.0), offset_from_master=interval_from_ns(2e6))
    assert [offset for offset, _ in bench.servo.samples] == [interval_from_ns(2e6)]


def test_when_another_frequency_drives_the_clock_its_holdover_is_out_of_spec_until_it_is_learnt_anew() -> None:
    bench = Bench()
    hold(bench)
    discipline = bench.discipline
    assert discipline.holdover_would_be(bench.now) is ClockState.HOLDOVER_IN_SPEC
    (event,) = discipline.oscillator_changed("the DPLL is in holdover")
    assert "forgotten" in str(event)
    assert discipline.bound_ns(bench.now) is None
    assert discipline.holdover_would_be(bench.now) is ClockState.HOLDOVER_OUT_OF_SPEC
    assert discipline.oscillator_changed("again") == []
