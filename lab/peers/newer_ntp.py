"""NTP programs of a newer Debian than this machine's, unpacked and never installed: chrony 4.6 and ntpd-rs.

What lives here: fetching them once, and the commands that run them. What does not: their configuration (the tests').
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from lab.vm.cache import cached
from lab.vm.newer import SUITE, command_of, unpack

PACKAGES = ("chrony", "ntpd-rs")

_PRETENDED_CALLS = """
int clock_adjtime(int clock, void *change) { return 0; }
int ntp_adjtime(void *change) { return 0; }
int adjtimex(void *change) { return 0; }
int adjtime(const void *change, void *left) { return 0; }
int clock_settime(int clock, const void *instant) { return 0; }
int settimeofday(const void *instant, const void *zone) { return 0; }
"""


@dataclass(frozen=True)
class NewerNtp:
    """The unpacked tree."""

    root: Path

    @property
    def chronyd(self) -> list[str]:
        """The command that runs chronyd with its own libraries on this system."""
        return command_of(self.root, "usr/sbin/chronyd")

    @property
    def ntp_daemon(self) -> list[str]:
        """The command that runs ntpd-rs, which has no mode that leaves the clock alone.

        It runs without the right to touch a clock, and is made to believe that it did.
        """
        return [*without_a_clock(), *command_of(self.root, "usr/bin/ntp-daemon")]

    @property
    def ntp_ctl(self) -> list[str]:
        """The command that says what ntpd-rs thinks; it needs an ``observation-path``."""
        return command_of(self.root, "usr/bin/ntp-ctl")


def newer_ntp() -> NewerNtp:
    """The tree, fetched when it is not in the cache (some 30 MB). Raises NewerDebianError where that cannot be."""
    return NewerNtp(cached("ntp", [" ".join((SUITE, *PACKAGES)).encode()], lambda target: unpack(target, PACKAGES)))


def without_a_clock() -> list[str]:
    """Return what to put before a command that must not touch a clock, and shall believe that it does."""
    forbid = ["setpriv", "--bounding-set", "-sys_time", "--inh-caps", "-sys_time"]
    return [*forbid, "env", f"LD_PRELOAD={pretended_clock()}"]


def pretended_clock() -> Path:
    """The library that makes a program believe it steered the clock; preload it."""
    return cached("no_clock.so", [_PRETENDED_CALLS.encode()], _compile)


def _compile(target: Path) -> None:
    command = ["gcc", "-shared", "-fPIC", "-nostdlib", "-x", "c", "-", "-o", str(target)]
    subprocess.run(command, input=_PRETENDED_CALLS.encode(), check=True)
