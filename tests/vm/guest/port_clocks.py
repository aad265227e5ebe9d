"""Our boundary and transparent clock on two cards with a hardware clock each: ``vptp0 — vptp1 | vptp2 — vptp3``."""

import math
import time
from contextlib import ExitStack

from lab.vptp import set_knob
from tests.vm.guest.bed import clock_difference_ns, run, soon
from tests.vm.guest.peers import ptp4l
from tests.vm.guest.programs import Daemon

PARAMETERS = "ports=4 phc=0,1,2,3 segment=0,0,1,1"
MASTER = {"masterOnly": 1, "priority1": 1, "free_running": 1}

BOUNDARY = """
[instance.main]
enforce_profile = false
clock = "auto"
{role}
[[instance.main.port]]
interface = "vptp1"
transport = "l2"
log_announce_interval = 0
log_sync_interval = -3
log_min_delay_req_interval = -3
{port}
[[instance.main.port]]
interface = "vptp2"
transport = "l2"
log_announce_interval = 0
log_sync_interval = -3
log_min_delay_req_interval = -3
{port}
[servo]
step_threshold_ns = 10_000
"""


def prepare() -> None:
    """Clocks that are wrong by themselves, each in its own way, and stamps that are off by up to 20 ns."""
    for number, error_ppb in enumerate((0, 20_000, -15_000, 30_000)):
        run("ip", "link", "set", f"vptp{number}", "up")
        set_knob(f"clock{number}/error_ppb", error_ppb)
        set_knob(f"port{number}/stamp_jitter_ns", 20)


def stamps_are_used(daemon: Daemon) -> bool:
    return not any(port["clockProblem"] for port in daemon.status()["instances"]["main"]["ports"])


def settled(clock: int, reference: int, seconds: int = 20) -> float:
    """Wait until a clock is near another one, and return the RMS of their difference after that, in ns."""
    soon(lambda: abs(clock_difference_ns(clock, reference)) < 150, 90)
    time.sleep(10)
    offsets = []
    for _ in range(10 * seconds):
        offsets.append(clock_difference_ns(clock, reference))
        time.sleep(0.1)
    result = math.sqrt(sum(offset * offset for offset in offsets) / len(offsets))
    print(f"clock {clock} against clock {reference}: {result:.1f} ns RMS")  # noqa: T201
    return result


def check_a_boundary_clock_serves_by_the_clock_of_another_card_and_changes_over() -> None:
    prepare()
    with Daemon("port_clocks", BOUNDARY.format(role="", port="")) as daemon, ExitStack() as first:
        first.enter_context(ptp4l("vptp0", delay_mechanism="E2E", **MASTER))
        with ptp4l("vptp3", delay_mechanism="E2E", priority1=200):
            daemon.wait_until_ready()
            soon(lambda: stamps_are_used(daemon), 60)
            assert settled(1, 0) < 30
            assert settled(2, 1) < 30
            assert settled(3, 0) < 60
            assert daemon.events("PortClockJudged")[0]["port_number"] == 2
        with ptp4l("vptp3", delay_mechanism="E2E", **(MASTER | {"priority1": 0})):
            set_knob("clock3/error_ppb", 0)
            soon(lambda: daemon.events("LeadingClockChanged"), 60)
            assert daemon.status()["instances"]["main"]["portClocks"]["leads"] == "/dev/ptp2"
            assert settled(2, 3) < 30
            assert settled(1, 2) < 30


def check_a_transparent_clock_tells_how_long_a_message_stayed_between_two_cards() -> None:
    """Its frames have a tag of IEEE 802.1Q, VLAN 0, which changes nothing for those at the ends."""
    prepare()
    with (
        Daemon("port_clocks", BOUNDARY.format(role='instance_type = "e2e-tc"', port='vlan = "tagged"')) as daemon,
        ptp4l("vptp0", delay_mechanism="E2E", **MASTER),
        ptp4l("vptp3", delay_mechanism="E2E", slaveOnly=1),
    ):
        daemon.wait_until_ready()
        soon(lambda: stamps_are_used(daemon), 60)
        assert settled(3, 0) < 60
