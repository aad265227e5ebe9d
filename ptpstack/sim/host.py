"""A host: one steered clock, its ports on links, a PTP instance per domain and the discipline of the clock.

It does what the daemon does, in virtual time: carries out what the engine and the discipline ask for, and adds
no rule. Messages cross links as bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from random import Random

from profiles.loader import Profile, ReferenceName
from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.holdover_worth import HoldoverSettings
from ptpstack.arbiter.outputs import ClockMoved, Sampled, ServoLocked, Steer
from ptpstack.arbiter.outputs import Output as Decided
from ptpstack.arbiter.path_asymmetry import PathAsymmetries
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.events import PortStateChanged
from ptpstack.engine.outputs import Measurement, Output, Send
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.errors import WireError
from ptpstack.events import Event
from ptpstack.gptp.hot_standby import HotStandbySystem
from ptpstack.servo.filters import MovingMedian
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.sim.host_alarms import HostAlarms
from ptpstack.sim.host_port import Port
from ptpstack.sim.host_worth import HostWorth
from ptpstack.sim.network import Attachment
from ptpstack.sim.oscillator import EPOCH, VirtualClock
from ptpstack.sim.scheduler import Scheduler
from ptpstack.sim.stamping import Stamping
from ptpstack.time import LocalTime, PtpTime, TimeInterval, interval_from_ns, offset_between
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.messages import DelayResp, PdelayResp, PdelayRespFollowUp
from ptpstack.wire.types import ClockIdentity, PortIdentity

Recorder = Callable[[str, int | None, Event], None]
"""Takes host, domainNumber and event."""

SampleListener = Callable[["Host", Sampled], None]
"""Takes each measurement that steered a clock or might have, when the clock has done what follows from it."""

SEND_DELAY: TimeInterval = interval_from_ns(10_000)
"""From the engine's wish to the wire."""

NOBODY = object()
"""The destination of what is sent to an address at which nobody is."""

_decode = lru_cache(maxsize=1024)(decode)
"""What many hosts receive is decoded once: the engine reads messages only."""


