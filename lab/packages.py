"""Debian packages that the lab calls upon: which are missing, and installing them where we are root.

What lives here: looking, installing, and unpacking what is not to be installed. What does not: who needs which
(`lab.test`, `lab.vm.packages`), and the Python packages of the environment (`lab.bootstrap`).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from ptpstack.errors import PtpstackError


class PackagesMissingError(PtpstackError):
    """Debian packages that are needed are not installed, and we may not or could not install them."""


def is_root() -> bool:
    """Whether we are root of this machine, not only of a user namespace of our own, where nobody can install."""
    users = sum(int(line.split()[2]) for line in Path("/proc/self/uid_map").read_text(encoding="ascii").splitlines())
    return os.geteuid() == 0 and users > 1


@contextlib.contextmanager
def services_stay_off(policy: Path = Path("/usr/sbin/policy-rc.d")) -> Iterator[None]:
    """Keep packages from starting their services: a time daemon of theirs would steer this machine's clock.

    Where there is a *policy* already (invoke-rc.d(8)), that one holds.
    """
    if policy.exists():
        yield
        return
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()


def install_missing(packages: Mapping[str, Path], who: str) -> None:
    """Install what *who* needs of *packages* (each with a file that shows it is there) when root on a Debian system.

    Otherwise raise PackagesMissingError with the one command to run.
    """
    missing = [package for package, evidence in packages.items() if not evidence.exists()]
    if not missing:
        return
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if not is_root() or shutil.which("apt-get") is None:
        raise PackagesMissingError(
            f"{who} needs {', '.join(missing)}",
            why="not installed, and only root may install",
            next_step=f"sudo {' '.join(command)}",
        )
    print(f"lab: installing {', '.join(missing)}", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for step in (["apt-get", "update"], command):
        with services_stay_off():
            _run(step, environment=environment)


def unpack(target: Path, packages: Sequence[str]) -> None:
    """Unpack *packages* of this machine's release alone, without what they depend on, into *target*, as anybody.

    Raises PackagesMissingError where they are not to be had.
    """
    if shutil.which("apt-get") is None:
        raise PackagesMissingError(f"{', '.join(packages)} cannot be fetched", why="this is no Debian system")
    with TemporaryDirectory() as folder:
        _run(["apt-get", "download", *packages], Path(folder))
        for archive in sorted(Path(folder).glob("*.deb")):
            _run(["dpkg-deb", "--extract", str(archive), str(target)])


def _run(command: Sequence[str], folder: Path | None = None, environment: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PackagesMissingError(
            f"{' '.join(command)} failed",
            why=done.stderr.strip()[-1000:],
            next_step="run it by hand and read its output",
        )
