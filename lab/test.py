"""``python3 -m lab test [pytest arguments]``: style, types, imports, then the test suite.

What lives here: which checks run, in which order, and which Debian packages the tests' peers come from.
What does not: the tests (`tests/`), and what a skip means where skipping is not allowed (`tests/conftest.py`).
"""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
import time
from pathlib import Path

from lab import namespaces, packages
from lab.vm import packages as machine

PACKAGES = {
    "linuxptp": Path("/usr/sbin/ptp4l"),
    "tshark": Path("/usr/bin/tshark"),
    "iproute2": Path("/usr/sbin/ip"),
    "ethtool": Path("/usr/sbin/ethtool"),
    "gcc": Path("/usr/bin/gcc"),
    "libc6-dev": Path("/usr/include/stdio.h"),
    "gpsd": Path("/usr/sbin/gpsd"),
    "chrony": Path("/usr/sbin/chronyd"),
    "mmdebstrap": Path("/usr/bin/mmdebstrap"),
    "ntpsec-ntpdig": Path("/usr/bin/ntpdig"),
    "rdate": Path("/usr/sbin/rdate"),
}
"""Each Debian package that tests call upon, with a file that shows it is there."""

CHECKS = (
    ("style", ["ruff", "check", "."]),
    ("format", ["ruff", "format", "--check", "."]),
    ("types", ["mypy", "--python-version", f"{sys.version_info[0]}.{sys.version_info[1]}"]),  # as numpy's types need
    ("imports", ["lint-imports"]),
)

USAGE = """usage: python3 -m lab test [pytest arguments]

Style, format, types and imports, then the whole test suite, or what the arguments name:

  python3 -m lab test -m "not vm"       all but the virtual machine, which takes the longest
  python3 -m lab test tests/interop     with ptp4l as the peer
  python3 -m lab test -k announce -x    by name, up to the first failure"""
_EXIT_INTERRUPTED = 130
_SYSTEM_PATH = "/usr/sbin:/sbin"  # where Debian keeps ptp4l and ip, outside a plain user's PATH


def main(arguments: list[str]) -> int:
    """Run every check, then pytest, whose closing line comes last; return non-zero when anything failed."""
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("lab: stopped before the end: no verdict", file=sys.stderr)
        return _EXIT_INTERRUPTED


def _run(arguments: list[str]) -> int:
    os.environ["PATH"] += os.pathsep + _SYSTEM_PATH
    wanted = PACKAGES if "not vm" in arguments else PACKAGES | machine.PACKAGES
    try:
        packages.install_missing(wanted, "the test suite")
    except packages.PackagesMissingError as error:
        print(f"lab: tests that need these will skip: {error}", file=sys.stderr)
    failed = [name for name, command in CHECKS if not _passes(name, command)]
    if failed:
        print(f"lab: failed before the tests: {', '.join(failed)}", flush=True)
    os.environ["USER"] = pwd.getpwuid(os.getuid()).pw_name  # as root of a user namespace we keep our own name
    try:
        namespaces.enter()
    except namespaces.NamespaceError as error:
        print(f"lab: tests that need network namespaces will skip: {error}", file=sys.stderr)
    beside = [] if "-n" in arguments else _beside_each_other(with_machine="not vm" not in arguments)
    return until_it_ends([sys.executable, "-m", "pytest", *beside, *arguments]) or (1 if failed else 0)


def until_it_ends(command: list[str]) -> int:
    """Run *command* and return its exit code; a Ctrl-C is for it, and it may take its time to put all away."""
    with subprocess.Popen(command) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _beside_each_other(*, with_machine: bool) -> list[str]:
    """Return how pytest runs several files at once, the longest first (`tests/conftest.py`).

    Most tests wait for a daemon or a peer: a third worker uses what two leave, but for what the virtual machine needs.
    """
    workers = "2" if with_machine else "3"
    return ["-n", workers, "--dist", "loadfile", "--no-loadscope-reorder"]  # else those of most tests are first


def _passes(name: str, command: list[str]) -> bool:
    """Run one check; print one line when it passed, all it said when it did not."""
    start = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    verdict = "ok" if done.returncode == 0 else "FAILED"
    print(f"{name:<8} {verdict:<6} {' '.join(command)}  ({time.monotonic() - start:.1f} s)", flush=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
