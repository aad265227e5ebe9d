"""What the planner must be able to promise, in virtual time: the shipped plans keep their limits."""

from pathlib import Path

import msgspec
import numpy as np
import pytest

import ptpstack.sim.plan
from ptpstack.sim.plan.load import load_plan
from ptpstack.sim.plan.model import PlanFile
from ptpstack.sim.plan.result import simulate
from ptpstack.stability.mask import Verdict

EXAMPLES = sorted((Path(ptpstack.sim.plan.__file__).parent / "examples").glob("*.toml"))


def example(name: str, **general: object) -> PlanFile:
    """Return a shipped plan, shorter."""
    [path] = [path for path in EXAMPLES if path.stem == name]
    file = load_plan(path)
    return msgspec.structs.replace(file, plan=msgspec.structs.replace(file.plan, **general))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_shipped_plan_loads_and_runs(path: Path) -> None:
    outcome = simulate(example(path.stem, seconds=20.0, settle_s=0.0, seeds=2))
    assert np.isfinite(outcome.worst_case_ns).all()


def test_a_chain_of_20_class_c_stays_within_g8271_1() -> None:
    file = example("chain-of-20-class-c", seconds=1200.0, seeds=10, masks=("g8271.1-c", "g8271.1-e"))
    assert sum(hop.count for hop in file.hop) == 20
    outcome = simulate(file)
    assert [mask.verdict for mask in outcome.masks] == [Verdict.PASS, Verdict.PASS]
    assert outcome.worst_case_ns[-1] < 1100


def test_a_chain_of_10_class_b_without_synce_stays_within_g8271_1() -> None:
    outcome = simulate(example("chain-of-10-class-b", seconds=1200.0, seeds=10, masks=("g8271.1-c",)))
    assert outcome.masks[0].verdict is Verdict.PASS
    assert outcome.worst_case_ns[-1] < 1100


def test_a_ring_of_15_transparent_clocks_holds_a_microsecond() -> None:
    file = example("ring-of-15-transparent", seconds=1800.0, seeds=50)
    assert [hop.count for hop in file.hop if hop.kind == "transparent"] == [15]
    outcome = simulate(file)
    assert outcome.masks[0].verdict is Verdict.PASS
    assert outcome.max_abs_te_ns[-1].max() <= 1000
    assert outcome.worst_case_ns[-1] <= 1000
