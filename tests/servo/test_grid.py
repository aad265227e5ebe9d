"""``auto`` over the whole grid of jitter and wander, and its troubles, against PI: never worse, half where it jitters.

True offsets in virtual time, three seeds each. PI has linuxptp's formulas, with its default constants and, beside them,
with those for software stamps, which are the better ones where there is much jitter.
"""

from collections.abc import Callable

import numpy as np
import pytest

from ptpstack.servo.auto import AutoServo
from ptpstack.servo.discipline import ServoSettings
from ptpstack.servo.events import SurpriseHalfFollowed
from ptpstack.servo.filter_bank import FilterBankSettings
from ptpstack.servo.interface import Servo
from ptpstack.servo.pi import PiServo, PiSettings
from tests.servo.plant import rms, run, wandering

SEEDS = (1, 2, 3)
SAMPLES = 1600
SETTLED = 800
"""PI's second of frequency estimate, and its slow constants for software stamps, are long over."""
JITTERS_NS = (10.0, 100.0, 1_000.0, 10_000.0)
WANDERS_PPB = (0.01, 0.1, 1.0, 10.0)


def share_of_pi(
    noise: np.ndarray, wander_ppb: float, interval_s: float, seed: int, **trouble: object
) -> tuple[float, float]:
    """Return the RMS of the true offset under ``auto`` over PI's: by default, and with the better constants."""
    frequency = wandering(SAMPLES, wander_ppb, interval_s=interval_s, seed=seed)
    peers: list[Servo] = [PiServo(), PiServo(PiSettings(hardware_timestamping=False))]
    figures = [
        rms(run(servo, frequency, noise, interval_s=interval_s, **trouble)[0][SETTLED:])
        for servo in (AutoServo(), *peers)
    ]
    return figures[0] / figures[1], figures[0] / min(figures[1:])


def jitter(ns: float, seed: int) -> np.ndarray:
    return np.random.default_rng(50 + seed).normal(0.0, ns, SAMPLES)


@pytest.mark.parametrize("interval_s", [1 / 8, 1.0])
@pytest.mark.parametrize("wander_ppb", WANDERS_PPB)
@pytest.mark.parametrize("jitter_ns", JITTERS_NS)
def test_it_is_never_worse_than_pi_and_half_at_high_jitter(
    jitter_ns: float, wander_ppb: float, interval_s: float
) -> None:
    shares = np.mean([share_of_pi(jitter(jitter_ns, seed), wander_ppb, interval_s, seed) for seed in SEEDS], axis=0)
    assert shares[0] < (0.5 if jitter_ns >= 1_000.0 else 1.0)
    assert shares[1] < 1.02


@pytest.mark.parametrize("wander_ppb", [0.1, 10.0])
@pytest.mark.parametrize("jitter_ns", [10.0, 1_000.0])
def test_nor_where_a_tenth_of_the_samples_is_lost(jitter_ns: float, wander_ppb: float) -> None:
    for seed in SEEDS:
        lost = np.random.default_rng(seed).random(SAMPLES) < 0.1
        silent = lambda seconds, lost=lost: bool(lost[round(seconds * 8)])  # noqa: E731 (bound to this seed)
        assert share_of_pi(jitter(jitter_ns, seed), wander_ppb, 1 / 8, seed, silent=silent)[0] < 1.0


