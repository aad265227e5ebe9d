"""What a bench has finished is kept, however the rest ends, and what is missing is said."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab import namespaces
from lab.bench import __main__ as bench
from lab.bench import boundary, gptp, results
from lab.bench.rows import Row
from lab.vm import GuestError, machine
from ptpstack.errors import PtpstackError


def play(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """Let a shell command be the guest; its folder of finished files is `$FINISHED`."""

    @contextmanager
    def job(_guest: object, _script: str | None) -> Iterator[tuple[Path, list[str]]]:
        folder = Path(machine.mkdtemp(prefix="ptpstack-job-"))
        (folder / "results").mkdir()
        yield folder, ["sh", "-c", f"FINISHED={folder}/results; {command}"]
        machine.shutil.rmtree(folder)

    monkeypatch.setattr(machine, "_job", job)


@pytest.mark.parametrize(
    ("then", "timeout_s", "says"),
    [("exit 0", 60, "stopped before its script"), ("exec sleep 600", 10, "took more than")],
)
def test_a_guest_that_does_not_come_to_its_end_leaves_what_it_has_finished(
    then: str, timeout_s: float, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, f"echo 1 >$FINISHED/one.json; {then}")
    with pytest.raises(GuestError, match=says):
        machine.run_in_vm("", timeout=timeout_s, results=tmp_path)
    assert results.finished(tmp_path, "one") == 1
    assert results.finished(tmp_path, "two") is None


def test_what_is_handed_over_is_there_whole_and_what_an_earlier_run_left_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FINISHED", str(tmp_path))
    results.hand_over("one", {"a": [1.5]})
    assert [path.name for path in tmp_path.iterdir()] == ["one.json"]
    assert results.finished(tmp_path, "one") == {"a": [1.5]}
    results.forget(tmp_path, "one", "two")
    assert results.finished(tmp_path, "one") is None


def _answer(scenario: boundary.Scenario) -> dict[str, Any]:
    track = [1.0] * (scenario.seconds * boundary.SAMPLES_PER_S)
    told = [(scenario.kill_at + 1.0, "aa")]
    usage = {name: {"resident_mb": 1.0, "cpu_ms": 1.0} for name in ("ours end station", "ptp4l end station")}
    return {
        "tracks": dict.fromkeys(scenario.observe, track),
        "rates": dict.fromkeys(scenario.observe, track),
        "grandmasters": dict.fromkeys(scenario.listen, told),
        "usage": usage,
    }


@pytest.mark.parametrize(
    ("module", "lost"), [(boundary, "row-p2p"), (boundary, boundary.lost_grandmaster().name), (gptp, "standby")]
)
def test_a_scenario_that_fails_costs_its_own_rows_alone(
    module: Any, lost: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def boot(scenario: boundary.Scenario, seed: int, **_more: object) -> None:
        if scenario.name == lost:
            raise GuestError("the guest took more than 3000 s")
        folder = tmp_path / f"seed{seed}"
        folder.mkdir(exist_ok=True)
        (folder / f"{scenario.name}.json").write_text(json.dumps(_answer(scenario)))

    def nothing(*_arguments: object) -> Sequence[Row]:
        return ()

    assert lost in {scenario.name for scenario in module.SCENARIOS}
    monkeypatch.setattr(module, "boot", boot)
    monkeypatch.setattr(boundary, "draw", nothing)
    monkeypatch.setattr(boundary.boundary_sim, "measure", nothing)
    monkeypatch.setattr(module, "OUT", tmp_path)
    rows: list[Row] = []
    with pytest.raises(results.MissingError, match=f"{lost} of seed 1, {lost} of seed 2"):
        deque(map(rows.append, module.measure(2)))
    assert {len(row.ours) for row in rows} == {0, 2}
    assert sum(not row.ours for row in rows) < len(rows) / 2
    assert "took more than 3000 s" in capsys.readouterr().err


def _rows(*, then: BaseException | None) -> Any:
    def measure(_rounds: int) -> Iterator[Row]:
        yield Row("case", "finished", "ns", [1.0])
        yield Row("case", "never run", "ns", [])
        if then is not None:
            raise then

    return measure


@pytest.mark.parametrize(
    ("then", "code", "missing"),
    [
        (None, 1, ["case: never run"]),
        (PtpstackError("the guest took too long"), 1, ["case: never run", "codec: the guest took too long"]),
        (KeyboardInterrupt(), 130, []),
    ],
)
def test_the_file_has_the_rows_that_were_measured_and_says_what_is_missing(
    then: BaseException | None,
    code: int,
    missing: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bench, "_case", lambda _word: _rows(then=then))
    monkeypatch.setattr(bench, "compile_sources", lambda: None)
    monkeypatch.setattr(namespaces, "enter", lambda: None)
    path = tmp_path / "rows.json"
    assert bench.main(["codec", "--json", str(path)]) == code
    told = json.loads(path.read_text())
    assert [row["metric"] for row in told["rows"]] == ["finished"]
    assert told["missing"] == missing


def test_a_case_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cases = {"codec": _rows(then=PtpstackError("no")), "start": _rows(then=None)}
    monkeypatch.setattr(bench, "_case", cases.__getitem__)
    monkeypatch.setattr(bench, "compile_sources", lambda: None)
    monkeypatch.setattr(namespaces, "enter", lambda: None)
    path = tmp_path / "rows.json"
    assert bench.main(["codec", "start", "--json", str(path)]) == 1
    assert len(json.loads(path.read_text())["rows"]) == 2
