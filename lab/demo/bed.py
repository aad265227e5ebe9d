"""The network of the demo: two grandmasters and three slaves, every clock wrong in its own way.

        grandmaster ──┬── bridge ──┬── l2-e2e
        standby ──────┘            └── udpv4-e2e
        grandmaster ── cable ── l2-p2p ── cable ── standby

A peer delay is one of a cable, so the P2P slave has a cable to each grandmaster; both grandmasters serve
the bridge with an L2 and a UDPv4 port of one clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.daemon import Daemon
from lab.namespaces import Cable, Network


@dataclass(frozen=True)
class Port:
    """One port of a clock of the demo."""

    interface: str
    transport: str
    delay_mechanism: str


@dataclass(frozen=True)
class Clock:
    """One clock of the demo and how wrong it starts."""

    name: str
    number: int
    ports: tuple[Port, ...]
    offset_ns: int
    frequency_error_ppb: float
    priority2: int = 128
    address: str = ""

    @property
    def is_grandmaster(self) -> bool:
        """Whether others follow it."""
        return self.priority2 < 128

    @property
    def identity(self) -> str:
        """Its clockIdentity, as events show it."""
        return f"aa0000.fffe.{self.number:06x}"

    def configuration(self) -> str:
        """Return its TOML."""
        follows = "slave_only = true" if not self.is_grandmaster else f"priority2 = {self.priority2}\nclock_class = 6"
        lines = [
            "[instance.main]",
            'profile = "default-e2e"',
            "enforce_profile = false  # eight Sync a second, and both delay mechanisms",
            f'clock_identity = "{self.identity}"',
            'clock = "soft"',
            follows,
            "",
            "[clock.soft]",
            'type = "soft"',
            f"offset_ns = {self.offset_ns}",
            f"frequency_error_ppb = {self.frequency_error_ppb}",
        ]
        for port in self.ports:
            requests = ("delay", -3) if port.delay_mechanism == "e2e" else ("pdelay", -1)
            lines += [
                "",
                "[[instance.main.port]]",
                f'interface = "{port.interface}"',
                f'transport = "{port.transport}"',
                f'delay_mechanism = "{port.delay_mechanism}"',
                "log_announce_interval = 0",
                "log_sync_interval = -3",
                "log_min_{}_req_interval = {}".format(*requests),
            ]
        return "\n".join(lines) + "\n"


_BRIDGED = (Port("eth0", "l2", "e2e"), Port("eth0", "udpv4", "e2e"))

CLOCKS = (
    Clock("grandmaster", 1, (*_BRIDGED, Port("eth1", "l2", "p2p")), 0, 0.0, priority2=10, address="10.0.0.1/24"),
    Clock("standby", 2, (*_BRIDGED, Port("eth1", "l2", "p2p")), 300, 0.0, priority2=20, address="10.0.0.2/24"),
    Clock("l2-e2e", 3, (Port("eth0", "l2", "e2e"),), 500_000_000, 50_000.0),
    Clock("l2-p2p", 4, (Port("eth0", "l2", "p2p"), Port("eth1", "l2", "p2p")), -310_000_000, -35_000.0),
    Clock("udpv4-e2e", 5, (Port("eth0", "udpv4", "e2e"),), 120_000_000, 20_000.0, address="10.0.0.5/24"),
)


@dataclass
class Bed:
    """The running demo: a daemon for each clock, and the cables that end at the grandmaster."""

    directory: Path
    daemons: dict[str, Daemon] = field(default_factory=dict)
    grandmaster_cables: list[Cable] = field(default_factory=list)

    def build(self, net: Network) -> None:
        """Lay the cables and start the clocks."""
        bridge = net.bridge()
        nodes = {clock.name: net.node(clock.name) for clock in CLOCKS}
        # A bridge floods to its newest port first: this order puts the least between master and slaves, both ways.
        for name in ("standby", "udpv4-e2e", "l2-e2e", "grandmaster"):
            cable = net.cable(nodes[name], "eth0", bridge, name)
        self.grandmaster_cables.append(cable)
        for clock in CLOCKS:
            if clock.address:
                nodes[clock.name].add_address("eth0", clock.address)
        self.grandmaster_cables.append(net.cable(nodes["l2-p2p"], "eth0", nodes["grandmaster"], "eth1"))
        net.cable(nodes["l2-p2p"], "eth1", nodes["standby"], "eth1")
        net.settle()
        for clock in CLOCKS:
            self.daemons[clock.name] = Daemon(nodes[clock.name], self.directory / clock.name, clock.configuration())
            self.daemons[clock.name].start()
        for daemon in self.daemons.values():
            daemon.wait_until_ready()

    def cut(self) -> None:
        """Take every cable out of the grandmaster."""
        for cable in self.grandmaster_cables:
            cable.cut()

    def restore(self) -> None:
        """Put them in again."""
        for cable in self.grandmaster_cables:
            cable.restore()
