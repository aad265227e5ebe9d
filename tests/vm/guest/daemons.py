"""PTP: our daemon and ptp4l on the ports of the virtual card, in network namespaces of their own; and the truth of it.

Ports come in pairs: the even one is the master's, the odd one behind it the slave's.
"""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.vptp import read_truth, set_knob
from tests.vm.guest.bed import clock_difference_ns, run, soon
from tests.vm.guest.programs import Daemon, Program

LOCK_S = 60
SAMPLES_PER_S = 10
SETTLE_S = 10

INSTANCE = """
[instance.{name}]
enforce_profile = false
{role}
[[instance.{name}.port]]
interface = "vptp{port}"
transport = "{transport}"
delay_mechanism = "{mechanism}"
two_step = {two_step}
log_announce_interval = 0
log_sync_interval = -3
log_min_{request}_interval = -3
"""

PTP4L = """[global]
network_transport {transport}
time_stamping hardware
delay_mechanism {mechanism}
logSyncInterval -3
logMinDelayReqInterval -3
logMinPdelayReqInterval -3
logAnnounceInterval 0
tx_timestamp_timeout 100
use_syslog 0
verbose 1
uds_address /run/ptp4l{port}
{role}
[vptp{port}]
"""

OUR_ROLES = {"master": "priority1 = 1\nfree_running = true", "slave": "slave_only = true"}
PTP4L_ROLES = {"master": "masterOnly 1\npriority1 1\nfree_running 1", "slave": "slaveOnly 1"}


@dataclass(frozen=True)
class Link:
    """How one pair of ports speaks PTP."""

    transport: str = "l2"
    mechanism: str = "e2e"
    two_step: bool = True


def parameters(pairs: int) -> str:
    """Return those of a card whose ports have a clock each."""
    numbers = range(2 * pairs)
    clocks, segments = ",".join(map(str, numbers)), ",".join(str(number // 2) for number in numbers)
    return f"ports={2 * pairs} phc={clocks} segment={segments}"


def node(name: str, *ports: int) -> None:
    """Put the interfaces of *ports* into the namespace *name*, with addresses, up."""
    if not Path(f"/run/netns/{name}").exists():
        run("ip", "netns", "add", name)
    for port in ports:
        interface = f"vptp{port}"
        if Path(f"/sys/class/net/{interface}").exists():
            run("ip", "link", "set", interface, "netns", name)
            run("ip", "-n", name, "address", "add", f"10.0.{port // 2}.{port + 1}/24", "dev", interface)
        run("ip", "-n", name, "link", "set", interface, "up")


class Ptp4l(Program):
    def __init__(self, role: str, port: int, link: Link) -> None:
        name, configuration = f"ptp4l{port}", Path(f"/run/ptp4l{port}.conf")
        node(name, port)
        configuration.write_text(
            PTP4L.format(
                transport={"l2": "L2", "udpv4": "UDPv4"}[link.transport],
                mechanism=link.mechanism.upper(),
                port=port,
                role=PTP4L_ROLES[role],
            )
        )
        super().__init__(name, ["ptp4l", "-f", configuration], namespace=name)


class Ours(Daemon):
    """One daemon with an instance ``portN`` on each of the ports in *links*."""

    def __init__(self, role: str, links: Mapping[int, Link], *, servo: str = "auto", settings: str = "") -> None:
        name = f"{role}s"
        node(name, *links)
        instances = "".join(self._instance(role, port, link) for port, link in links.items())
        super().__init__(name, f'[servo]\ntype = "{servo}"\n{settings}\n{instances}', namespace=name)

    @staticmethod
    def _instance(role: str, port: int, link: Link) -> str:
        return INSTANCE.format(
            name=f"port{port}",
            role=OUR_ROLES[role],
            port=port,
            transport=link.transport,
            mechanism=link.mechanism,
            two_step=str(link.two_step).lower(),
            request={"e2e": "delay_req", "p2p": "pdelay_req"}[link.mechanism],
        )

    def port_status(self, port: int) -> dict[str, Any]:
        return self.status()["instances"][f"port{port}"]["ports"][0]

    def clock_status(self, port: int) -> dict[str, Any]:
        status = self.status()
        name = status["instances"][f"port{port}"]["clock"]
        return next(clock for clock in status["clocks"].values() if clock["name"] == name)


def make_imperfect(*ports: int) -> None:
    """Give ports stamps of ±20 ns, and the clocks of slaves 20 ppm."""
    for port in ports:
        set_knob(f"port{port}/stamp_jitter_ns", 20)
        if port % 2:
            set_knob(f"clock{port}/error_ppb", 20_000)


def offset_ns(slave: int = 1) -> float:
    """The true offset of a slave's clock from its master's."""
    return clock_difference_ns(slave, slave - 1)


def wait_for_lock(*slaves: int, within_ns: float = 200) -> None:
    """Wait until each has been near for 3 s without a break."""
    since = dict.fromkeys(slaves, math.inf)

    def are_near() -> bool:
        now = time.monotonic()
        for slave in slaves:
            since[slave] = min(since[slave], now) if abs(offset_ns(slave)) < within_ns else math.inf
        return all(now - begin > 3 for begin in since.values())

    soon(are_near, LOCK_S)


def record_offsets(seconds: float, *slaves: int) -> list[list[float]]:
    """The true offsets of slaves for some time, ten times a second."""
    series: list[list[float]] = [[] for _ in slaves]
    due = time.monotonic()
    for _ in range(round(seconds * SAMPLES_PER_S)):
        due += 1 / SAMPLES_PER_S
        time.sleep(max(0.0, due - time.monotonic()))
        clocks = read_truth().clocks
        for offsets, slave in zip(series, slaves, strict=True):
            offsets.append(clocks[slave].minus_ns(clocks[slave - 1]))
    return series


def rms(offsets: Sequence[float]) -> float:
    return math.sqrt(sum(offset * offset for offset in offsets) / len(offsets))


def largest(offsets: Sequence[float]) -> float:
    return max(map(abs, offsets))


def device(clock: int) -> str:
    return read_truth().clocks[clock].device


def say(sentence: str) -> None:
    print("      ", sentence, flush=True)  # noqa: T201 (kept in the output)
