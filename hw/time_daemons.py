"""Other programs on this machine that steer a clock, and so would fight over it.

What lives here: their names, and a look at /proc for them. What does not: stopping them, which is the user's to do.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

COMM_LENGTH = 15  # the kernel cuts /proc/PID/comm there
SYSTEM_CLOCK = "the system clock"
PHC = "a PHC"
SWITCHES_STAMPS = "a PHC, and switches an interface's timestamping"

STEERS = {
    "chronyd": SYSTEM_CLOCK,
    "ntpd": SYSTEM_CLOCK,
    "ntp-daemon": SYSTEM_CLOCK,  # ntpd-rs
    "openntpd": SYSTEM_CLOCK,
    "systemd-timesyncd": SYSTEM_CLOCK,
    "phc2sys": "the system clock or a PHC",
    "timemaster": "the system clock or a PHC",
    "ts2phc": PHC,
    "ptp4l": SWITCHES_STAMPS,
    "ptpd": SWITCHES_STAMPS,
    "ptpd2": SWITCHES_STAMPS,
    "sfptpd": SWITCHES_STAMPS,
    "statime": SWITCHES_STAMPS,
    "statime-linux": SWITCHES_STAMPS,
}


@dataclass(frozen=True)
class TimeDaemon:
    """A running program that steers a clock, and what it steers."""

    pid: int
    name: str
    steers: str


def find_time_daemons(proc: Path = Path("/proc")) -> list[TimeDaemon]:
    """The known time daemons that run now, by pid; chronyd with -x only watches and is left out."""
    by_comm = {name[:COMM_LENGTH]: name for name in STEERS}
    found = []
    for folder in proc.glob("[0-9]*"):
        try:
            name = by_comm.get((folder / "comm").read_text().strip())
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:  # it ended, or hidepid hides it
            continue
        if name and not (name == "chronyd" and b"-x" in arguments):
            found.append(TimeDaemon(int(folder.name), name, STEERS[name]))
    return sorted(found, key=lambda daemon: daemon.pid)
