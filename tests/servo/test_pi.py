"""The PI servo against formulas worked out here, and on clocks whose truth is known."""

import random

import pytest

from ptpstack.servo.discipline import FITS_AGAIN
from ptpstack.servo.events import ClockStepped, FrequencyClamped, ServoStateChanged
from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.servo.pi import PiServo, PiSettings, gains
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, LocalTime

UNLOCKED, JUMP, LOCKED, STABLE = ServoState


def feed(servo: PiServo, *offsets_ns: float, start_s: float = 1.0, interval_s: float = 1.0) -> list[ClockCommand]:
    """Feed one offset each interval and return the commands."""
    return [
        servo.sample(round(offset * NANOSECOND), LocalTime(round((start_s + i * interval_s) * SECOND)))
        for i, offset in enumerate(offsets_ns)
    ]


def locked_servo(settings: PiSettings | None = None) -> PiServo:
    """A servo at s2 that has learnt that the clock has no frequency error."""
    servo = PiServo(settings)
    assert feed(servo, 0, 0)[-1].state is LOCKED
    return servo


class TestGains:
    @pytest.mark.parametrize(
        ("interval_s", "kp", "ki"),
        [
            (1.0, 0.7, 0.3),
            (1 / 8, 1.31, 0.131),
            (1 / 16, 1.61, 0.099),
            (2.0, 0.35, 0.15),  # normalized: 0.7/2 and 0.3/2
            (16.0, 0.7 / 16, 0.3 / 16),
        ],
    )
    def test_of_hardware_stamps_follow_the_sync_interval(self, interval_s: float, kp: float, ki: float) -> None:
        assert gains(PiSettings(), interval_s) == pytest.approx((kp, ki), rel=5e-3)

    @pytest.mark.parametrize(("interval_s", "kp", "ki"), [(1.0, 0.1, 0.001), (1 / 8, 0.1866, 0.000435)])
    def test_of_software_stamps_are_gentler(self, interval_s: float, kp: float, ki: float) -> None:
        assert gains(PiSettings(hardware_timestamping=False), interval_s) == pytest.approx((kp, ki), rel=5e-3)

    def test_constants_hold_for_every_interval_until_they_would_be_unstable(self) -> None:
        settings = PiSettings(proportional_const=0.5, integral_const=0.2)
        assert gains(settings, 1 / 16) == (0.5, 0.2)
        assert gains(settings, 4.0) == (0.25, 0.2)  # 1/T = 0.25, 2/T = 0.5
        assert gains(settings, 16.0) == (1 / 16, 2 / 16)

    def test_one_constant_alone_counts_for_nothing(self) -> None:
        assert gains(PiSettings(proportional_const=0.5), 1.0) == (0.7, 0.3)

    def test_scales_of_ones_own_replace_both_defaults_or_none(self) -> None:
        assert gains(PiSettings(proportional_scale=0.2, integral_scale=0.01), 1.0) == (0.2, 0.01)
        assert gains(PiSettings(proportional_scale=0.2), 1.0) == (0.7, 0.3)


