"""Each profile has a page with a configuration that loads, and a picture of how near it comes to its limits."""

import re
from pathlib import Path

import pytest

from lab.bench.limits import FIGURES, Panel
from profiles.loader import profile_names
from ptpstack.cli.sim import SHIPPED, shipped_names
from ptpstack.config.load import load

DOCS = Path(__file__).parents[2] / "docs"
DATA_ONLY = {"milan", "iec-60802"}
"""Described beside gptp, whose engine, limits and picture are theirs."""

EXCEEDED = {"car-link"}
"""Over the profile's limit with some seeds, which its page says."""

DRAWN_BY_OTHERS = {"masks.png", "boundary.png"}


def pages_of(profile: str) -> list[str]:
    """The text of the pages with a whole configuration, and of this profile, or one that says by name to be of it."""
    texts = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("*.md")) if path.name != "config.md"]
    return [text for text in texts if whole(text) and (f'profile = "{profile}"' in text or f"`{profile}`" in text)]


def whole(text: str) -> list[str]:
    blocks = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)
    return [block for block in blocks if "[[instance." in block]


@pytest.mark.parametrize("profile", sorted(set(profile_names()) - DATA_ONLY))
def test_a_profile_has_a_page_with_a_configuration_and_a_picture_of_its_limits(profile: str) -> None:
    drawn = {f"limits-{page}.png" for page in FIGURES} | DRAWN_BY_OTHERS
    pictures = {picture for text in pages_of(profile) for picture in re.findall(r"!\[[^]]+\]\(([^)]+)\)", text)}
    assert pictures & drawn, f"no page of {profile} shows its limits"


@pytest.mark.parametrize("page", FIGURES)
def test_a_picture_is_drawn_from_scenarios_that_come_with_the_program_and_shown(page: str) -> None:
    assert {panel.scenario for panel in FIGURES[page]} <= set(shipped_names())
    assert (DOCS / f"limits-{page}.png").stat().st_size > 10_000
    assert any(f"(limits-{page}.png)" in path.read_text(encoding="utf-8") for path in DOCS.glob("*.md"))


@pytest.mark.parametrize(
    "panel", [panel for panels in FIGURES.values() for panel in panels], ids=lambda each: each.scenario
)
def test_a_scenario_fails_where_its_picture_would_show_a_limit_exceeded(panel: Panel) -> None:
    limit = float(re.findall(r"limit_max_abs_te_ns = ([\d.]+)", (SHIPPED / f"{panel.scenario}.toml").read_text())[0])
    assert panel.unit != "ns" or limit <= panel.limit or panel.scenario in EXCEEDED


def test_the_nodes_of_a_substation_are_in_one_domain(tmp_path: Path) -> None:
    """A transparent clock of another domain would hand on nothing."""
    nodes = [
        block for block in whole((DOCS / "power-profile.md").read_text(encoding="utf-8")) if "paired_with" not in block
    ]
    instances = []
    for node in nodes:
        (tmp_path / "node.toml").write_text(node)
        instances.append(load(tmp_path / "node.toml").instance["main"])
    assert {instance.instance_type for instance in instances} == {"auto", "p2p-tc"}
    assert len({(instance.profile, instance.domain_number) for instance in instances}) == 1
