"""Runs of scenarios: what is measured, against what, and which limits were kept."""

from pathlib import Path

import numpy as np
import pytest

from ptpstack.sim.experiment import METRICS, Run, run, spread, violations
from ptpstack.sim.scenario.load import load
from ptpstack.sim.scenario.model import Scenario
from ptpstack.stability.mask import Verdict

SCENARIO = """\
duration = "40 s"
[stamping]
jitter_ns = 20
[host.gm]
instance.main.priority1 = 10
start_offset_ns = 300
[host.slave]
count = 3
start_offset_spread_ns = 1e6
oscillator = { preset = "tcxo", frequency_spread_ppb = 4000 }
instance.main.slave_only = true
[[star]]
center = "gm"
leaves = ["slave"]
delay_ns = 2000
[report]
after = "20 s"
"""


def scenario(tmp_path: Path, report: str = "") -> Scenario:
    file = tmp_path / "s.toml"
    file.write_text(SCENARIO + report)
    return load(file)


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run(scenario(tmp_path_factory.mktemp("run")), seed=1)


def test_those_who_follow_somebody_are_reported_and_the_others_named(first: Run) -> None:
    assert [result.host for result in first.hosts] == ["slave-1", "slave-2", "slave-3"]
    assert first.masters_only == ("gm",)
    assert {result.template for result in first.hosts} == {"slave"}


def test_errors_are_those_from_the_truth_unless_a_host_is_right_by_definition(tmp_path: Path, first: Run) -> None:
    assert [result.mean_ns for result in first.hosts] == pytest.approx([300] * 3, abs=15)
    against_gm = run(scenario(tmp_path, 'reference = "gm"'), seed=1)
    assert [result.mean_ns for result in against_gm.hosts] == pytest.approx([0] * 3, abs=15)
    before, after = first.hosts[0].rms_ns ** 2 - first.hosts[0].mean_ns ** 2, against_gm.hosts[0]
    assert after.rms_ns**2 - after.mean_ns**2 == pytest.approx(before, rel=1e-6)


def test_every_figure_is_that_of_the_samples(first: Run) -> None:
    for result in first.hosts:
        values_ns = first.analyses[result.host][0].series.values_ns
        assert values_ns.size == 20 * 16
        assert result.rms_ns == pytest.approx(np.sqrt(np.mean(values_ns**2)))
        assert result.max_abs_te_ns == pytest.approx(np.abs(values_ns).max())
        windows = np.lib.stride_tricks.sliding_window_view(values_ns, 17)
        assert result.mtie_ns[1.0] == pytest.approx(np.ptp(windows, axis=1).max())
        assert result.mtie_ns[10.0] >= result.mtie_ns[1.0]
        assert 5 < result.time_to_lock_s < 15
        assert result.steps == 1
        assert result.cte_ns is None  # 1000 s are needed


def test_the_same_seed_gives_the_same_and_another_one_another(tmp_path: Path, first: Run) -> None:
    assert run(scenario(tmp_path), seed=1).hosts == first.hosts
    assert run(scenario(tmp_path), seed=2).hosts != first.hosts


@pytest.mark.parametrize(
    ("report", "limits"),
    [
        ("limit_rms_ns = 400", set()),
        ("limit_rms_ns = 200", {"limit_rms_ns"}),
        ("limit_max_abs_te_ns = 250\nlimit_time_to_lock_s = 1", {"limit_max_abs_te_ns", "limit_time_to_lock_s"}),
    ],
)
def test_a_limit_is_held_against_every_host(tmp_path: Path, report: str, limits: set[str]) -> None:
    held = scenario(tmp_path, report)
    found = list(violations(held.report, [run(held, seed=1)]))
    assert {violation.limit for violation in found} == limits
    assert len(found) == 3 * len(limits)


def test_a_host_that_never_locked_breaks_the_limit_on_locking(tmp_path: Path) -> None:
    held = scenario(
        tmp_path, 'hosts = ["slave-1"]\nlimit_time_to_lock_s = 39\n[[at]]\ntime="1 s"\nhost="gm"\nrunning=false'
    )
    (violation,) = violations(held.report, [run(held, seed=1)])
    assert (violation.limit, violation.value) == ("limit_time_to_lock_s", None)


def test_a_mask_is_judged_and_a_failed_one_told(tmp_path: Path) -> None:
    held = scenario(tmp_path, 'masks = ["802.1as", "iec-61850-9-3"]')
    once = run(held, seed=1)
    assert set(once.hosts[0].masks) == {"802.1as", "iec-61850-9-3"}
    assert Verdict.FAIL not in once.hosts[0].masks.values()


def test_a_spread_is_least_middle_largest_and_what_is_missing(first: Run) -> None:
    found = spread(first.hosts, "rms_ns")
    values = sorted(result.rms_ns for result in first.hosts)
    assert [found.least, found.middle, found.largest, found.missing] == [*values, 0]
    assert spread(first.hosts, "cte_ns").missing == 3
    assert all(spread(first.hosts, metric) for metric in METRICS)
