"""NTP on hosts that are not plain: a NIC that stamps, a VRF, a machine that stood still, a gpsd that has pulses."""

import fcntl
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.pins import PinFunction, assign_pin, find_pin
from hw.realtime import RealtimeClock
from lab.namespaces import Node
from lab.peers.gpsd import Gpsd, Receiver
from lab.vptp import set_knob
from ptpstack.time import MILLISECOND, SECOND, LocalTime
from tests.vm.guest.bed import clock, clock_difference_ns, opened, run, soon
from tests.vm.guest.daemons import device, node, parameters, say
from tests.vm.guest.host_clocks import reset_kernel, rms, set_clock, system_offset_ns
from tests.vm.guest.programs import Daemon, Program
from tests.vm.guest.time_sources import PTP_ENABLE_PPS, pps_of

PARAMETERS = parameters(pairs=1)

SERVERS, CLIENTS, VRF = "servers", "clients", "blue"
ADDRESSES = ("10.0.0.1", "10.0.0.11", "10.0.0.21")
STOOD_STILL_S = 37
"""By chance what TAI - UTC is, which from PTP would be refused."""

IN_VRF = f"""
[ntp]
free_running = true
interface = "{VRF}"

[[ntp.source]]
address = "10.0.0.2"
min_poll = 0
max_poll = 0

[ntp.server]
listen = ["0.0.0.0"]
interface = "{VRF}"
local_stratum = 4
"""

OUTSIDE = """
[ntp]
free_running = true

[[ntp.source]]
address = "10.0.0.1"
min_poll = 0
max_poll = 0

[ntp.server]
listen = ["10.0.0.2"]
local_stratum = 5
"""


STAMPING_SERVER = """
[ntp.server]
listen = ["10.0.0.1"]
clock = "{device}"
interface = "vptp0"
timestamping = "hardware"
local_stratum = 1
"""

STAMPING_CLIENT = """
[ntp]
accuracy = "1us"
clock = "{device}"
interface = "vptp1"

[[ntp.source]]
address = "10.0.0.1"
"""


def sources(daemon: Daemon) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = daemon.status()["ntp"]["sources"]
    return found


def check_a_hardware_clock_is_kept_by_ntp_with_the_stamps_of_both_nics() -> None:
    reset_kernel()
    set_knob("clock1/error_ppb", 15_000)
    node(SERVERS, 0)
    node(CLIENTS, 1)
    with clock(1) as phc:
        phc.set_time(LocalTime(int(phc.time()) + 300 * MILLISECOND))
    with (
        Daemon("stamping-server", STAMPING_SERVER.format(device=device(0)), namespace=SERVERS) as server,
        Daemon("stamping-client", STAMPING_CLIENT.format(device=device(1)), namespace=CLIENTS) as client,
    ):
        for daemon in (server, client):
            daemon.wait_until_ready()
        soon(lambda: client.status()["clocks"][device(1)]["state"] == "locked", 120)
        time.sleep(30)
        errors = []
        for _ in range(200):
            errors.append(clock_difference_ns(1, 0))
            time.sleep(0.1)
        (source,) = sources(client).values()
        for daemon in (client, server):
            daemon.end()
    error_ns = rms(errors)
    say(f"NTP by the NICs' stamps: {error_ns:.0f} ns RMS, at most {max(map(abs, errors)):.0f} ns; {source}")
    assert source["stamps"] == "hardware"
    assert source["interleaved"]
    assert error_ns < 1_000


def check_client_and_server_work_inside_a_vrf() -> None:
    """The interface is the VRF's; a socket that is bound to no VRF hears nothing of what comes by it."""
    reset_kernel()
    node(SERVERS, 0)
    node(CLIENTS, 1)
    with (
        vrf(SERVERS, "vptp0"),
        Daemon("inside", IN_VRF, namespace=SERVERS) as inside,
        Daemon("outside", OUTSIDE, namespace=CLIENTS) as outside,
    ):
        for daemon in (inside, outside):
            daemon.wait_until_ready()
        soon(lambda: sources(inside)["10.0.0.2"]["used"] and sources(outside)["10.0.0.1"]["used"], 120)
        strata = sources(inside)["10.0.0.2"]["stratum"], sources(outside)["10.0.0.1"]["stratum"]
        inside.end()
        with Daemon("astray", IN_VRF.replace(f'interface = "{VRF}"', ""), namespace=SERVERS) as astray:
            astray.wait_until_ready()
            soon(lambda: sources(outside)["10.0.0.1"]["reach"] == "000", 60)
            unheard = sources(astray)["10.0.0.2"]["samples"]
            astray.end()
        outside.end()
    assert strata == (5, 4)
    assert not unheard


@contextmanager
def vrf(namespace: str, interface: str) -> Iterator[None]:
    """*interface* is in a VRF."""
    run("modprobe", "-d", os.environ["MODULES_OF"], "vrf")
    for command in (f"add {VRF} type vrf table 10", f"set {VRF} up", f"set {interface} master {VRF}"):
        run("ip", "-n", namespace, "link", *command.split())
    try:
        yield
    finally:
        run("ip", "-n", namespace, "link", "delete", VRF)


