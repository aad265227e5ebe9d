"""Offsets that a Sync and a Delay_Req tell together: half the variance, and no harm where one way is the worse."""

import numpy as np
import pytest

from ptpstack.servo.both_ways import BothWays, Reverse
from ptpstack.time import NANOSECOND, SECOND, LocalTime, PtpTime
from tests.servo.plant import rms

Offsets = tuple[np.ndarray, np.ndarray]


def joined(
    forward_ns: np.ndarray,
    reverse_ns: np.ndarray,
    *,
    answered_each: int = 1,
    true_ns: float = 0.0,
    slew_ppb: float = 0.0,
) -> Offsets:
    """Return what is made of offsets with these errors, and the weights; requests go out half way between Syncs."""
    both, offsets, weights = BothWays(), [], []
    for number, forward in enumerate(forward_ns):
        at = number * SECOND // 8
        asked = number - number % answered_each
        sent = asked * SECOND // 8 - SECOND // 16
        at_ns, sent_ns = (true_ns + slew_ppb * instant / SECOND for instant in (at, sent))
        reverse = Reverse(round((sent_ns + reverse_ns[asked]) * NANOSECOND), LocalTime(sent), PtpTime(asked))
        offset, weight = both.join(round((at_ns + forward) * NANOSECOND), LocalTime(at), reverse, slew_ppb)
        offsets.append(offset / NANOSECOND - at_ns)
        weights.append(weight)
    return np.array(offsets), np.array(weights)


def noise(seed: int, ns: float, samples: int = 2000) -> np.ndarray:
    return np.random.default_rng(seed).normal(0.0, ns, samples)


def test_two_ways_of_equal_noise_halve_its_variance() -> None:
    offsets, weights = joined(noise(1, 20.0), noise(2, 20.0))
    assert rms(offsets[100:]) == pytest.approx(20.0 / 2**0.5, rel=0.1)
    assert (weights[100:] == 1.0).mean() > 0.99


def test_the_quieter_way_counts_for_more() -> None:
    offsets, _ = joined(noise(1, 20.0), noise(2, 200.0))
    assert rms(offsets[100:]) < 20.5
    offsets, _ = joined(noise(1, 20.0), noise(2, 10.0))
    assert rms(offsets[100:]) == pytest.approx((20.0**-2 + 10.0**-2) ** -0.5, rel=0.15)


def test_a_sync_without_a_request_of_its_own_weighs_what_its_one_way_does() -> None:
    _, weights = joined(noise(1, 20.0), noise(2, 20.0), answered_each=4)
    assert weights[400::4] == pytest.approx(1.0)
    assert weights[401::4].mean() == pytest.approx(0.5, abs=0.12)


def test_a_request_that_stood_in_a_queue_is_left_out() -> None:
    reverse = noise(2, 20.0)
    reverse[::50] -= 100_000.0
    offsets, _ = joined(noise(1, 20.0), reverse)
    assert np.abs(offsets[100:]).max() < 100.0


def test_steering_in_between_is_no_difference() -> None:
    offsets, _ = joined(noise(1, 20.0), noise(2, 20.0), slew_ppb=50_000.0)
    assert rms(offsets[100:]) == pytest.approx(20.0 / 2**0.5, rel=0.1)


def test_a_path_that_is_longer_both_ways_cancels_in_the_mean() -> None:
    """By less than what counts as queueing; the delay filter has not seen it yet."""
    forward, reverse = noise(1, 20.0), noise(2, 20.0)
    forward[1000:] += 15.0
    reverse[1000:] -= 15.0
    offsets, _ = joined(forward, reverse)
    assert offsets[1000:].mean() == pytest.approx(0.0, abs=3.0)
