"""Samples that chronyd 4.3 took on a cable of a busy machine, where the true offset is 0: our estimates beside its own.

``recorded_paths.json``: in rounds of one request a second, when each sample came (s), its offset, local - server, and
delay (ns), as `log rawmeasurements` has them; and the RMS of what chronyd made of them from the 40th on.
"""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from pathlib import Path

import pytest

from ntp.client.sample import Sample, StampSource
from ntp.client.samples import Samples
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, MonotonicTime, UtcTime

ROUNDS = json.loads(Path(__file__).with_name("recorded_paths.json").read_text())
WARM_UP = 40
START = 1_795_000_000 * SECOND
MOST_DELAYED = 4


def rms_of_ours_ns(recorded: Sequence[tuple[int, int, int]]) -> float:
    """What our estimate is wrong by, half a second after each sample."""
    samples, errors, late = Samples(), list[float](), 0
    for number, (second, offset_ns, delay_ns) in enumerate(recorded):
        local, delay, error = UtcTime(START + second * SECOND), delay_ns * NANOSECOND, 5 * MICROSECOND
        sample = Sample(
            local=local,
            at=MonotonicTime(second * SECOND),
            offset=offset_ns * NANOSECOND,
            delay=delay,
            dispersion=error,
            root_delay=delay,
            root_dispersion=error,
            stamps=StampSource.KERNEL,
        )
        late = late + 1 if samples.is_delayed(sample) and late < MOST_DELAYED else 0
        if not late:
            samples.add(sample)
        estimate = samples.estimate(UtcTime(local + SECOND // 2))
        assert estimate is not None
        if number >= WARM_UP:
            errors.append(estimate.offset / NANOSECOND)
    return math.sqrt(sum(error * error for error in errors) / len(errors))


@pytest.mark.parametrize("mode", ["basic", "interleaved"])
def test_our_estimates_are_no_worse_than_chronyds_of_the_same_samples(mode: str) -> None:
    rounds = [recorded for recorded in ROUNDS if recorded["mode"] == mode]
    ratios = [rms_of_ours_ns(recorded["samples"]) / recorded["chronyd_rms_ns"] for recorded in rounds]
    assert len(ratios) >= 3
    assert statistics.median(ratios) < 1.0, ratios
    assert max(ratios) < 1.5, ratios
