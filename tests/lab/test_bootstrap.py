import os
import subprocess
import sys
from pathlib import Path

import pytest

from lab import __main__ as command_line
from lab import bootstrap


def test_help_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["--help"]) == 0
    printed = capsys.readouterr().out
    assert all(f"  {name}" in printed for name in command_line.COMMANDS)


def test_an_unknown_command_is_named_and_the_known_ones_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line.main(["dmeo"]) == 2
    said = capsys.readouterr().err
    assert "'dmeo'" in said
    assert "demo" in said


def test_starting_the_lab_imports_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, lab.__main__; print(*{name.partition('.')[0] for name in sys.modules} - sys.stdlib_module_names)"
    )
    isolated = [sys.executable, "-S", "-c", code]
    loaded = subprocess.run(isolated, cwd=bootstrap.CHECKOUT, capture_output=True, text=True, check=True).stdout
    assert set(loaded.split()) - {"__main__", "sitecustomize", "usercustomize"} == {"lab"}


def test_an_environment_that_is_up_to_date_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fake_checkout(tmp_path, monkeypatch)
    bootstrap.ensure_environment()
    bootstrap.ensure_environment()
    assert made == ["venv", "install"]


def test_a_changed_pyproject_remakes_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fake_checkout(tmp_path, monkeypatch)
    bootstrap.ensure_environment()
    (tmp_path / "pyproject.toml").write_text("another = 1")
    bootstrap.ensure_environment()
    assert made == ["venv", "install"] * 2


def test_an_interrupted_installation_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = fake_checkout(tmp_path, monkeypatch)

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(bootstrap, "_install", interrupted)
    with pytest.raises(KeyboardInterrupt):
        bootstrap.ensure_environment()
    monkeypatch.setattr(bootstrap, "_install", lambda: made.append("install"))
    bootstrap.ensure_environment()
    assert made == ["venv", "venv", "install"]


def test_a_python_that_is_too_old_says_what_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 0))
    with pytest.raises(bootstrap.BootstrapError, match=r"python3\.11 -m lab"):
        bootstrap.ensure_environment()


def test_without_ensurepip_a_user_reads_the_one_command_to_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(bootstrap.BootstrapError, match=r"type: sudo apt-get install python3\.\d+-venv"):
        bootstrap._make_venv()


def test_a_failing_step_shows_the_end_of_its_output_and_what_to_do() -> None:
    noisy = [sys.executable, "-c", "print(*range(100), sep='\\n'); raise SystemExit(3)"]
    with pytest.raises(bootstrap.BootstrapError) as failure:
        bootstrap._run(noisy, "making noise", advice="be quiet")
    said = str(failure.value)
    assert "making noise failed (exit 3)" in said
    assert "| 99" in said
    assert "| 1\n" not in said
    assert "next: be quiet" in said


def fake_checkout(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let the environment be made in *path* by steps that only say that they ran."""
    made: list[str] = []

    def make_venv() -> None:
        made.append("venv")
        (path / ".venv").mkdir(exist_ok=True)

    (path / "pyproject.toml").write_text("one = 1")
    monkeypatch.setattr(bootstrap, "CHECKOUT", path)
    monkeypatch.setattr(bootstrap, "ENVIRONMENT", path / ".venv")
    monkeypatch.setattr(bootstrap, "_make_venv", make_venv)
    monkeypatch.setattr(bootstrap, "_install", lambda: made.append("install"))
    return made
