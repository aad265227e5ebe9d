import json
import math
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lab import bootstrap, namespaces
from lab.demo import __main__ as demo
from lab.demo import chart, report
from lab.demo.bed import CLOCKS, Clock
from lab.demo.screen import readable
from lab.demo.watch import Figures, Track
from ptpstack.config import from_dict, resolve
from ptpstack.wire.types import ClockIdentity

SCHEDULE = report.Schedule(30.0, 50.0, 75.0)


def make_tracks(offset_ns: float = 100.0, **changes: object) -> dict[str, Track]:
    """Return histories of clocks that all did well, save for *changes* to the first slave."""
    states = {"grandmaster": ("MASTER",), "standby": ("PASSIVE",)}
    tracks = {}
    for clock in CLOCKS:
        offsets = [(float(second), offset_ns if second >= 20 else 1e8) for second in range(75)]
        tracks[clock.name] = Track(clock, offsets, states.get(clock.name, ("SLAVE",)), locked=True, locked_after_s=9.0)
    for name, value in changes.items():
        setattr(tracks["l2-e2e"], name, value)
    return tracks


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: clock.name)
def test_the_configuration_of_every_clock_is_valid(clock: Clock) -> None:
    config = from_dict(tomllib.loads(clock.configuration()))
    (instance,) = resolve(config)
    assert len(instance.ports) == len(clock.ports)
    assert str(ClockIdentity.from_text(clock.identity)) == clock.identity


def test_figures_are_the_rms_and_the_largest_magnitude_of_a_stretch_of_time() -> None:
    track = Track(CLOCKS[0], [(0.0, 1000.0), (1.0, 3.0), (2.0, -4.0), (3.0, 1000.0)])
    assert track.figures(0.5, 2.5) == Figures(math.sqrt(12.5), 4.0)
    assert track.figures(5.0, 9.0) is None


def test_a_demo_in_which_all_went_well_passes() -> None:
    assert demo._failures(make_tracks(), SCHEDULE) == {}


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"answers": False}, "daemon ended"),
        ({"offsets": []}, "no samples"),
        ({"locked_after_s": None}, "did not lock"),
        ({"locked_after_s": 40.0}, "did not lock before the cut"),
        ({"locked": False}, "ended unlocked"),
        ({"port_states": ("LISTENING",)}, "LISTENING"),
        ({"offsets": [(25.0, 5.0), (70.0, -2e6)]}, "2,000,000 ns (rms) off the truth"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_clock_that_did_not_lock_or_survive_fails_the_demo(changes: dict[str, object], why: str) -> None:
    assert why in demo._failures(make_tracks(**changes), SCHEDULE)["l2-e2e"]


def test_the_json_has_state_lock_and_figures_of_every_clock() -> None:
    outcome = report.as_json(make_tracks(offset_ns=-250.0), SCHEDULE, {})
    assert outcome["passed"] is True
    assert [clock["name"] for clock in outcome["clocks"]] == [clock.name for clock in CLOCKS]
    slave = outcome["clocks"][2]
    assert slave["port_state"] == "SLAVE"
    assert slave["locked_after_s"] == 9.0
    assert slave["true_offset_rms_ns"] == {"before_cut": 250.0, "after_recovery": 250.0}
    assert slave["true_offset_max_ns"] == {"before_cut": 250.0, "after_recovery": 250.0}


def test_the_picture_and_the_table_are_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.draw(tmp_path / "demo.png", make_tracks(), SCHEDULE)
    assert (tmp_path / "demo.png").read_bytes().startswith(b"\x89PNG")
    report.print_table(make_tracks(), SCHEDULE, {"standby": "its daemon ended"})
    printed = capsys.readouterr().out
    assert "l2-p2p" in printed
    assert "FAILED: standby: its daemon ended" in printed
    assert "\u2026" not in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_a_chart_puts_zero_in_the_middle_and_the_largest_offset_at_the_edge() -> None:
    rows = dotted_rows([chart.Series("red", [(5.0, 5e8)]), chart.Series("blue", [(10.0, 0.0)])])
    assert list(rows) == [0, 4]
    assert rows[0].strip().startswith("+550 ms")
    assert len(rows[4]) == 40  # the newest point is at the right edge


def test_the_axis_of_a_chart_forgets_what_is_long_over() -> None:
    rows = dotted_rows([chart.Series("red", [(0.0, 5e8), (10.0, 2_000.0)])])
    assert list(rows) == [0]
    assert rows[0].strip().startswith("+2.2 µs")


def dotted_rows(series: list[chart.Series]) -> dict[int, str]:
    """Draw 10 s into 40 x 9 characters; return the rows that have dots, up to the last dot."""
    lines = [line.plain for line in chart.draw(series, start_s=0.0, end_s=10.0, width=40, height=9)]
    assert {len(line) for line in lines} == {40}
    empty = "\u2800"
    return {row: line.rstrip(empty) for row, line in enumerate(lines) if line[10:].strip(empty)}


@pytest.mark.parametrize(
    ("ns", "text"),
    [(0, "0 ns"), (-87.4, "-87 ns"), (1500, "1.5 µs"), (-2.5e6, "-2.5 ms"), (5e8, "500 ms"), (1e9, "1 s")],
)
def test_a_number_of_nanoseconds_gets_the_unit_a_person_would_choose(ns: float, text: str) -> None:
    assert chart.in_unit(ns) == text


def test_clocks_are_called_by_name() -> None:
    assert readable(f"selected {CLOCKS[1].identity} by {CLOCKS[1].identity}-1") == "selected standby by standby-1"


@pytest.mark.namespaces
def test_the_demo_runs_in_plain_lines_and_every_clock_locks_and_survives(tmp_path: Path) -> None:
    why = namespaces.why_unavailable()
    if why:
        pytest.skip(why)
    outcome = tmp_path / "demo.json"
    command = [sys.executable, "-m", "lab.demo", "--seconds", f"{demo.SHORTEST_S:.0f}", "--json", str(outcome)]
    shown = subprocess.run(command, cwd=bootstrap.CHECKOUT, capture_output=True, text=True, check=False)
    assert shown.returncode == 0, shown.stdout[-3000:] + shown.stderr
    assert "\x1b" not in shown.stdout
    assert "the grandmaster is cut off" in shown.stdout
    assert "selected best master clock standby" in shown.stdout
    clocks = {clock["name"]: clock for clock in json.loads(outcome.read_text())["clocks"]}
    assert clocks["standby"]["port_state"] == "PASSIVE"
    assert {name for name, clock in clocks.items() if clock["port_state"] == "SLAVE"} == {
        "l2-e2e",
        "l2-p2p",
        "udpv4-e2e",
    }


def test_a_demo_too_short_for_its_course_says_how_long_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        demo.main(["--seconds", "5"])
    assert "60 s at least" in capsys.readouterr().err
