"""What a clock runs at when nothing tells it what to do: the mean, not the noise of the last sample."""

from random import Random

import pytest

from ptpstack.daemon.learnt_frequency import LearntFrequency

INTERVALS_S = [1 / 16, 1 / 8, 1.0]


def test_nothing_is_known_before_the_first_command_but_what_was_kept() -> None:
    assert LearntFrequency().ppb is None
    assert LearntFrequency(77.0).ppb == 77.0


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_the_first_command_is_believed(interval_s: float) -> None:
    learnt = LearntFrequency()
    learnt.add(1000.0, interval_s)
    assert learnt.ppb == 1000.0


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_the_noise_of_the_commands_is_averaged_away(interval_s: float) -> None:
    random, learnt = Random(1), LearntFrequency()
    for _ in range(round(120 / interval_s)):
        learnt.add(20_000.0 + random.choice((-100.0, 100.0)), interval_s)
    assert learnt.ppb == pytest.approx(20_000.0, abs=100 * (interval_s / 16) ** 0.5)


@pytest.mark.parametrize("interval_s", INTERVALS_S)
def test_what_was_wrong_at_first_is_soon_forgotten(interval_s: float) -> None:
    learnt = LearntFrequency()
    for _ in range(4):
        learnt.add(1000.0, interval_s)
    for _ in range(round(30 / interval_s)):
        learnt.add(0.0, interval_s)
    assert learnt.ppb < 20.0


def test_one_odd_command_hardly_moves_what_was_kept() -> None:
    learnt = LearntFrequency(77.0)
    learnt.add(1077.0, 1 / 8)
    assert learnt.ppb == pytest.approx(81.0, abs=1.0)
