"""``ptpstack sim`` of a file with a [plan] table."""

import json
from pathlib import Path

import pytest

from ptpstack.cli.main import main
from ptpstack.cli.plan import run_plan

PLAN = """\
[plan]
title = "Three hops"
seconds = 30
settle_s = 10
seeds = 4
masks = ["g8271.1-e"]

[grandmaster]
device = "iec-61850-9-3"

[[hop]]
kind = "boundary"
count = 3
device = "g8273.2-b"
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    file = tmp_path / "three.toml"
    file.write_text(PLAN)
    return file


def test_the_table_has_a_row_for_every_hop_and_the_verdict(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(plan)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if "boundary g8273.2-b" in line and "→" not in line] == ["1", "2", "3"]
    assert any(line.strip().startswith("mask g8271.1-e: PASS") for line in lines)
    assert any("unverified: 250 ns for a grandmaster" in line for line in lines)


def test_json_says_all_of_it_in_numbers(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(plan), "--json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [hop["node"].split()[0] for hop in result["hops"]] == ["grandmaster", "boundary", "boundary", "boundary"]
    assert len(result["end_max_abs_te_ns"]) == 4
    assert result["hops"][-1]["max_abs_te_ns"][-1] == max(result["end_max_abs_te_ns"])
    [mask] = result["masks"]
    assert (mask["name"], mask["verdict"], mask["limits"][0]["seeds"]) == ("g8271.1-e", "pass", {"pass": 4})
    assert result["worst_seed"]["mtie"]["tau_s"][0] == 2**-4


def test_seeds_of_the_command_line_go_before_those_of_the_file(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def ends(*arguments: str) -> list[float]:
        main(["sim", str(plan), "--json", *arguments])
        return json.loads(capsys.readouterr().out)["end_max_abs_te_ns"]

    assert len(ends("--seeds", "2")) == 2
    assert ends() == ends("--seed", "1") != ends("--seed", "2")


def test_check_only_says_what_would_be_planned(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(plan), "--check"]) == 0
    out = capsys.readouterr().out
    assert "three.toml: OK" in out
    assert "3 × boundary g8273.2-b, bandwidth 0.075 Hz" in out
    assert "max|TE|" not in out


def test_a_mask_that_is_not_kept_is_in_the_exit_code(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("g8271.1-e", "g8272-prtc-b"))
    assert run_plan(plan) == 1
    assert "mask g8272-prtc-b: FAIL" in capsys.readouterr().out


def test_a_mask_that_cannot_be_tested_is_in_the_exit_code(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("g8271.1-e", "g8271.1-c-mtie"))
    assert run_plan(plan) == 3
    assert "NOT TESTABLE" in capsys.readouterr().out


def test_a_broken_plan_is_a_usage_error(plan: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(PLAN.replace("count", "cuont"))
    assert main(["sim", str(plan)]) == 2
    assert "did you mean count?" in capsys.readouterr().err


def test_the_picture_is_a_png(plan: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "plan.png"
    plan.write_text(PLAN.replace("g8271.1-e", "g8272-prtc-a"))
    run_plan(plan, png=str(picture))
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_shipped_plan_is_called_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--check", "ring-of-15-transparent"]) == 0
    assert "15 × transparent parts → ordinary tcxo, pi" in capsys.readouterr().out
    assert main(["sim", "ring-of-15-transparant"]) == 2
    assert "did you mean ring-of-15-transparent?" in capsys.readouterr().err
