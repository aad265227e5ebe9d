"""A plan that cannot be used is explained: file, line, key, what, why, and the next step, all problems at once."""

from pathlib import Path

import pytest

from ptpstack.errors import ConfigError
from ptpstack.sim.plan.load import load_plan

GOOD = """\
[plan]
seconds = 60
delay_mechanism = "p2p"

[[hop]]
kind = "transparent"
count = 2

[[hop]]
kind = "ordinary"
"""


def explained(tmp_path: Path, text: str) -> str:
    file = tmp_path / "plan.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load_plan(file)
    return str(refused.value).replace(f"{tmp_path}/", "")


def test_a_good_plan_has_defaults_for_what_it_leaves_out(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(GOOD)
    file = load_plan(tmp_path / "plan.toml")
    assert (file.plan.seeds, file.plan.log_sync_interval, file.grandmaster.device) == (20, -4, "ideal")
    assert [hop.kind for hop in file.hop] == ["transparent", "ordinary"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("seconds = 60", "second = 60"), "plan.toml:2: plan.second: unknown key\n  next: did you mean seconds?"),
        (("seconds = 60", "seconds = 1"), "plan.toml:2: plan.seconds: 1 is out of range (allowed: 10 to 2600000)"),
        (("seconds = 60", 'seconds = "1 h"'), 'plan.toml:2: plan.seconds: "1 h" is not a number'),
        (('kind = "ordinary"', 'kind = "ordinari"'), "plan.toml:10: hop[1].kind:"),
        (('kind = "ordinary"', 'kind = "ordinari"'), "next: did you mean ordinary?"),
        (("count = 2", "residence_ms = 2\nseeds = 3"), "hop[0].seeds: unknown key\n  next: it belongs in [plan]"),
        (("count = 2", "servo = 'pi'"), "plan.toml:7: hop[0].servo: means nothing for a transparent clock"),
        (("count = 2", "device = 'g8273.2-c'"), "hop[0].device: g8273.2-c is a boundary clock"),
        (
            ("count = 2", "device = 'iec-61850-9-3'\nresidence_ms = 1"),
            "hop[0].residence_ms: means nothing for a device at the limits of iec-61850-9-3",
        ),
        (('kind = "ordinary"', 'kind = "transparent"'), "hop[1].kind: a transparent clock is the last"),
        (('kind = "ordinary"', 'kind = "ordinary"\ncount = 2'), "hop[1].kind: more than one ordinary clock"),
        (('kind = "transparent"', 'kind = "ordinary"'), "hop[0].kind: an ordinary clock is not the last"),
        (('"p2p"', '"e2e"'), "plan.toml:3: plan.delay_mechanism: transparent clocks here need p2p"),
        (("seconds = 60", "log_delay_interval = -5"), "plan.log_delay_interval: -5 is below log_sync_interval -4"),
        (
            ("seconds = 60", 'masks = ["g8271.1-d"]'),
            "plan.toml:2: plan.masks[0]: no mask is called",
        ),
        (("seconds = 60", 'masks = ["g8271.1-d"]'), "next: did you mean g8271.1-e?"),
        (("seconds = 60", "seconds = 2e6\nseeds = 100"), "plan.seeds: 100 seeds of 2e+06 s are 3.2e+09 samples"),
        (
            ("seconds = 60", "seconds = 60\nseeds = 9000\nlog_delay_interval = 6"),
            "plan.toml:3: plan.seeds: 9000 seeds of 3 nodes with 1024 Syncs to a delay are too many at once",
        ),
        (("[[hop]]", "[[hops]]"), "hops: unknown key"),
        (('kind = "ordinary"', ""), "plan.toml:9: hop[1].kind: is missing"),
    ],
)
def test_a_broken_plan_is_explained(tmp_path: Path, change: tuple[str, str], message: str) -> None:
    assert GOOD.count(change[0]) >= 1
    assert message in explained(tmp_path, GOOD.replace(*change))


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    text = explained(tmp_path, GOOD.replace("count = 2", "count = 0\nsynce_bandwidth_hz = 1000\nwhat = 1"))
    assert [line.split(": ")[1] for line in text.splitlines() if line.startswith("plan.toml")] == [
        "hop[0].count",
        "hop[0].synce_bandwidth_hz",
        "hop[0].what",
    ]


def test_a_plan_without_hops_is_refused(tmp_path: Path) -> None:
    assert "hop: is empty" in explained(tmp_path, "hop = []\n[plan]\n")
