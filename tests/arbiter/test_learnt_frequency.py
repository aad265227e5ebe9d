"""What a clock runs at when nothing tells it what to do: the mean, without the noise and without old woes."""

from random import Random

import pytest

from ptpstack.arbiter.learnt_frequency import LearntFrequency

INTERVALS_S = pytest.mark.parametrize("interval_s", [1 / 16, 1 / 8, 1.0])


def learn(learnt: LearntFrequency, seconds: float, interval_s: float, ppb: float, noise_ppb: float = 0.0) -> None:
    random = Random(1)
    for _ in range(round(seconds / interval_s)):
        learnt.add(random.gauss(ppb, noise_ppb), interval_s)


def test_nothing_is_known_before_the_first_command_but_what_was_kept() -> None:
    assert LearntFrequency().ppb is None
    assert LearntFrequency(77.0).ppb == 77.0


@INTERVALS_S
def test_the_first_command_is_believed_where_nothing_was_kept(interval_s: float) -> None:
    learnt = LearntFrequency()
    learnt.add(1000.0, interval_s)
    assert learnt.ppb == 1000.0


@INTERVALS_S
def test_the_noise_of_the_commands_is_averaged_away(interval_s: float) -> None:
    learnt = LearntFrequency()
    learn(learnt, 120, interval_s, 20_000.0, noise_ppb=100.0)
    assert learnt.ppb == pytest.approx(20_000.0, abs=300 * (interval_s / 32) ** 0.5)


@INTERVALS_S
def test_what_the_servo_did_about_a_disturbance_is_left_out(interval_s: float) -> None:
    learnt = LearntFrequency()
    learn(learnt, 32, interval_s, 0.0, noise_ppb=10.0)
    learn(learnt, 4, interval_s, 2_000.0)
    assert abs(learnt.ppb) < 10.0


@INTERVALS_S
def test_what_was_long_ago_is_forgotten(interval_s: float) -> None:
    learnt = LearntFrequency()
    learn(learnt, 32, interval_s, 1000.0)
    learn(learnt, 32, interval_s, 0.0)
    assert learnt.ppb == 0.0


def test_a_few_commands_do_not_outweigh_what_was_kept() -> None:
    learnt = LearntFrequency(77.0)
    learn(learnt, 3, 1 / 8, 1077.0)
    assert learnt.ppb == 77.0
    learn(learnt, 1, 1 / 8, 1077.0)
    assert learnt.ppb == 1077.0
