"""`ptpstack report`: from a file or a daemon to a table, JSON, CSV, a picture and an exit code."""

import argparse
import csv
import importlib.util
import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from ptpstack.cli import report
from ptpstack.cli.client import NotReachableError
from ptpstack.cli.report_figure import FigureError
from ptpstack.daemon.control import ControlServer
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import PtpstackError
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.interface import ServoState
from ptpstack.stability.records import RecordError
from ptpstack.time import SECOND, UtcTime

Run = Callable[..., int]


@pytest.fixture
def run() -> Run:
    def run(*arguments: object) -> int:
        parser = argparse.ArgumentParser()
        report.add_arguments(parser)
        return report.run(parser.parse_args([str(argument) for argument in arguments]))

    return run


@pytest.fixture
def te_csv(tmp_path: Path) -> Path:
    """20 minutes at 8 a second: 3 ns of noise around -5 ns, and a gap of two seconds."""
    path = tmp_path / "te.csv"
    offsets = np.random.default_rng(1).normal(-5e-9, 3e-9, 9600)
    lines = [f"{1_700_000_000 + i / 8:.6f},{te:.15f}" for i, te in enumerate(offsets) if not 800 <= i < 816]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_the_table_says_sign_gaps_statistics_and_curves(
    run: Run, te_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(te_csv) == 0
    lines = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line.strip()}
    assert "local - master in ns; negative: the local clock is behind" in lines["offset"]
    assert "9584 over 1199.88 s, one every 0.125 s" in lines["samples"]
    assert "1, 16 samples missing; the longest of 2 s after 100 s" in lines["gaps"]
    assert float(lines["mean"].split()[1]) == pytest.approx(-5.0, abs=0.2)
    assert float(lines["cTE"].split()[1]) == pytest.approx(-5.0, abs=0.2)
    assert lines["tau"].split() == ["tau", "s", "MTIE", "ns", "TDEV", "ns", "OADEV", "MDEV"]
    assert {"0.125", "1", "10", "100", "1000"} <= set(lines)
    assert float(lines["0.125"].split()[2]) == pytest.approx(3.0, rel=0.1)  # TDEV of white noise at tau0 is its sd


@pytest.mark.parametrize(
    ("masks", "exit_code"),
    [
        ([], 0),
        (["iec-61850-9-3"], 0),
        (["g8273.2-d"], 1),
        (["g8273.2-c"], 3),
        (["g8273.2-c", "g8273.2-d", "iec-61850-9-3"], 1),
    ],
)
def test_the_exit_code_is_the_worst_verdict(run: Run, te_csv: Path, masks: list[str], exit_code: int) -> None:
    assert run(te_csv, *(word for name in masks for word in ("--mask", name))) == exit_code