@contextmanager
def servers(addresses: Sequence[str]) -> Iterator[None]:
    """Servers of clock 0, one at each of the *addresses*."""
    node(SERVERS, 0)
    for address in addresses[1:]:
        run("ip", "-n", SERVERS, "address", "add", f"{address}/24", "dev", "vptp0")
    with ExitStack() as running:
        for number, address in enumerate(addresses):
            script = [sys.executable, "-m", "tests.vm.guest.ntp_responder", device(0), address]
            running.enter_context(Program(f"responder{number}", script, namespace=SERVERS))
        yield


def stood_still(addresses: Sequence[str]) -> tuple[dict[str, Any], str]:
    """Return the event of a jump and what `why` says, after all servers were ahead at once; it took one step.

    As a virtual machine that was paused: none of its own clocks knows.
    """
    reset_kernel()
    set_clock(0)
    RealtimeClock(tai_offset_s=0).step(40 * MILLISECOND)
    node(CLIENTS, 1)
    tables = "".join(f'[[ntp.source]]\naddress = "{address}"\nmin_poll = 0\nmax_poll = 0\n' for address in addresses)
    configuration = f'[ntp]\naccuracy = "1ms"\n{tables}'
    with servers(addresses), Daemon("paused", configuration, namespace=CLIENTS) as ours:
        ours.wait_until_ready()

        def settled() -> bool:
            return ours.status()["clocks"]["system"]["state"] == "locked" and abs(system_offset_ns(0)) < 500_000

        soon(settled, 120)
        steps = len(ours.events("ClockStepped"))
        with clock(0) as phc:
            phc.set_time(LocalTime(int(phc.time()) + STOOD_STILL_S * SECOND))
        paused_at = time.monotonic()
        (found,) = soon(lambda: ours.events("ClockFoundElsewhere"), 60)
        soon(lambda: len(ours.events("ClockStepped")) > steps, 60)
        soon(settled, 120)
        took_s = time.monotonic() - paused_at
        time.sleep(20)
        error_ns = system_offset_ns(0)
        stepped = ours.events("ClockStepped")[steps:]
        trusted = [event["event"] for kind in ("TimeUntrusted", "TimeTrusted") for event in ours.events(kind)[-1:]]
        why = run(sys.executable, "-m", "ptpstack", "why", "-n", "200", "--socket", ours.socket)
        ours.end()
    say(f"stood still for {STOOD_STILL_S} s: right again {took_s:.1f} s later, {error_ns:+.0f} ns off; {trusted}")
    say(why)
    assert abs(found["moved_s"] + STOOD_STILL_S) < 0.1
    assert len(stepped) == 1
    assert abs(error_ns) < 1_000_000
    return found, why


def check_a_machine_that_stood_still_is_acquired_anew_with_one_step_and_says_why() -> None:
    found, why = stood_still(ADDRESSES)
    assert found["sources"] in {2, 3}
    assert "NTP sources agree that the clock jumped" in why


def check_a_machine_that_stood_still_believes_its_only_server_after_four_samples_with_one_step() -> None:
    found, why = stood_still(ADDRESSES[:1])
    assert (found["sources"], found["samples"]) == (1, 4)
    lines = iter(why.splitlines())
    for said in (
        "not used yet: it is alone in saying that the clock jumped by -37",
        "the only NTP source says in 4 samples in a row that the clock jumped by -37",
        "clock stepped forward by 37",
        "the time is trusted from now on, by ntp",
    ):
        assert any(said in line for line in lines), f"{said!r} is not said, or not in this order"


def check_gpsd_tells_of_the_kernels_pulses_by_our_socket() -> None:
    """gpsd numbers the pulses of /dev/pps by what its receiver says, and sends each to the socket that we made."""
    reset_kernel()
    set_clock(0)
    RealtimeClock(tai_offset_s=0).step(3 * MILLISECOND)
    RealtimeClock(tai_offset_s=0).set_frequency(10_000.0)
    pulses = pps_of(1)
    path = Path(f"/run/chrony.{Path(pulses).name}.sock")
    configuration = (
        f'[ntp]\naccuracy = "100us"\n[[ntp.reference]]\nname = "pulses"\ntype = "sock"\npath = "{path}"\n'
        "log_interval = 0\nmode = 0o666\n"
    )
    local = Node("local")
    with clock(0) as sender, opened(device(1)) as timer, Daemon("gpsd", configuration) as ours:
        fcntl.ioctl(timer.fileno(), PTP_ENABLE_PPS, 1)
        assign_pin(sender, find_pin(sender, "0"), PinFunction.PEROUT, 0)
        set_knob("clock1/pps_from", 0)
        start_periodic_output(sender)
        ours.wait_until_ready()
        soon(path.exists, 60)
        receiver = Receiver(local)
        gpsd = Gpsd(local, Path("/run/gpsd"), receiver, pulses=pulses)
        gpsd.start()
        try:
            soon(lambda: sources(ours)["pulses"]["samples"] > 2, 120)
            soon(lambda: ours.status()["clocks"]["system"]["state"] == "locked", 120)
            time.sleep(20)
            errors = []
            for _ in range(40):
                errors.append(system_offset_ns(0))
                time.sleep(0.5)
            source = sources(ours)["pulses"]
        finally:
            say(gpsd.log.read_text(errors="replace")[-3000:])
            gpsd.stop()
            receiver.close()
            stop_periodic_output(sender)
        ours.end()
    largest = max(map(abs, errors))
    say(f"by gpsd's pulses: median {statistics.median(errors):+.0f} ns, at most {largest:.0f} ns; {source}")
    assert source["used"]
    assert abs(statistics.median(errors)) < 20_000
