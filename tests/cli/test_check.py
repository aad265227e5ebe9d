"""``ptpstack check``: what it prints where, and how it exits."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

from ptpstack.cli import check

Check: TypeAlias = Callable[..., tuple[int, str, str]]
"""A run of the command on a text: exit code, stdout, stderr."""

GOOD = '[instance.main]\ndomain_number = 3\n[[instance.main.port]]\ninterface = "eth0"\n'
BAD = GOOD + "log_sync_interval = -3\ndomain = 3\n"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Check:
    def run_check(text: str, *options: str) -> tuple[int, str, str]:
        path = tmp_path / "ptp.toml"
        path.write_text(text, encoding="utf-8")
        parser = argparse.ArgumentParser()
        check.add_arguments(parser)
        code = check.run(parser.parse_args([str(path), *options]))
        out, err = capsys.readouterr()
        return code, out.replace(str(tmp_path), "DIR"), err.replace(str(tmp_path), "DIR")

    return run_check


def test_a_good_file_is_ok_with_a_summary(run: Check) -> None:
    assert run(GOOD) == (
        0,
        "DIR/ptp.toml: OK\nmain: profile default-e2e, domain 3, clock auto\n  port 1: eth0, l2, e2e\n",
        "",
    )


def test_a_bad_file_exits_2_with_every_problem_on_stderr(run: Check) -> None:
    code, out, err = run(BAD)
    assert (code, out) == (2, "")
    assert "DIR/ptp.toml:5: instance.main.port[0].log_sync_interval: -3 is out of range (allowed: -1 to 1" in err
    assert "DIR/ptp.toml:6: instance.main.port[0].domain: unknown key" in err


def test_show_prints_every_value_with_its_origin_and_doubt(run: Check) -> None:
    code, out, _ = run(GOOD, "--show")
    rows = {line.split()[0]: line.split(maxsplit=2)[1:] for line in out.split("\n\n")[1].splitlines()}
    assert code == 0
    assert rows["instance.main.domain_number"] == ["3", "file, line 2 (unverified: range 0 to 127)"]
    assert rows["instance.main.priority1"] == ["128", "profile default-e2e"]
    assert rows["instance.main.clock_accuracy"] == ["0xfe", "default"]
    assert rows["instance.main.port[0].interface"] == ['"eth0"', "file, line 4"]
    assert rows["control.mode"] == ["0o660", "default"]


def test_json_shows_values_to_programs(run: Check) -> None:
    code, out, _ = run(GOOD, "--show", "--json")
    answer = json.loads(out)
    assert (code, answer["ok"]) == (0, True)
    assert {
        "key": "instance.main.domain_number",
        "value": 3,
        "origin": "file",
        "line": 2,
        "unverified": "range 0 to 127",
    } in answer["values"]


def test_json_lists_problems_on_stdout(run: Check) -> None:
    code, out, err = run(BAD, "--json")
    answer = json.loads(out)
    assert (code, err, answer["ok"]) == (2, "", False)
    assert [(problem["line"], problem["key"]) for problem in answer["problems"]] == [
        (5, "instance.main.port[0].log_sync_interval"),
        (6, "instance.main.port[0].domain"),
    ]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_missing_file_exits_2(options: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args([str(tmp_path / "none.toml"), *options])) == 2
    out, err = capsys.readouterr()
    assert "cannot be read" in out + err
    assert "No such file or directory" in out + err


def test_schema_needs_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args(["--schema"])) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "ptpstack configuration"


def test_no_file_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    parser = argparse.ArgumentParser()
    check.add_arguments(parser)
    assert check.run(parser.parse_args([])) == 2
    assert "which FILE?" in capsys.readouterr().err