class Host:
    """One machine of a world; made by :meth:`~ptpstack.sim.world.World.add_host`.

    *servo* disciplines *clock* from the instances of *clock_domains*, the preferred one first; without one the clock
    runs free, as a grandmaster's does. *references* steer it before them, by :meth:`pulse`, and while they do the
    asymmetry of the instances' paths is learnt. *holdover* and *step_threshold* are those of ``ClockDiscipline``.
    *monotonic_error_ppb* is the error of the host's own CLOCK_MONOTONIC.
    """

    def __init__(
        self,
        scheduler: Scheduler,
        name: str,
        *,
        clock_identity: ClockIdentity,
        clock: VirtualClock,
        random: Random,
        record: Recorder,
        readers: dict[PortIdentity, Port],
        address: str = "",
        neighbours: Mapping[str, Host] | None = None,
        servo: Servo | None = None,
        holdover: HoldoverSettings | None = None,
        step_threshold: TimeInterval = 0,
        arbiter: ArbiterSettings | None = None,
        clock_domains: Sequence[int] = (0,),
        references: Sequence[str] = (),
        stamping: Stamping | None = None,
        monotonic_error_ppb: float = 0.0,
        hot_standby: HotStandbySystem | None = None,
        on_sample: SampleListener | None = None,
        keep_measurements: bool = True,
    ) -> None:
        self.name = name
        self.clock_identity = clock_identity
        self.clock = clock
        self.discipline: ClockDiscipline | None = None
        if servo is not None:
            domains = [str(domain) for domain in clock_domains]
            assisted = PathAsymmetries(frozenset(domains), frozenset(references)) if references else None
            self.discipline = ClockDiscipline(
                servo,
                ClockArbiter(name, [*references, *domains], hot_standby=hot_standby, settings=arbiter),
                holdover=holdover,
                step_threshold=step_threshold,
                asymmetries=assisted,
            )
        self.stamping = stamping or Stamping()
        self.instances: dict[int, PtpInstance] = {}
        self.measurements: list[tuple[TimeInterval, int, Measurement]] = []
        """True time, domainNumber and measurement, if they are kept."""
        self.counters: Counter[str] = Counter()
        self._scheduler = scheduler
        self._random = random
        self._record = record
        self._readers = readers
        self.address = address
        self._neighbours = {} if neighbours is None else neighbours
        self._on_sample = on_sample
        self._keep_measurements = keep_measurements
        grades: dict[str, ReferenceName] = dict.fromkeys(map(str, clock_domains), "ptp")
        self._worth = HostWorth(self, scheduler, record, grades | dict.fromkeys(references, "prtc"))
        self._ports: dict[int, Port] = {}
        self._alarms = HostAlarms(scheduler, random, self._wake, monotonic_error_ppb)
        self.monotonic = self._alarms.now
        """Return the host's CLOCK_MONOTONIC."""

    # -- building and scenario ---------------------------------------------------------------------

    def port(self, number: int = 1) -> Port:
        """Return the network port *number*, to connect it."""
        port = self._ports.get(number)
        if port is None:
            port = self._ports[number] = Port(self, number)
        return port

    def add_instance(
        self,
        settings: InstanceSettings,
        ports: Sequence[PortSettings],
        *,
        delay_filter: Callable[[], DelayFilter] = MovingMedian,
        profile: Profile | None = None,
    ) -> PtpInstance:
        """Give the host a PTP instance for the domain in *settings*; it starts with :meth:`start`.

        By the table of its *profile*, if that has one, it announces what the clock is worth.
        """
        instance = PtpInstance(settings, ports, random=self._random.random, delay_filter=delay_filter)
        self.instances[settings.domain_number] = instance
        for number, port in instance.ports.items():
            self._readers[port.port_ds.port_identity] = self.port(number)
        if profile is not None:
            self._worth.add(settings.domain_number, instance, profile)
        return instance

    def start(self) -> None:
        """Start every instance now."""
        for domain, instance in self.instances.items():
            self.carry_out(domain, instance.start(self.monotonic()))
        self._worth.start()

    def stop(self) -> None:
        """Stop every instance now and for good."""
        stopped, self.instances = self.instances, {}
        for domain, instance in stopped.items():
            self.carry_out(domain, instance.stop(self.monotonic()))

    def step_clock(self, delta: TimeInterval) -> None:
        """Step the clock and tell every holder of stamps, as the servo's command does."""
        self.clock.step(delta, self._scheduler.now)
        self._tell_step(delta)

    def pulse(self, reference: str, error_ns: float = 0.0) -> None:
        """Let *reference*, as a receiver does each second, say what time it is, wrong by *error_ns*."""
        assert self.discipline is not None
        local = self.clock.read(self._scheduler.now)
        told = PtpTime(int(EPOCH) + self._scheduler.now + interval_from_ns(error_ns))
        measurement = Measurement(
            port_number=0,
            parent_port_identity=PortIdentity(ClockIdentity(), 0),
            t1=told,
            t2=local,
            offset_from_master=offset_between(local, told),
            mean_delay=0,
            log_sync_interval=0,
        )
        self._obey(self.discipline, self.discipline.take(reference, measurement, local, self.monotonic()))

    # -- reading -------------------------------------------------------------------------------------

    @property
    def true_time(self) -> TimeInterval:
        """Return true time since the world began, which no host can know."""
        return self._scheduler.now

    @property
    def servo_state(self) -> ServoState:
        """Return how far the servo is."""
        return ServoState.UNLOCKED if self.discipline is None else self.discipline.servo_state

    def port_state(self, number: int = 1, domain: int = 0) -> PortState:
        """Return portDS.portState of a port."""
        return self.instances[domain].ports[number].state

    # -- what the network does -----------------------------------------------------------------------

    def frame_arrived(self, port_number: int, payload: bytes, source: Attachment, held_back: TimeInterval) -> None:
        """Stamp a frame, if it is an event message, and hand it to every instance, after *held_back*."""
        try:
            message = _decode(payload)
        except WireError:
            self.counters["malformed frames"] += 1
            return
        stamp = None
        if message.is_event:
            stamp = self.stamping.ingress(self.clock.read(self._scheduler.now), self._random)
        if held_back:
            self._scheduler.after(held_back, self._receive, port_number, message, source, stamp)
        else:
            self._receive(port_number, message, source, stamp)

    def link_changed(self, port_number: int, up: bool) -> None:
        """Tell every instance of the carrier of a port."""
        for domain, instance in tuple(self.instances.items()):
            self.carry_out(domain, instance.link_changed(port_number, up, self.monotonic()))

    def _receive(self, port_number: int, message: Message, source: Attachment, stamp: LocalTime | None) -> None:
        for domain, instance in tuple(self.instances.items()):
            negotiates = getattr(instance.ports.get(port_number), "negotiation", None) is not None
            where = source.host.address if negotiates and isinstance(source, Port) else source
            self.carry_out(domain, instance.receive(port_number, message, stamp, self.monotonic(), where))

    # -- what the engine asks for ----------------------------------------------------------------------

    def carry_out(self, domain: int, outputs: list[Output]) -> None:
        """Do what the engine of *domain* asks for, in order."""
        for output in outputs:
            if isinstance(output, Send):
                self._scheduler.after(SEND_DELAY, self._transmit, domain, output, encode(output.message))
            elif isinstance(output, Measurement):
                if self._keep_measurements:
                    self.measurements.append((self._scheduler.now, domain, output))
                if self.discipline is not None:
                    local = self.clock.read(self._scheduler.now)
                    self._obey(self.discipline, self.discipline.take(str(domain), output, local, self.monotonic()))
            elif isinstance(output, Event):
                self._record(self.name, domain, output)
                if isinstance(output, PortStateChanged) and output.old_state in RECEIVING_STATES:
                    self._check_parent(domain)
        self._arm(domain)

    def _transmit(self, domain: int, send: Send, payload: bytes) -> None:
        port = self.port(send.port_number)
        carried = port.carrier
        destination = send.address
        if isinstance(destination, str):
            destination = self._port_at(destination, port)
        elif destination is None and isinstance(send.message, DelayResp | PdelayResp | PdelayRespFollowUp):
            destination = self._readers.get(send.message.requesting_port_identity)  # the others would look and drop it
        if destination is not NOBODY:
            port.transmit(payload, destination if isinstance(destination, Port) else None)
        if send.context is None:
            return
        came, wait = self.stamping.tx_wait(self._random)
        stamp = self.stamping.egress(self.clock.read(self._scheduler.now), self._random)
        self.counters["transmit stamps lost"] += not came
        self._scheduler.after(wait, self._transmitted, domain, send, stamp if came and carried else None)

    def _port_at(self, address: str, port: Port) -> object:
        """Return the port of the host with *address* that shares a link with *port*, NOBODY if there is none."""
        neighbour = self._neighbours.get(address)
        ports = neighbour.ports_to(port) if neighbour is not None else []
        return ports[0] if ports else NOBODY

    def ports_to(self, other: Port) -> list[Port]:
        """Return the ports that share a link with *other*."""
        return [port for port in self._ports.values() if any(link.joins(other) for link in port.links)]

    def _transmitted(self, domain: int, send: Send, stamp: LocalTime | None) -> None:
        instance = self.instances.get(domain)
        if instance is not None and send.context is not None:
            self.carry_out(domain, instance.transmitted(send.port_number, send.context, stamp, self.monotonic()))

    def _check_parent(self, domain: int) -> None:
        """Without a port that follows a parent there will be no measurement."""
        instance = self.instances.get(domain)
        followed = instance is not None and any(port.state in RECEIVING_STATES for port in instance.ports.values())
        if self.discipline is not None and not followed:
            self._obey(self.discipline, self.discipline.parent_lost(str(domain), self.monotonic()))

    # -- deadlines ---------------------------------------------------------------------------------------

    def _arm(self, domain: int | None) -> None:
        """See to it that an instance, or the discipline (None), is woken at its next deadline."""
        asleep = self.discipline if domain is None else self.instances.get(domain)
        deadline = asleep.next_deadline() if asleep is not None else None
        if deadline is not None:
            self._alarms.set(domain, deadline)

    def _wake(self, domain: int | None) -> None:
        if domain is None:
            if self.discipline is not None:
                self._obey(self.discipline, self.discipline.handle_deadline(self.monotonic()))
        elif (instance := self.instances.get(domain)) is not None:
            self.carry_out(domain, instance.handle_deadline(self.monotonic()))

    # -- what the discipline asks for --------------------------------------------------------------------

    def _obey(self, discipline: ClockDiscipline, outputs: Sequence[Decided]) -> None:
        self._follow(discipline, outputs)
        self._arm(None)
        self._worth.take_state(discipline.arbiter.state)

    def _follow(self, discipline: ClockDiscipline, outputs: Sequence[Decided]) -> None:
        for output in outputs:
            match output:
                case Steer():
                    self._steer(output)
                    self._follow(discipline, discipline.steered(output, self.monotonic(), done=True))
                case ClockMoved():
                    self._tell_step(output.delta)
                case ServoLocked() if output.name.isdecimal():
                    domain = int(output.name)
                    self.carry_out(domain, self.instances[domain].servo_locked(output.locked, self.monotonic()))
                case ServoLocked():
                    pass  # a reference
                case Sampled():
                    if self._on_sample is not None:
                        self._on_sample(self, output)
                case _:
                    self._record(self.name, None, output)

    def _steer(self, command: Steer) -> None:
        if command.frequency_ppb != self.clock.frequency_ppb:
            self.clock.set_frequency(command.frequency_ppb, self._scheduler.now)
        if command.step:
            self.clock.step(command.step, self._scheduler.now)

    def _tell_step(self, delta: TimeInterval) -> None:
        for domain, instance in tuple(self.instances.items()):
            local = self.clock.read(self._scheduler.now)
            self.carry_out(domain, instance.clock_stepped(delta, local, self.monotonic()))
