"""A world: hosts and links in virtual time, everything that happened, and the truth about every clock.

world = World(seed=1)
master = world.add_host("master")
slave = world.add_host("slave", frequency_error_ppb=20_000, offset_ns=1e6, servo=PiServo())
… add_instance on both …
world.connect(master.port(), slave.port(), conditions=LinkConditions(delay_ns=500))
world.run(60)
world.rms_ns(slave, last_s=30, reference=master)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.events import Event
from ptpstack.gptp.hot_standby import HotStandbySystem
from ptpstack.servo.interface import Servo
from ptpstack.sim.addresses import address_of
from ptpstack.sim.host import Host, SampleListener
from ptpstack.sim.host_port import Port
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.oscillator import Oscillator, OscillatorModel, VirtualClock
from ptpstack.sim.scheduler import Scheduler
from ptpstack.sim.stamping import Stamping
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.types import ClockIdentity, PortIdentity

E = TypeVar("E", bound=Event)

SAMPLES_PER_SECOND = 100


@dataclass(frozen=True, slots=True)
class Recorded:
    """An event, and when (true time) and where it happened."""

    time_s: float
    host: str
    domain: int | None
    event: Event


class World:
    """Hosts on links. The same *seed* and the same calls give the same run.

    *on_event* and *on_sample* see everything in the order in which it happens. A long run of many hosts need not
    *keep_measurements*.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        on_event: Callable[[Recorded], None] | None = None,
        on_sample: SampleListener | None = None,
        keep_measurements: bool = True,
    ) -> None:
        self.scheduler = Scheduler()
        self.hosts: dict[str, Host] = {}
        self.links: list[Link] = []
        self.events: list[Recorded] = []
        self._seed = seed
        self._readers: dict[PortIdentity, Port] = {}
        self._by_address: dict[str, Host] = {}
        self._on_event = on_event
        self._on_sample = on_sample
        self._keep_measurements = keep_measurements

    def add_host(
        self,
        name: str,
        *,
        frequency_error_ppb: float = 0.0,
        white_fm_ppb: float = 0.0,
        random_walk_fm_ppb: float = 0.0,
        model: OscillatorModel | None = None,
        temperature_steps: Sequence[tuple[float, float]] = (),
        frequency_steps: Sequence[tuple[float, float]] = (),
        offset_ns: float = 0.0,
        servo: Servo | None = None,
        holdover: HoldoverSettings | None = None,
        step_threshold: TimeInterval = 0,
        arbiter: ArbiterSettings | None = None,
        clock_domains: Sequence[int] = (0,),
        references: Sequence[str] = (),
        stamping: Stamping | None = None,
        monotonic_error_ppb: float = 0.0,
        hot_standby: HotStandbySystem | None = None,
    ) -> Host:
        """Add a host with a clock of these faults (see ``Oscillator``, ``VirtualClock`` and ``Host``)."""
        random = self._random(name)
        oscillator = Oscillator(
            frequency_error_ppb,
            white_fm_ppb=white_fm_ppb,
            random_walk_fm_ppb=random_walk_fm_ppb,
            model=model,
            temperature_steps=temperature_steps,
            frequency_steps=frequency_steps,
            seed=random.getrandbits(64),
        )
        number = len(self.hosts) + 1
        host = self.hosts[name] = Host(
            self.scheduler,
            name,
            clock_identity=ClockIdentity.from_mac(bytes((2, 0, 0, 0, number >> 8, number & 0xFF))),
            clock=VirtualClock(oscillator, offset_ns),
            random=random,
            record=self._record,
            readers=self._readers,
            address=address_of(number),
            neighbours=self._by_address,
            servo=servo,
            holdover=holdover,
            step_threshold=step_threshold,
            arbiter=arbiter,
            clock_domains=clock_domains,
            references=references,
            stamping=stamping,
            monotonic_error_ppb=monotonic_error_ppb,
            hot_standby=hot_standby,
            on_sample=self._on_sample,
            keep_measurements=self._keep_measurements,
        )
        self._by_address[host.address] = host
        return host

    def connect(self, *ports: Port, conditions: LinkConditions | None = None) -> Link:
        """Join *ports* by a link."""
        link = Link(self.scheduler, ports, conditions or LinkConditions(), self._random(f"link {len(self.links)}"))
        self.links.append(link)
        for port in ports:
            port.links.append(link)
        return link

    def start(self) -> None:
        """Start every host now."""
        for host in self.hosts.values():
            host.start()

    def run(self, seconds: float) -> None:
        """Let *seconds* of true time pass."""
        self.scheduler.run(seconds)

    @property
    def now_s(self) -> float:
        """True time in seconds since the world began."""
        return self.scheduler.now_s

    # -- the truth -------------------------------------------------------------------------------------

    def offset_ns(self, host: Host, reference: Host | None = None) -> float:
        """Return the true error of a clock now, *host* - *reference* (or - true time)."""
        error = host.clock.offset_ns(self.scheduler.now)
        return error if reference is None else error - reference.clock.offset_ns(self.scheduler.now)

    def offsets_ns(
        self, host: Host, *, last_s: float, reference: Host | None = None, tau0_s: float = 1 / SAMPLES_PER_SECOND
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return true times (s) and errors (ns, *host* - *reference*) over the last *last_s* s, each *tau0_s* s."""
        times = np.arange(max(0.0, self.now_s - last_s), self.now_s, tau0_s)
        true = (times * SECOND).astype(np.int64)
        offsets = host.clock.offsets_ns(true)
        return times, offsets if reference is None else offsets - reference.clock.offsets_ns(true)

    def rms_ns(self, host: Host, *, last_s: float, reference: Host | None = None) -> float:
        """Return the root mean square of the true error over the last *last_s* seconds."""
        _, offsets = self.offsets_ns(host, last_s=last_s, reference=reference)
        return float(np.sqrt(np.mean(offsets**2)))

    def max_ns(self, host: Host, *, last_s: float, reference: Host | None = None) -> float:
        """Return the largest absolute true error over the last *last_s* seconds."""
        _, offsets = self.offsets_ns(host, last_s=last_s, reference=reference)
        return float(np.max(np.abs(offsets)))

    # -- what happened -----------------------------------------------------------------------------------

    def events_of(self, kind: type[E], host: Host | None = None, *, since_s: float = 0.0) -> list[E]:
        """Return the events of a *kind*, in order."""
        return [
            record.event
            for record in self.events
            if isinstance(record.event, kind)
            and record.time_s >= since_s
            and (host is None or record.host == host.name)
        ]

    def _record(self, host: str, domain: int | None, event: Event) -> None:
        recorded = Recorded(self.now_s, host, domain, event)
        self.events.append(recorded)
        if self._on_event is not None:
            self._on_event(recorded)

    def _random(self, name: str) -> Random:
        return Random(f"{self._seed} {name}")  # noqa: S311 (repeatable by seed, no secret)
