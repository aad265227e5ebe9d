"""Make the project's own environment with nothing but the standard library, and run a module in it.

What lives here: `.venv-3.x` beside this package, one for each Python version, remade when pyproject.toml
changes. What does not: Debian packages of peers (`lab.test`, `lab.vm`), the product's installation.
"""

from __future__ import annotations

import fcntl
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)
PIP = "pip>=25.1"  # the first that installs a dependency group

_VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
ENVIRONMENT = CHECKOUT / f".venv-{_VERSION}"
_PYTHON = ENVIRONMENT / "bin" / "python"


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to do."""


def run_inside(module: str, arguments: list[str]) -> int:
    """Replace this process by *module* running in the environment; return 1 when that cannot be made."""
    try:
        ensure_environment()
    except BootstrapError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    path = f"{_PYTHON.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.chdir(CHECKOUT)
    sys.stdout.flush()
    command = [str(_PYTHON), "-m", module, *arguments]
    return os.execve(_PYTHON, command, os.environ | {"PATH": path})  # noqa: S606 (no shell is meant)


def ensure_environment() -> None:
    """Make the environment, or bring it up to date with pyproject.toml; do nothing when it is."""
    if sys.version_info < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        raise BootstrapError(
            f"this is Python {_VERSION}, and {oldest} is the oldest that works: python{oldest} -m lab …"
        )
    marker = ENVIRONMENT / "installed"
    wanted = f"{sys.base_prefix} {hashlib.sha256((CHECKOUT / 'pyproject.toml').read_bytes()).hexdigest()}"
    checkout = os.open(CHECKOUT, os.O_RDONLY)
    try:
        fcntl.flock(checkout, fcntl.LOCK_EX)  # of two commands started together one makes it, the other waits
        if marker.is_file() and marker.read_text() == wanted:
            return
        print(f"lab: making the environment {ENVIRONMENT.name} (once, a minute or two)", file=sys.stderr, flush=True)
        marker.unlink(missing_ok=True)
        _make_venv()
        _install()
        marker.write_text(wanted)
    finally:
        os.close(checkout)


def _make_venv() -> None:
    if importlib.util.find_spec("ensurepip") is None:
        _install_debian_venv()
    _run([sys.executable, "-m", "venv", "--clear", str(ENVIRONMENT)], "making an empty environment")


def _install_debian_venv() -> None:
    package = f"python{_VERSION}-venv"
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise BootstrapError(f"this Python cannot make environments yet; type: sudo apt-get install {package}")
    quiet = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    _run(["apt-get", "update", "-q"], "refreshing the package lists", quiet)
    _run(["apt-get", "install", "-q", "-y", "--no-install-recommends", package], f"installing {package}", quiet)


def _install() -> None:
    """Install the project, what it needs and what its tests need, compiled to bytecode."""
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONHOME")
    }
    pip = [str(_PYTHON), "-m", "pip", "install", "--no-input", "--disable-pip-version-check"]
    advice = "is the package index reachable from here?"
    _run([*pip, "--upgrade", PIP], "upgrading pip", environment, advice)
    _run([*pip, "--group", "test", "--editable", "."], "installing the project", environment, advice)
    # An editable install compiles nothing of the checkout, and start-up time is one of the things measured.
    sources = [
        str(CHECKOUT / name) for name in ("ptpstack", "hw", "ntp", "profiles", "lab") if (CHECKOUT / name).is_dir()
    ]
    _run([str(_PYTHON), "-m", "compileall", "-q", *sources], "compiling", environment)


def _run(command: list[str], doing: str, environment: dict[str, str] | None = None, advice: str = "") -> None:
    """Run *command* in silence; on failure raise with the end of what it said."""
    result = subprocess.run(
        command,
        cwd=CHECKOUT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        tail = "\n".join(f"  | {line}" for line in result.stdout.splitlines()[-15:])
        hint = f"\n  next: {advice}" if advice else ""
        raise BootstrapError(f"{doing} failed (exit {result.returncode}): {' '.join(command)}\n{tail}{hint}")
