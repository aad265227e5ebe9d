"""``python3 -m tests.vm.guest.asleep``: the guest is suspended to memory while our daemon keeps its clock by NTP.

What becomes of that is one line of JSON on the output, then the guest ends at once. When it wakes its disks, which are
9p, are gone: all that is needed later is brought into memory before.
"""

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

from ptpstack.time import NANOSECOND, UtcTime
from tests.ntp.responder import Responders
from tests.vm.guest.bed import soon
from tests.vm.guest.programs import Daemon

SERVER = "127.0.0.1"
SLEEPS_S = 5
RTC_IS_LATE_NS = 400_000_000
"""So much later than the kernel takes it for is the true time after the sleep, which it measures by a poor clock."""

CONFIGURATION = f"""
[ntp]
accuracy = "1ms"

[[ntp.source]]
address = "{SERVER}"
min_poll = 0
max_poll = 0

[leap_seconds]
file = ""
"""


def asleep_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.clock_gettime_ns(time.CLOCK_MONOTONIC)


EPOCH_NS = time.time_ns() - time.clock_gettime_ns(time.CLOCK_BOOTTIME)
ASLEEP_BEFORE_NS = asleep_ns()


def true_ns() -> int:
    """The time by CLOCK_BOOTTIME, which nobody steers, and which goes on while the machine sleeps."""
    slept = asleep_ns() - ASLEEP_BEFORE_NS > 10**9
    return EPOCH_NS + time.clock_gettime_ns(time.CLOCK_BOOTTIME) + (RTC_IS_LATE_NS if slept else 0)


def bring_into_memory(*processes: int) -> None:
    """Read every file that is mapped into one of the *processes*: pages that are missing cannot be had later."""
    for process in processes:
        lines = Path(f"/proc/{process}/maps").read_text().splitlines()
        for file in {line.split(maxsplit=5)[5] for line in lines if " /" in line}:
            Path(file).read_bytes()


def sleep() -> None:
    alarm = Path("/sys/class/rtc/rtc0/wakealarm")
    alarm.write_text(f"+{SLEEPS_S}")
    Path("/sys/power/mem_sleep").write_text("deep")
    Path("/sys/power/state").write_text("mem")


def fell_asleep_and_woke(ours: Daemon) -> dict[str, Any]:
    def is_locked() -> bool:
        return bool(ours.status()["clocks"]["system"]["state"] == "locked")

    ours.wait_until_ready()
    soon(is_locked, 60)
    kinds = ("HostSlept", "ClockMovedByOthers", "ClockStateChanged", "ClockStepped", "TimeTrusted")
    before = {kind: len(ours.events(kind)) for kind in kinds}
    bring_into_memory(os.getpid(), ours.process.pid)
    sleep()
    soon(lambda: bool(ours.events("HostSlept")), 30)
    soon(lambda: len(ours.events("ClockStepped")) > before["ClockStepped"] and is_locked(), 60)
    time.sleep(5)
    error_ns = time.time_ns() - true_ns()
    return {"error_ns": error_ns, **{kind: ours.events(kind)[count:] for kind, count in before.items()}}


def main() -> None:
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind((SERVER, 123))
    with Responders([server], lambda: UtcTime(true_ns() * NANOSECOND)):
        daemon = Daemon("asleep", CONFIGURATION)
        try:
            print(json.dumps(fell_asleep_and_woke(daemon)), flush=True)  # noqa: T201 (what this is for)
        except AssertionError as error:
            print(f"FAILED: {error}\n{daemon.log.read_text()[-5000:]}", flush=True)  # noqa: T201
    Path("/proc/sysrq-trigger").write_text("b")


if __name__ == "__main__":
    main()
