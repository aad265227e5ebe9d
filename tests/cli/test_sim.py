"""``ptpstack sim``: ready-made scenarios keep their limits, output is the same everywhere, exit codes tell."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ptpstack.cli.main import main
from ptpstack.cli.sim import SHIPPED, shipped_names

SCENARIO = """\
duration = "30 s"
title = "a test"
[stamping]
jitter_ns = 20
[host.gm]
instance.main.priority1 = 10
[host.slave]
count = 2
start_offset_spread_ns = 1e6
oscillator = { preset = "tcxo", frequency_spread_ppb = 4000 }
[[star]]
center = "gm"
leaves = ["slave"]
delay_ns = 2000
loss = 0.01
jitter_ns = 30
[[at]]
time = "25 s"
host = "gm"
running = false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.toml"
    path.write_text(SCENARIO)
    return path


@pytest.mark.parametrize("name", shipped_names())
def test_a_ready_made_scenario_keeps_its_limits(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", name]) == 0
    assert "NOT KEPT" not in capsys.readouterr().out


@pytest.mark.parametrize("name", shipped_names())
def test_a_ready_made_scenario_says_on_top_what_it_shows_and_has_limits(name: str) -> None:
    text = (SHIPPED / f"{name}.toml").read_text()
    assert text.startswith("# ")
    assert "# What it shows: " in text
    assert "\nlimit_" in text


def test_output_is_the_same_to_the_byte_in_every_process(file: Path, tmp_path: Path) -> None:
    outputs = []
    for number, hash_seed in enumerate(("0", "1", "4242")):
        events = tmp_path / f"{number}.jsonl"
        command = [
            sys.executable,
            "-m",
            "ptpstack",
            "sim",
            str(file),
            "--json",
            "--seeds",
            "2",
            "--events",
            str(events),
        ]
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        done = subprocess.run(command, capture_output=True, check=True, env=environment)
        outputs.append((done.stdout, events.read_bytes()))
    assert outputs[0] == outputs[1] == outputs[2]
    assert len(json.loads(outputs[0][0])["runs"]) == 2


def test_json_has_every_run_and_the_spread(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(file), "--json", "--seeds", "3", "--seed", "7"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["seed"] for run in told["runs"]] == [7, 8, 9]
    values = [run["hosts"][0]["rms_ns"] for run in told["runs"]]
    spread = told["spread"]["slave-1"]["rms_ns"]
    assert (spread["least"], spread["largest"]) == (min(values), max(values))
    assert told["sign"] == "local - truth"
    assert told["ok"] is True
    assert set(told["runs"][0]["hosts"][0]["mtie_ns"]) == {"1", "10"}


def test_the_table_names_sign_seed_and_who_is_left_out(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("s.toml: a test")
    assert lines[1] == "  30 s, seed 1; statistics from 15 s on"
    assert lines[2] == "  error        local - the truth in ns; negative: the clock is behind"
    assert [line.split()[0] for line in lines[4:7]] == ["host", "slave-1", "slave-2"]


@pytest.mark.parametrize(
    ("report", "code", "said"),
    [
        ("limit_rms_ns = 1", 1, "NOT KEPT     limit_rms_ns, slave-1, seed 1: "),
        ("limit_rms_ns = 1e6", 0, ""),
        ('masks = ["g8271.1-c-mtie"]\nhosts = ["slave-1"]', 3, "mask         g8271.1-c-mtie: 1 not testable"),
    ],
)
def test_the_exit_code_tells_whether_limits_were_kept(
    file: Path, capsys: pytest.CaptureFixture[str], report: str, code: int, said: str
) -> None:
    file.write_text(f"{SCENARIO}[report]\n{report}\n")
    assert main(["sim", str(file)]) == code
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which SCENARIO?"),
        (["holdovr"], "did you mean holdover?"),
        (["missing.toml"], "missing.toml: cannot be read (No such file or directory)"),
    ],
)
def test_a_scenario_that_cannot_be_used_is_two(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_check_says_what_is_wrong_without_running(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", str(file), "--check"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "  30 s, 3 hosts, 2 links, 1 changes"
    file.write_text(SCENARIO.replace("delay_ns", "delya_ns"))
    assert main(["sim", str(file), "--check"]) == 2
    assert "did you mean delay_ns?" in capsys.readouterr().err


def test_the_schema_knows_every_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "--schema"]) == 0
    assert {"Host", "Link", "Star", "Chain", "At", "Report"} < set(json.loads(capsys.readouterr().out)["$defs"])


def test_the_event_log_is_one_that_report_and_replay_read(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "events.jsonl"
    assert main(["sim", str(file), "--events", str(log)]) == 0
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert {"OffsetSample", "PortStateChanged", "ClockStepped"} <= {event["event"] for event in events}
    assert events[0]["utc"] == "2023-11-14T22:12:43.000000000Z"
    capsys.readouterr()
    assert main(["report", str(log), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["reports"]) == 2
    assert main(["sim", "--replay", str(log), "--servo", "pi", "--json"]) == 0
    clocks = json.loads(capsys.readouterr().out)["clocks"]
    assert [clock["instance"] for clock in clocks] == ["slave-1", "slave-2"]


def test_a_picture_is_a_png(file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "p.png"
    assert main(["sim", str(file), "--png", str(picture)]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_a_log_that_cannot_be_written_or_read_is_an_error_with_its_place(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sim", str(file), "--events", "/nowhere/e.jsonl"]) == 1
    assert "/nowhere/e.jsonl: cannot be written (No such file or directory)" in capsys.readouterr().err
    assert main(["sim", "--replay", "/nowhere/e.jsonl"]) == 1
    assert "/nowhere/e.jsonl: cannot be read (No such file or directory)" in capsys.readouterr().err


def test_why_reads_the_event_log_too(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "events.jsonl"
    assert main(["sim", str(file), "--events", str(log)]) == 0
    capsys.readouterr()
    assert main(["why", str(log), "--instance", "slave-1", "-n", "3"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(" slave-1: " in line for line in lines)
    log.write_text("{}\n")
    assert main(["why", str(log)]) == 1
    assert "events.jsonl:1: is no event of the daemon" in capsys.readouterr().err


def test_a_file_with_a_plan_goes_to_the_planner(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sim", "chain-of-10-class-b", "--check"]) == 0
    assert "OK" in capsys.readouterr().out
