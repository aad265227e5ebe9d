"""A unicast grandmaster on hardware stamps serves many: one slave, seen against the truth, and a crowd, counted."""

import json
import subprocess
from pathlib import Path

from lab.vptp import set_knob
from tests.vm.guest.bed import run
from tests.vm.guest.daemons import (
    SETTLE_S,
    largest,
    make_imperfect,
    node,
    parameters,
    record_offsets,
    rms,
    say,
    wait_for_lock,
)
from tests.vm.guest.programs import Daemon

PARAMETERS = parameters(pairs=1)
LOAD_SOURCE, LOAD = Path(__file__).parents[3] / "lab" / "bench" / "unicast_load.c", Path("/run/unicast_load")
ENDS = ((0, "masters"), (1, "slaves"))
CLIENTS = 600
"""More than have a millisecond each for their Syncs, as seldom as an emulated processor bears it."""
LOG_INTERVAL, SECONDS, DOMAIN = -1, 10, 44
LOSS = 0.05
"""Of the transmit stamps of the master."""
RMS_NS, LARGEST_NS = 15, 60
MISSING = 0.02
"""Of what is due: the guest may stall."""

MASTER = """
[instance.main]
profile = "g8275-2"
enforce_profile = false
free_running = true
[[instance.main.port]]
interface = "vptp0"
log_announce_interval = -3
[instance.main.port.unicast_service]
max_messages_per_second = 1_000_000
"""
SLAVE = """
[instance.main]
profile = "g8275-2"
enforce_profile = false
slave_only = true
[[instance.main.port]]
interface = "vptp1"
log_sync_interval = -4
log_min_delay_req_interval = -4
[[instance.main.port.unicast_master]]
address = "10.0.0.1"
"""


def check_many_unicast_clients_are_served_with_hardware_stamps() -> None:
    make_imperfect(0, 1)
    for port, name in ENDS:
        node(name, port)
    run("ip", "-n", "masters", "route", "add", "10.1.0.0/16", "via", "10.0.0.2")
    run("cc", "-O2", "-o", str(LOAD), str(LOAD_SOURCE))
    with (
        Daemon("master", MASTER, namespace="masters") as master,
        Daemon("slave", SLAVE, namespace="slaves") as slave,
    ):
        master.wait_until_ready()
        slave.wait_until_ready()
        set_knob("port0/stamp_loss_ppm", round(LOSS * 1e6))
        wait_for_lock(1)
        with crowd(CLIENTS, master.process.pid) as process:
            record_offsets(SETTLE_S)
            [offsets] = record_offsets(SECONDS, 1)
            said = json.loads(process.communicate()[0])
        cpu_us = said["cpu_s"] / said["seconds"] / CLIENTS * 1e6
        say(f"{CLIENTS} clients: {cpu_us:.0f} µs of CPU a second each; RMS of the slave {rms(offsets):.1f} ns")
        wanted = CLIENTS * 2**-LOG_INTERVAL * said["seconds"] * (1 - MISSING)
        assert said["sync"] > wanted, said
        followed = said["follow_up"] / said["sync"]
        assert 1 - 2 * LOSS < followed < 1 - LOSS / 2, said
        assert said["delay_resp"] > said["requests"] * (1 - MISSING), said
        assert rms(offsets) < RMS_NS
        assert largest(offsets) < LARGEST_NS
        counters = master.status()["instances"]["main"]["ports"][0]["socketCounters"]
        lost = counters["transmit stamp lost"]
        assert lost >= said["sync"] - said["follow_up"], (lost, said)  # also while nobody counted


def crowd(clients: int, master: int) -> subprocess.Popen[str]:
    """Let so many ask the process *master*, each from an address behind the slave's."""
    macs = [
        run("ip", "netns", "exec", name, "cat", f"/sys/class/net/vptp{port}/address").strip() for port, name in ENDS
    ]
    words = ("vptp1", *macs, "10.0.0.1", clients, LOG_INTERVAL, SETTLE_S, SECONDS, DOMAIN, master)
    command = ["ip", "netns", "exec", "slaves", str(LOAD), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
