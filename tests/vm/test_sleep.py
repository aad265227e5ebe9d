"""A machine that is suspended to memory and woken by its alarm: a real S3 of the guest, in the host's time."""

import json

import pytest

from lab.vm import Guest, run_in_vm
from tests.vm.guest.asleep import RTC_IS_LATE_NS, SLEEPS_S

MUCH_NS = 100e6
"""An emulated machine on a busy host reads its clocks late by milliseconds, which the daemon takes for small moves."""

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

SCRIPT = """
echo 0 >/run/job/exit_code # later there is nowhere to write it to
exec python3 -m tests.vm.guest.asleep
"""


def test_after_a_sleep_the_clock_is_acquired_anew_with_one_step_and_nobody_is_blamed() -> None:
    output = run_in_vm(SCRIPT, timeout=500, guest=Guest(vptp=None, icount=False, sleeps=True)).output
    lines = [line for line in output.splitlines() if line.startswith("{")]
    assert lines, output
    seen = json.loads(lines[0])
    (slept,) = seen["HostSlept"]
    (stepped,) = [step for step in seen["ClockStepped"] if abs(step["step_ns"]) > MUCH_NS]
    assert slept["seconds"] > SLEEPS_S / 2
    assert [moved for moved in seen["ClockMovedByOthers"] if abs(moved["moved_ns"]) > MUCH_NS] == []
    assert [change["state"] for change in seen["ClockStateChanged"]][:2] == ["ACQUIRING", "LOCKED"]
    assert stepped["step_ns"] == pytest.approx(RTC_IS_LATE_NS, abs=50e6)
    assert abs(seen["error_ns"]) < 50e6
    assert seen["TimeTrusted"]
