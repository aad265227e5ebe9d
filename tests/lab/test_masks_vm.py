"""What the bench of the masks in the virtual machine makes of a record whose truth is known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.bench import masks_guest, masks_holdover, masks_vm
from lab.bench.masks_vm import FREQUENCIES_HZ, SAMPLES_PER_S, TAU0_S
from ptpstack.config.load import load


@pytest.mark.parametrize("scenario", [masks_vm.scenario(1), masks_holdover.scenario(1)], ids=lambda one: one["name"])
def test_our_daemons_take_what_a_scenario_tells_them(
    scenario: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(masks_guest, "RUN", tmp_path)
    monkeypatch.setattr(masks_guest, "start", lambda _name, command: commands.append(command))
    for node in scenario["nodes"]:
        masks_guest.run_node(node)
    ours = [load(Path(command[-1])) for command in commands if command[0] != "ptp4l"]
    assert len(ours) == sum(node["program"] == "ptpstack" for node in scenario["nodes"])
    assert {node["name"] for node in scenario["nodes"]} >= {*scenario["clocks"], *scenario["bounds"]}


@pytest.fixture(scope="module")
def tracks() -> dict[str, masks_vm.Floats]:
    """A grandmaster that is modulated in the end, a clock that follows it by a low-pass, one that follows at once."""
    seconds = masks_vm.scenario(1)["seconds"]
    at_s = np.arange(seconds * SAMPLES_PER_S) * TAU0_S
    modulated = at_s >= masks_vm.scenario(1)["modulated_from_s"]
    phase_ns = sum(100.0 * np.sin(2 * np.pi * frequency * at_s) for frequency in FREQUENCIES_HZ) * modulated
    pole = np.exp(-2 * np.pi * 0.075 * TAU0_S)
    followed = [0.0]
    for value in phase_ns[1:]:
        followed.append(pole * followed[-1] + (1 - pole) * value)
    noise = np.random.default_rng(1).normal(0.0, 2.0, at_s.size)
    return {"gm": phase_ns, "ours": np.array(followed) + noise, "ptp4l": phase_ns + noise + 7.0}


def test_gains_are_found_in_a_sum_of_sinusoids(tracks: dict[str, masks_vm.Floats]) -> None:
    slow, quick = (masks_vm.noise_transfer(tracks, name) for name in ("ours", "ptp4l"))
    expected = 1 / np.hypot(1, np.array(FREQUENCIES_HZ) / 0.075)
    assert slow.gains == pytest.approx(expected, abs=0.02)
    assert slow.bandwidth_hz == pytest.approx(0.075, rel=0.03)
    assert quick.gains == pytest.approx(np.ones(len(FREQUENCIES_HZ)), abs=0.005)


def test_every_limit_is_judged_that_the_record_is_long_enough_for(tracks: dict[str, masks_vm.Floats]) -> None:
    rows = {(row.case, row.metric): row for row in masks_vm.compare([tracks])}
    (constant,) = (row for (case, metric), row in rows.items() if case.startswith("noise") and metric == "cTE")
    assert constant.peer[0] == pytest.approx(7.0, abs=0.1)
    assert constant.ours[0] < 0.1
    (tdev,) = (row for (case, metric), row in rows.items() if case.startswith("noise") and metric.startswith("TDEV"))
    assert 0 < tdev.ours[0] < 1


def test_the_floor_leaves_room_below_the_masks() -> None:
    floor = masks_vm.floor()
    assert masks_vm.share("dte_l_mtie", floor) < 0.6
    assert masks_vm.share("dte_l_tdev", floor) < 0.6
    assert floor.rms_ns < masks_vm.JITTER_NS / 4


def test_a_clock_in_holdover_is_held_against_the_limit_and_its_own_word() -> None:
    scenario = masks_holdover.scenario(1)
    since_s = np.arange(scenario["seconds"] * SAMPLES_PER_S) * TAU0_S - scenario["lost_at_s"]
    drifts_ppb = (-0.1, 0.2, 0.01, 1.0)
    tracks = {
        node: (
            99.0 * (since_s < 0) + np.maximum(since_s, 0.0) * drift_ppb
        ).tolist()  # what was before counts for naught
        for node, drift_ppb in zip(scenario["clocks"], drifts_ppb, strict=True)
    }
    bounds = {
        node: [(float(at_s), 10.0 + 0.4 * max(0, at_s - scenario["lost_at_s"])) for at_s in (5, 500, 900)]
        for node in scenario["bounds"]
    }
    most, floor, share, stated = masks_holdover.compare([{"tracks": tracks, "bounds": bounds}])
    held_s = masks_holdover.HELD_S
    assert most.ours == pytest.approx([0.1 * held_s, 0.2 * held_s], abs=0.1)
    assert most.peer == pytest.approx([held_s], abs=0.1)
    assert most.limit == 250
    assert floor.ours == pytest.approx([0.01 * held_s], abs=0.1)
    last_s = 900 - scenario["lost_at_s"]
    assert max(share.ours) == pytest.approx(0.2 * last_s / (10 + 0.4 * last_s))
    assert stated.ours == pytest.approx([10 + 0.4 * last_s] * 2)
