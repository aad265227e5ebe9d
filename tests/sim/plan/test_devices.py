"""A device at the limits of a standard keeps them, and nearly uses them up."""

import numpy as np
import pytest

from ptpstack.sim.plan import devices
from ptpstack.sim.plan.model import Grandmaster, Hop
from ptpstack.sim.plan.result import Outcome, simulate
from ptpstack.stability.mask import Verdict, judge, load_mask
from tests.sim.plan.plans import plan

SEEDS = 10


def alone(mask: str) -> Outcome:
    """Return one T-BC of this class behind an ideal grandmaster."""
    hop = Hop(kind="boundary", device=mask)
    return simulate(plan(hop, seconds=1200.0, settle_s=100.0, seeds=SEEDS, log_sync_interval=-4, masks=(mask,)))


@pytest.mark.parametrize("mask", ["g8273.2-a", "g8273.2-b", "g8273.2-c", "g8273.2-d"])
def test_a_telecom_clock_keeps_the_limits_of_its_class_and_nearly_uses_them_up(mask: str) -> None:
    [summary] = alone(mask).masks
    for limit in summary.limits:
        # A random process has no hard bound in MTIE, TDEV and cTE: one seed in ten may exceed them a little.
        assert limit.verdicts[Verdict.FAIL] <= SEEDS // 10, limit.limit.title
        assert limit.tightest.value_ns < 1.1 * limit.tightest.limit_ns
        assert limit.tightest.value_ns > 0.6 * limit.tightest.limit_ns


@pytest.mark.parametrize("source", ["g8272-prtc-a", "g8272-prtc-b", "g8272.1-eprtc"])
def test_a_time_source_keeps_its_limits(source: str) -> None:
    noise = devices.of_grandmaster(Grandmaster(device=source))
    assert noise.worst_ns == load_mask(source).limits[0].ns


@pytest.mark.parametrize(("kind", "limit_ns"), [("transparent", 50), ("boundary", 200), ("ordinary", 200)])
def test_a_power_device_stays_within_its_limit_and_says_that_it_is_unverified(kind: str, limit_ns: float) -> None:
    noise = devices.of_hop(Hop(kind=kind, device="iec-61850-9-3"))
    assert noise.worst_ns == limit_ns
    [doubt] = noise.unverified
    assert "low confidence" in doubt


def test_a_source_that_wanders_keeps_the_mtie_and_tdev_of_its_class() -> None:
    outcome = simulate(
        plan(
            Hop(kind="ordinary", servo="pi", oscillator="ocxo"),
            grandmaster=Grandmaster(device="g8272-prtc-a"),
            seconds=10_000,
            seeds=5,
            log_sync_interval=0,
        )
    )
    for seed in range(5):
        result = judge(load_mask("g8272-prtc-a"), outcome.analysis(seed))
        assert result.verdict is not Verdict.FAIL, np.abs(outcome.last_ns[:, seed]).max()


def test_every_number_of_low_confidence_is_told_once() -> None:
    outcome = simulate(
        plan(
            Hop(kind="boundary", count=2, device="g8273.2-c"),
            Hop(kind="boundary", device="g8273.2-c"),
            grandmaster=Grandmaster(device="iec-61850-9-3"),
            masks=("g8273.2-c",),
            seconds=20,
            settle_s=0,
        )
    )
    about_dte_h = [doubt for doubt in outcome.unverified if doubt.startswith("dTE_H")]
    assert len(about_dte_h) == 1
    assert any(doubt.startswith("250 ns for a grandmaster") for doubt in outcome.unverified)
    assert any(doubt.startswith("mask g8273.2-c, dTE_H") for doubt in outcome.unverified)
