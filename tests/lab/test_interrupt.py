"""A Ctrl-C at any time: no traceback, what was started ends, and what it wrote for itself is put away."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from lab import __main__ as command_line
from lab import bootstrap, soak
from lab import test as lab_test
from lab.demo import __main__ as demo

ENDS_S = 120
"""Much longer than anything here takes."""

SLOW_TO_END = """
import pathlib, sys, time
here = pathlib.Path(sys.argv[1])
(here / "scratch").touch()
try:
    time.sleep(600)
except KeyboardInterrupt:
    time.sleep(1.5)  # longer than the quarter of a second that subprocess.run leaves it
    (here / "scratch").unlink()
    sys.exit(2)
"""
HEEDS_IT = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
"""A program that is started in the background ignores it, and so does what that starts."""

RUNS_IT = (
    HEEDS_IT
    + "import sys; from lab.test import until_it_ends; sys.exit(until_it_ends([sys.executable, *sys.argv[1:]]))"
)


def interrupted(*_arguments: object, **_options: object) -> int:
    raise KeyboardInterrupt


def test_the_tests_may_put_all_away_before_the_command_ends(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", RUNS_IT, "-c", SLOW_TO_END, str(tmp_path)],
        cwd=bootstrap.CHECKOUT,
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    _wait_for(tmp_path / "scratch")
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does
    _, said = process.communicate(timeout=ENDS_S)
    assert process.returncode == 2
    assert not list(tmp_path.iterdir())
    assert "Traceback" not in said


def _wait_for(path: Path) -> None:
    deadline = time.monotonic() + ENDS_S
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} never came"
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("module", "function", "arguments"),
    [
        (bootstrap, "ensure_environment", ["demo"]),
        (lab_test, "_passes", ["-m", "not vm"]),
        (demo, "_run", []),
        (soak, "_run", []),
    ],
)
def test_an_interrupt_is_said_in_a_line(
    module: object,
    function: str,
    arguments: Sequence[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(module, function, interrupted)
    monkeypatch.setattr("lab.namespaces.enter", lambda: None)
    monkeypatch.setattr("lab.packages.install_missing", lambda *_: None)
    monkeypatch.setattr("lab.soak.compile_sources", lambda: None)
    main = command_line.main if module is bootstrap else module.main  # type: ignore[attr-defined]
    assert main(list(arguments)) == 130
    said = capsys.readouterr()
    assert "stopped" in said.out + said.err


@pytest.mark.namespaces
def test_a_demo_that_is_interrupted_leaves_no_process_and_no_folder(scratch: Path) -> None:
    if why := demo.namespaces.why_unavailable():
        pytest.skip(why)
    process = subprocess.Popen(
        [sys.executable, "-c", f"{HEEDS_IT}import runpy; runpy.run_module('lab.demo', run_name='__main__')"],
        cwd=bootstrap.CHECKOUT,
        env=os.environ | {"TMPDIR": str(scratch)},
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "look for a master" in line:
            break
    assert _of_folder(scratch)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=ENDS_S)
    assert process.returncode == 130
    assert "stopped before the end" in said
    assert "Traceback" not in said
    assert not list(scratch.iterdir())
    assert not _of_folder(scratch)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """A folder whose name is short enough for the sockets in it."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def _of_folder(folder: Path) -> list[bytes]:
    """Return the command lines of processes that have to do with a folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended
        if os.fsencode(folder) in words:
            found.append(words)
    return found