@pytest.mark.parametrize("wander_ppb", [0.1, 10.0])
def test_nor_where_bursts_fill_the_queues(wander_ppb: float) -> None:
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        burst = np.repeat(rng.random(SAMPLES // 16) < 0.15, 16)
        noise = jitter(10.0, seed) + burst * rng.exponential(20_000.0, SAMPLES)
        assert share_of_pi(noise, wander_ppb, 1 / 8, seed)[0] < 0.5


@pytest.mark.parametrize("step_ns", [30.0, -80.0, 160.0, -400.0, 900.0, 2_000.0, -200_000.0])
@pytest.mark.parametrize(
    ("interval_s", "wander_ppb", "share"),
    [
        (1 / 8, 0.1, 0.9),
        (1 / 8, 10.0, 0.9),
        (1 / 2, 0.1, 0.95),
        (1.0, 0.1, 1.0),
        (1.0, 1.0, 1.05),
        (1.0, 10.0, 1.08),  # where PI's constants happen to be the best there are
    ],
)
def test_nor_after_a_step_of_the_master_however_small(
    step_ns: float, interval_s: float, wander_ppb: float, share: float
) -> None:
    """Jitter is 10 ns, so the steps are of 3 to 20,000 standard deviations. What counts are the 40 samples after."""
    at, samples, mine, peers = 1_000, 1_040, 0.0, 0.0
    for seed in range(1, 9):
        frequency = wandering(samples, wander_ppb, interval_s=interval_s, seed=seed)
        noise = jitter(10.0, seed)[:samples]
        step: Callable[[float], float] = lambda seconds: step_ns if seconds >= at * interval_s else 0.0  # noqa: E731
        squares = [
            rms(run(servo, frequency, noise, interval_s=interval_s, master_ns=step)[0][at:]) ** 2
            for servo in (AutoServo(), PiServo())
        ]
        mine, peers = mine + squares[0], peers + squares[1]
    # A step that noise nearly hides takes a few samples to tell.
    assert mine < (1.35 if abs(step_ns) < 50.0 else share) ** 2 * peers


def test_nor_after_the_first_outlier_and_those_that_follow_cost_nothing() -> None:
    """At 1 Sync/s the first one of its size is followed in part, as it may have been a step."""
    for seed in SEEDS:
        noise = jitter(10.0, seed)
        noise[[1000, 1200, 1400]] += 10_000.0
        assert share_of_pi(noise, 0.1, 1.0, seed)[0] < 0.5
        offsets, _ = run(AutoServo(), wandering(SAMPLES, 0.1, interval_s=1.0, seed=seed), noise, interval_s=1.0)
        assert np.abs(offsets[SETTLED:]).max() < 6_100
        assert np.abs(offsets[1010:]).max() < 100


@pytest.mark.parametrize(
    ("interval_s", "outliers_at", "size_ns", "told"),
    [
        (1.0, [1000], 1e6, 1),
        (1.0, [1000, 1500], 1e6, 1),
        (1.0, [100], 1e6, 0),  # no long quiet yet
        (1.0, [960, 980, 1000], 1e6, 1),
        (1.0, [1000], 200.0, 1),
        (1.0, [1000, 1500], 200.0, 1),  # as large as the one before, and that was an outlier
        (0.5, [1000], 1e6, 1),
        (2.0, [1000], 1e6, 1),
        (1 / 8, [1000], 1e6, 0),
        (16.0, [1000], 1e6, 0),
    ],
)
def test_following_in_part_is_told_and_only_after_quiet_at_a_few_syncs(
    interval_s: float, outliers_at: list[int], size_ns: float, told: int
) -> None:
    noise = jitter(10.0, 1)
    noise[outliers_at] += size_ns
    _, commands = run(AutoServo(), wandering(SAMPLES, 0.001, interval_s=interval_s), noise, interval_s=interval_s)
    events = [one for command in commands for one in command.events if isinstance(one, SurpriseHalfFollowed)]
    assert len(events) == told


@pytest.mark.parametrize("offset_s", [10.0, -10.0])
def test_ten_seconds_are_slewed_where_nothing_may_step(offset_s: float) -> None:
    never = ServoSettings(first_step_threshold=0, max_frequency_ppb=100_000_000.0)
    mine = FilterBankSettings(first_step_threshold=0, max_frequency_ppb=100_000_000.0)
    frequency = wandering(SAMPLES, 0.1)
    times_s = []
    for servo in (AutoServo(mine), PiServo(PiSettings(first_step_threshold=0, max_frequency_ppb=100_000_000.0))):
        offsets, commands = run(servo, frequency, jitter(10.0, 1), offset_ns=offset_s * 1e9)
        assert {command.step for command in commands} == {0}
        assert max(abs(command.frequency_ppb) for command in commands) <= never.max_frequency_ppb
        times_s.append(float(np.flatnonzero(np.abs(offsets) > 1_000.0)[-1]) / 8)
        assert rms(offsets[-200:]) < 20
    assert times_s[0] <= times_s[1]


@pytest.mark.parametrize("offset_s", [1e9, -1e9])
def test_a_clock_that_begins_in_another_century_is_stepped_once(offset_s: float) -> None:
    offsets, commands = run(
        AutoServo(), wandering(400, 0.1), jitter(10.0, 1)[:400], offset_ns=offset_s * 1e9, start_s=2e9
    )
    assert sum(command.step != 0 for command in commands) == 1
    assert rms(offsets[-200:]) < 300  # the test's own floats have steps of 128 ns so far out
