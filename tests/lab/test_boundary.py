"""The scenarios of the bench of boundary clocks: they fit on the card, and our daemon takes what it is told in them."""

from pathlib import Path

import pytest

from lab.bench import boundary, boundary_guest
from ptpstack.config.load import load

PORTS_MAX = 32
"""Of the virtual card."""


@pytest.mark.parametrize("scenario", boundary.SCENARIOS, ids=lambda scenario: scenario.name)
def test_a_scenario_fits_on_the_card_and_its_daemons_take_their_files(
    scenario: boundary.Scenario, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(boundary_guest, "RUN", tmp_path)
    monkeypatch.setattr(boundary_guest, "start", lambda _name, command: commands.append(command))
    for node in scenario.nodes:
        boundary_guest.run_node(node, scenario.mechanism)
    assert scenario.ports <= PORTS_MAX
    assert len(commands) == len(scenario.nodes)
    for command in commands:
        if command[0] != "ptp4l":
            load(Path(command[-1]))
    clocks = {number for pair in scenario.observe.values() for number in pair}
    assert max(clocks) <= max(map(int, scenario.card.partition("phc=")[2].split()[0].split(",")))


def test_a_change_is_timed_from_the_loss_and_none_is_told_before() -> None:
    answer = {"grandmasters": {"ours": [(3.0, "aa"), (57.5, "bb")], "ptp4l": [(3.0, "aa")]}}
    assert boundary.change_s(answer, "ours", 55) == 2.5
    assert boundary.change_s(answer, "ptp4l", 55) == float("inf")
    assert boundary.bump_ns([0.0] * 560 + [-7.0] + [1.0] * 100, 55) == 7.0