def test_a_mask_is_shown_limit_by_limit_with_margin_doubt_and_reason(
    run: Run, te_csv: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(te_csv, "--mask", "g8273.2-c")
    shown = capsys.readouterr().out
    assert "mask g8273.2-c: NOT TESTABLE   ITU-T G.8273.2 T-BC/T-TSC class C" in shown
    assert "of 30.0 ns" in shown
    assert "margin" in shown
    assert "unverified limit (low confidence)" in shown
    assert "tau 1000 s needs a record of 12000 s, this one has 1200 s" in shown
    assert "nothing is known of the gaps" in shown


def test_json_has_everything_with_units_in_names(run: Run, te_csv: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(te_csv, "--json", "--mask", "g8273.2-d")
    (shown,) = json.loads(capsys.readouterr().out)["reports"]
    assert (shown["sign"], shown["format"], shown["missing"]) == ("local - master", "columns", 16)
    assert shown["gaps"] == [{"start_s": pytest.approx(100.0), "missing": 16}]
    assert shown["mean_ns"] == pytest.approx(-5.0, abs=0.2)
    assert shown["curves"][0]["tdev_ns"] == pytest.approx(3.0, rel=0.1)
    (limit,) = shown["masks"][0]["limits"]
    assert (shown["masks"][0]["verdict"], limit["quantity"], limit["verdict"]) == ("fail", "max_abs_te_l", "fail")
    assert limit["points"][0]["margin_ns"] < 0


def test_csv_has_the_curves_of_every_source(run: Run, te_csv: Path, tmp_path: Path) -> None:
    run(te_csv, te_csv, "--csv", tmp_path / "out.csv")
    rows = list(csv.DictReader((tmp_path / "out.csv").read_text().splitlines()))
    assert list(rows[0]) == ["source", "record", "tau_s", "mtie_ns", "tdev_ns", "adev", "oadev", "mdev"]
    assert [row["tau_s"] for row in rows].count("0.125") == 2
    assert rows[-1]["tdev_ns"] == ""


@pytest.mark.parametrize("mask", [[], ["--mask", "g8273.2-c", "--mask", "g8272-prtc-b"]], ids=["plain", "masks"])
def test_png_is_drawn(run: Run, te_csv: Path, tmp_path: Path, mask: list[str]) -> None:
    run(te_csv, "--png", tmp_path / "te.png", *mask)
    assert (tmp_path / "te.png").read_bytes().startswith(b"\x89PNG\r\n")


def test_without_matplotlib_the_extra_to_install_is_named(
    run: Run, te_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(FigureError, match=r'pip install "ptpstack\[report\]"'):
        run(te_csv, "--png", tmp_path / "te.png")


def test_the_beginning_may_be_skipped_and_the_sign_changed(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "te.csv"
    path.write_text("".join(f"{t},{1e-6 if t < 10 else 1e-9}\n" for t in range(100)))
    run(path, "--skip", "10", "--negate", "--json")
    (shown,) = json.loads(capsys.readouterr().out)["reports"]
    assert (shown["samples"], shown["max_abs_te_ns"], shown["mean_ns"]) == (90, pytest.approx(1), pytest.approx(-1))
    assert shown["notes"] == ["the first 10 s were left out (10 samples)", "every sign was changed (--negate)"]


def test_an_unlocked_beginning_is_told_with_the_option_that_removes_it(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ptp4l.log"
    path.write_text(
        "".join(
            f"ptp4l[{50 + t}.250]: master offset {9000 if t < 3 else -3} s{0 if t < 3 else 2} freq +0 path delay 5\n"
            for t in range(60)
        )
    )
    run(path)
    shown = capsys.readouterr().out
    assert "the servo was not locked at 3 of 60 samples; --skip 3 leaves them out" in shown
    run(path, "--skip", "3")
    shown = capsys.readouterr().out
    assert "max|TE|      3.00" in shown
    assert "not locked" not in shown


def test_summary_lines_give_rms_and_max_and_no_verdict(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ptp4l.log"
    path.write_text(
        "ptp4l[1.0]: rms    3 max   10 freq +100 +/-  20 delay   500 +/-   3\n"
        "ptp4l[2.0]: rms    4 max   12 freq +100 +/-  20 delay   500 +/-   3\n"
    )
    assert run(path, "--mask", "iec-61850-9-3") == 3
    shown = capsys.readouterr().out
    assert "rms          3.54" in shown
    assert "max|TE|      12.0" in shown
    assert "summary lines have no single offsets" in shown
    assert "no mask can be tested" in shown


def test_standard_input_is_a_source(
    run: Run, te_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(te_csv.read_text()))
    run("-")
    assert capsys.readouterr().out.startswith("-: offset\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read (No such file or directory)"),
        (b"1,2e-9\n2,x\n", ":2: not a line of this format"),
        (b"\x89PNG\0\0\n" * 5, ":1: not text"),
        (b"", "not a format that can be read"),
    ],
)
def test_a_source_that_cannot_be_used_is_told(run: Run, tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "te.csv"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PtpstackError) as caught:
        run(path)
    assert f"{path}" in str(caught.value)
    assert said in str(caught.value)


def test_an_output_that_cannot_be_written_is_told(run: Run, te_csv: Path, tmp_path: Path) -> None:
    for option in ("--csv", "--png"):
        with pytest.raises(PtpstackError, match="cannot be written"):
            run(te_csv, option, tmp_path / "none" / "out")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Path]:
    """A control socket at which one instance's offset is measured again and again."""
    path = tmp_path / "control.sock"
    loop = Loop()
    recorder = Recorder(monotonic_now, lambda: UtcTime(0))
    server = ControlServer(loop, str(path), mode=0o600, status=dict, recorder=recorder)

    def measure() -> None:
        recorder.record(
            OffsetSample(
                clock="CLOCK_REALTIME",
                port_number=1,
                offset_ns=-40.0,
                mean_delay_ns=1.0,
                frequency_ppb=0.0,
                state=ServoState.LOCKED,
                log_sync_interval=-6,
            ),
            "main",
        )
        timer.set(monotonic_now() + SECOND // 64)

    timer = loop.timer(measure)
    timer.set(monotonic_now())
    over = threading.Event()
    watch = loop.timer(lambda: loop.stop() if over.is_set() else watch.set(monotonic_now() + SECOND // 20))
    watch.set(monotonic_now())
    thread = threading.Thread(target=loop.run)
    thread.start()
    yield path
    over.set()
    thread.join()
    server.close()
    loop.close()


def test_a_running_daemon_is_followed_for_a_while(run: Run, daemon: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(daemon, "--seconds", "1.5", "--json") == 0
    out, err = capsys.readouterr()
    (shown,) = json.loads(out)["reports"]
    assert shown["record"] == "main, clock CLOCK_REALTIME"
    assert (shown["mean_ns"], shown["max_abs_te_ns"]) == (-40.0, 40.0)
    assert shown["samples"] > 2
    assert "following" in err


def test_a_socket_without_a_daemon_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
    with pytest.raises(NotReachableError, match="no daemon is reachable"):
        run(path)


def test_a_daemon_that_measures_nothing_is_told(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(str(path))
        listener.listen()
        with pytest.raises(RecordError, match="no offset in it"):
            run(path, "--seconds", "0.2")