class TestFrequencyEstimate:
    def test_the_first_sample_moves_nothing(self) -> None:
        (command,) = feed(PiServo(initial_frequency_ppb=-321.0), 5e8)
        assert (command.state, command.frequency_ppb, command.step) == (UNLOCKED, -321.0, 0)

    @pytest.mark.parametrize("initial_ppb", [0.0, 2500.0, -40_000.0])
    def test_the_second_one_gives_the_rate_that_stops_the_drift(self, initial_ppb: float) -> None:
        # The clock gained 1000 ns in 1 s of its own time.
        _, command = feed(PiServo(initial_frequency_ppb=initial_ppb), 0, 1000)
        output = -initial_ppb + (1e9 - -initial_ppb) * 1000 / 1e9  # linuxptp's drift
        assert command.state is LOCKED
        assert command.frequency_ppb == pytest.approx(-output, rel=1e-12)

    def test_waits_for_16_ms_over_ki(self) -> None:
        servo = PiServo()
        servo.set_sync_interval(SECOND // 16)
        needed_s = 0.016 / (0.3 * (1 / 16) ** 0.4)  # 0.162 s: the third sample after the first
        states = [c.state for c in feed(servo, 0, 0, 0, 0, interval_s=1 / 16)]
        assert 2 / 16 < needed_s < 3 / 16
        assert states == [UNLOCKED, UNLOCKED, UNLOCKED, LOCKED]

    def test_a_sample_short_by_less_than_a_thousandth_is_long_enough(self) -> None:
        settings = PiSettings(proportional_const=0.1, integral_const=0.016)  # needs 1 s
        assert feed(PiServo(settings), 0, 0, interval_s=0.9995)[-1].state is LOCKED
        assert feed(PiServo(settings), 0, 0, interval_s=0.998)[-1].state is UNLOCKED

    def test_never_waits_longer_than_1000_s(self) -> None:
        settings = PiSettings(proportional_const=0.1, integral_const=1e-9)
        assert [c.state for c in feed(PiServo(settings), 0, 0, 0, interval_s=999)] == [UNLOCKED, UNLOCKED, LOCKED]

    def test_starts_again_when_the_second_sample_is_not_younger(self) -> None:
        servo = PiServo()
        states = [servo.sample(0, LocalTime(t * SECOND)).state for t in (5, 5, 6, 7)]
        assert states == [UNLOCKED, UNLOCKED, UNLOCKED, LOCKED]

    def test_is_clamped_to_the_clocks_range(self) -> None:
        _, command = feed(PiServo(PiSettings(max_frequency_ppb=500.0)), 0, 1000)
        assert command.frequency_ppb == -500.0
        assert [type(e) for e in command.events] == [FrequencyClamped, ServoStateChanged]

    def test_is_made_anew_after_a_reset_from_the_frequency_learnt(self) -> None:
        servo = PiServo(initial_frequency_ppb=1234.0)
        feed(servo, 0, 0)
        servo.reset()
        commands = feed(servo, 0, 0, start_s=10)
        assert [c.state for c in commands] == [UNLOCKED, LOCKED]
        assert commands[-1].frequency_ppb == 1234.0


class TestSteering:
    def test_output_is_proportional_plus_integral_plus_drift(self) -> None:
        servo = locked_servo()
        drift = 0.0
        for offset, command in zip(offsets := (100, -50, 7), feed(servo, *offsets, start_s=3), strict=True):
            output = 0.7 * offset + drift + 0.3 * offset
            drift += 0.3 * offset
            assert command.frequency_ppb == pytest.approx(-output, abs=1e-9)

    def test_weight_scales_both_terms(self) -> None:
        command = locked_servo().sample(100 * NANOSECOND, LocalTime(3 * SECOND), weight=0.25)
        assert command.frequency_ppb == pytest.approx(-0.25 * 100)

    def test_a_slow_clock_is_made_faster(self) -> None:
        assert feed(locked_servo(), -100, start_s=3)[0].frequency_ppb > 0

    def test_the_integral_is_frozen_while_the_output_is_clamped(self) -> None:
        servo = locked_servo(PiSettings(max_frequency_ppb=1000.0))
        commands = feed(servo, *[5000] * 50, start_s=3)
        assert {c.frequency_ppb for c in commands} == {-1000.0}
        assert servo.drift_ppb == 0.0
        assert feed(servo, 0, start_s=60)[0].frequency_ppb == 0.0

    def test_clamping_is_told_once_until_it_ends(self) -> None:
        noisy, quiet = (5000, 5000, 0, -5000, 0), (0,) * FITS_AGAIN
        servo = locked_servo(PiSettings(max_frequency_ppb=1000.0))
        commands = feed(servo, *noisy, *quiet, -5000, start_s=3)
        told = [(n, e) for n, c in enumerate(commands) for e in c.events if isinstance(e, FrequencyClamped)]
        assert [n for n, _ in told] == [0, len(commands) - 1]
        assert told[1][1].wanted_ppb == pytest.approx(5000.0)


class TestSteps:
    @pytest.mark.parametrize(
        ("first_us", "step_us", "offset_us", "state"),
        [
            (20, 0, 20, LOCKED),
            (20, 0, 21, JUMP),
            (20, 0, -21, JUMP),
            (0, 0, 500_000, LOCKED),  # never step
            (0, 100, 101, JUMP),
            (0, 100, 100, LOCKED),
            (200, 100, 150, JUMP),
        ],
    )
    def test_the_first_update_steps_beyond_either_threshold(
        self, first_us: int, step_us: int, offset_us: int, state: ServoState
    ) -> None:
        settings = PiSettings(first_step_threshold=first_us * MICROSECOND, step_threshold=step_us * MICROSECOND)
        command = feed(PiServo(settings), offset_us * 1000, offset_us * 1000)[-1]
        assert command.state is state
        assert command.step == (-offset_us * MICROSECOND if state is JUMP else 0)

    def test_after_the_step_the_servo_steers(self) -> None:
        assert [c.state for c in feed(PiServo(), 1e6, 1e6, 0, 5)] == [UNLOCKED, JUMP, LOCKED, LOCKED]

    def test_by_default_a_locked_servo_slews_whatever_comes(self) -> None:
        servo = locked_servo()
        assert {c.state for c in feed(servo, 1e9, 1e9, start_s=3)} == {LOCKED}

    def test_the_first_threshold_counts_for_the_first_update_only(self) -> None:
        servo = locked_servo()
        servo.reset()
        assert feed(servo, 5e8, 5e8, start_s=3)[-1].state is LOCKED

    def test_after_another_hand_moved_the_clock_it_counts_for_one_update_again(self) -> None:
        servo = locked_servo()
        servo.reset(clock_moved=True)
        assert [c.state for c in feed(servo, 37e9, 37e9, 0, 5e8, start_s=3)] == [UNLOCKED, JUMP, LOCKED, LOCKED]

    def test_a_servo_goes_on_from_the_frequency_that_was_held(self) -> None:
        servo = locked_servo()
        servo.hold(1234.0)
        assert feed(servo, 0, start_s=30)[-1].frequency_ppb == 1234.0

    def test_step_threshold_brings_a_locked_servo_back_to_the_estimate_and_then_steps(self) -> None:
        servo = locked_servo(PiSettings(step_threshold=50 * MICROSECOND))
        commands = feed(servo, 60_000, 60_000, 60_000, 0, start_s=3)
        assert [c.state for c in commands] == [UNLOCKED, UNLOCKED, JUMP, LOCKED]
        assert [c.step for c in commands] == [0, 0, -60 * MICROSECOND, 0]

    def test_a_step_names_the_rule_and_the_signs(self) -> None:
        step, change = feed(PiServo(), 5e8, 5e8)[-1].events
        assert isinstance(step, ClockStepped)
        assert isinstance(change, ServoStateChanged)
        assert (step.step_ns, step.offset_ns) == (-5e8, 5e8)
        assert str(step) == (
            "clock stepped back by 500000000 ns, offset was +500000000 ns (local - master): "
            "beyond first_step_threshold 20000 ns"
        )
        assert change.as_dict()["state"] == "JUMP"


class TestStable:
    settings = PiSettings(servo_offset_threshold=30 * NANOSECOND, servo_num_offset_values=3)

    def test_is_reached_after_that_many_offsets_in_a_row(self) -> None:
        servo = PiServo(self.settings)
        states = [c.state for c in feed(servo, 0, 0, 29, -29, 29, 30, 0, 0, 0)]
        assert states == [UNLOCKED, LOCKED, LOCKED, STABLE, STABLE, LOCKED, LOCKED, LOCKED, STABLE]

    def test_is_never_reached_without_a_threshold(self) -> None:
        assert {c.state for c in feed(locked_servo(), *[0] * 50, start_s=3)} == {LOCKED}

    def test_and_every_change_of_state_says_why(self) -> None:
        commands = feed(PiServo(self.settings), 0, 0, 0, 0, 99)
        rules = [(e.previous, e.state, e.rule) for c in commands for e in c.events if isinstance(e, ServoStateChanged)]
        assert rules == [
            (UNLOCKED, LOCKED, "frequency estimated, no threshold asks for a step"),
            (LOCKED, STABLE, "3 offsets in a row below servo_offset_threshold"),
            (STABLE, LOCKED, "offset beyond servo_offset_threshold"),
        ]


@pytest.mark.parametrize("log_sync_interval", [0, -3, -4])
@pytest.mark.parametrize(("error_ppb", "error_ns"), [(20_000, 0.5e9), (-50_000, -0.5e9), (100, 300)])
def test_a_noisy_clock_converges_to_the_truth(log_sync_interval: int, error_ppb: float, error_ns: float) -> None:
    rng = random.Random(7)
    interval_s = 2.0**log_sync_interval
    servo = PiServo()
    servo.set_sync_interval(round(interval_s * SECOND))
    local_ns, truth, frequency_ppb = 1e9 + error_ns, [], 0.0
    for n in range(int(60 / interval_s)):
        offset_ns = local_ns - 1e9 - n * interval_s * 1e9
        truth.append(offset_ns)
        command = servo.sample(
            round((offset_ns + rng.gauss(0, 20)) * NANOSECOND), LocalTime(int(local_ns * NANOSECOND))
        )
        local_ns += command.step / NANOSECOND
        frequency_ppb = command.frequency_ppb
        local_ns += interval_s * 1e9 * (1 + error_ppb / 1e9) * (1 + frequency_ppb / 1e9)
    settled = truth[len(truth) // 2 :]
    rms = (sum(x * x for x in settled) / len(settled)) ** 0.5
    assert rms < 25
    assert max(map(abs, settled)) < 100
    assert command.state is LOCKED
