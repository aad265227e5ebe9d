"""A host: one steered clock, its ports on links, a PTP instance per domain and the servo of one of them.

It does what the daemon does, in virtual time: carries out what the engine and the servo ask for, and adds
no protocol rule. Messages cross links as bytes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from ptpstack.core.context import DelayFilter
from ptpstack.core.instance import PtpInstance
from ptpstack.core.outputs import Measurement, Output, Send
from ptpstack.core.port_states import PortState
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.errors import WireError
from ptpstack.events import Event
from ptpstack.servo.filters import MovingMedian
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.sim.network import Attachment, Link
from ptpstack.sim.oscillator import VirtualClock
from ptpstack.sim.scheduler import Scheduler
from ptpstack.sim.stamping import Stamping
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_from_log2_seconds, interval_from_ns
from ptpstack.wire.message import decode, encode
from ptpstack.wire.types import ClockIdentity

Recorder = Callable[[str, int | None, Event], None]
"""Takes host, domainNumber and event."""

SEND_DELAY: TimeInterval = interval_from_ns(10_000)
"""From the engine's wish to the wire."""

MONOTONIC_RATE_ONE = 1 << 64


class Port:
    """A network port of a host: where a link is plugged in and frames are stamped."""

    def __init__(self, host: Host, number: int) -> None:
        self.host = host
        self.number = number
        self.link: Link | None = None

    def frame_arrived(self, payload: bytes, source: Attachment, held_back: TimeInterval) -> None:
        """Stamp the frame now; hand it to the program after *held_back*."""
        self.host.frame_arrived(self.number, payload, source, held_back)

    def link_changed(self, up: bool) -> None:
        """The carrier came or went."""
        self.host.link_changed(self.number, up)


class Host:
    """One machine of a world; made by :meth:`~ptpstack.sim.world.World.add_host`.

    *servo* disciplines *clock* from the instance of *clock_domain*; without one the clock runs free, as a
    grandmaster's does. *monotonic_error_ppb* is the error of the host's own CLOCK_MONOTONIC.
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
        servo: Servo | None = None,
        clock_domain: int = 0,
        stamping: Stamping | None = None,
        monotonic_error_ppb: float = 0.0,
    ) -> None:
        self.name = name
        self.clock_identity = clock_identity
        self.clock = clock
        self.servo = servo
        self.servo_state = ServoState.UNLOCKED
        self.clock_domain = clock_domain
        self.stamping = stamping or Stamping()
        self.instances: dict[int, PtpInstance] = {}
        self.measurements: list[tuple[TimeInterval, int, Measurement]] = []
        """True time, domainNumber and measurement."""
        self.counters: Counter[str] = Counter()
        self._scheduler = scheduler
        self._random = random
        self._record = record
        self._ports: dict[int, Port] = {}
        self._log_sync_interval: int | None = None
        self._woken_at: dict[int, TimeInterval] = {}
        self._monotonic_start = random.randrange(1 << 70)
        self._monotonic_rate = MONOTONIC_RATE_ONE + round(monotonic_error_ppb * 1e-9 * MONOTONIC_RATE_ONE)

    # -- building and scenario ---------------------------------------------------------------------

    def port(self, number: int = 1) -> Port:
        """Return the network port *number*, to connect it."""
        return self._ports.setdefault(number, Port(self, number))

    def add_instance(
        self,
        settings: InstanceSettings,
        ports: Sequence[PortSettings],
        *,
        delay_filter: Callable[[], DelayFilter] = MovingMedian,
    ) -> PtpInstance:
        """Give the host a PTP instance for the domain in *settings*; it starts with :meth:`start`."""
        instance = PtpInstance(settings, ports, random=self._random.random, delay_filter=delay_filter)
        self.instances[settings.domain_number] = instance
        return instance

    def start(self) -> None:
        """Start every instance now."""
        for domain, instance in self.instances.items():
            self._carry_out(domain, instance.start(self.monotonic()))

    def stop(self) -> None:
        """Stop every instance now and for good."""
        stopped, self.instances = self.instances, {}
        for domain, instance in stopped.items():
            self._carry_out(domain, instance.stop(self.monotonic()))

    def step_clock(self, delta: TimeInterval) -> None:
        """Step the clock and tell every holder of stamps, as the servo's command does."""
        now = self._scheduler.now
        self.clock.step(delta, now)
        for domain, instance in tuple(self.instances.items()):
            self._carry_out(domain, instance.clock_stepped(delta, self.clock.read(now), self.monotonic()))

    # -- reading -------------------------------------------------------------------------------------

    def monotonic(self) -> MonotonicTime:
        """Return the host's CLOCK_MONOTONIC."""
        return MonotonicTime(self._monotonic_start + (self._scheduler.now * self._monotonic_rate >> 64))

    def port_state(self, number: int = 1, domain: int = 0) -> PortState:
        """Return portDS.portState of a port."""
        return self.instances[domain].ports[number].state

    # -- what the network does -----------------------------------------------------------------------

    def frame_arrived(self, port_number: int, payload: bytes, source: Attachment, held_back: TimeInterval) -> None:
        """Stamp a frame and hand it to every instance, after *held_back*."""
        stamp = self.stamping.ingress(self.clock.read(self._scheduler.now), self._random)
        if held_back:
            self._scheduler.after(held_back, self._receive, port_number, payload, source, stamp)
        else:
            self._receive(port_number, payload, source, stamp)

    def link_changed(self, port_number: int, up: bool) -> None:
        """Tell every instance of the carrier of a port."""
        for domain, instance in tuple(self.instances.items()):
            self._carry_out(domain, instance.link_changed(port_number, up, self.monotonic()))

    def _receive(self, port_number: int, payload: bytes, source: Attachment, stamp: LocalTime) -> None:
        try:
            message = decode(payload)
        except WireError:
            self.counters["malformed frames"] += 1
            return
        ingress = stamp if message.is_event else None
        for domain, instance in tuple(self.instances.items()):
            self._carry_out(domain, instance.receive(port_number, message, ingress, self.monotonic(), source))

    # -- what the engine asks for ----------------------------------------------------------------------

    def _carry_out(self, domain: int, outputs: list[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self._scheduler.after(SEND_DELAY, self._transmit, domain, output, encode(output.message))
            elif isinstance(output, Measurement):
                self.measurements.append((self._scheduler.now, domain, output))
                if domain == self.clock_domain and self.servo is not None:
                    self._discipline(self.servo, output)
            else:
                self._record(self.name, domain, output)
        self._arm(domain)

    def _transmit(self, domain: int, send: Send, payload: bytes) -> None:
        link = self.port(send.port_number).link
        carried = link is not None and link.up
        if link is not None:
            destination = send.address if isinstance(send.address, Port) else None
            link.transmit(payload, self.port(send.port_number), destination)
        if send.context is None:
            return
        came, wait = self.stamping.tx_wait(self._random)
        stamp = self.stamping.egress(self.clock.read(self._scheduler.now), self._random)
        self.counters["transmit stamps lost"] += not came
        self._scheduler.after(wait, self._transmitted, domain, send, stamp if came and carried else None)

    def _transmitted(self, domain: int, send: Send, stamp: LocalTime | None) -> None:
        instance = self.instances.get(domain)
        if instance is not None and send.context is not None:
            self._carry_out(domain, instance.transmitted(send.port_number, send.context, stamp, self.monotonic()))

    def _arm(self, domain: int) -> None:
        """See to it that the instance is woken at its next deadline. An alarm that became too early is harmless."""
        instance = self.instances.get(domain)
        deadline = instance.next_deadline() if instance is not None else None
        if deadline is None:
            return
        due = ((int(deadline) - self._monotonic_start) << 64) // self._monotonic_rate + 1
        if self._woken_at.get(domain, due + 1) > due:
            self._woken_at[domain] = due
            self._scheduler.at(due, self._wake, domain, due)

    def _wake(self, domain: int, due: TimeInterval) -> None:
        if self._woken_at.get(domain) != due:
            return  # an earlier alarm took its place
        del self._woken_at[domain]
        instance = self.instances.get(domain)
        if instance is not None:
            self._carry_out(domain, instance.handle_deadline(self.monotonic()))

    # -- what the servo asks for -------------------------------------------------------------------------

    def _discipline(self, servo: Servo, measurement: Measurement) -> None:
        if measurement.log_sync_interval != self._log_sync_interval:
            self._log_sync_interval = measurement.log_sync_interval
            servo.set_sync_interval(interval_from_log2_seconds(measurement.log_sync_interval))
        command = servo.sample(measurement.offset_from_master, measurement.t2)
        self.servo_state = command.state
        for event in command.events:
            self._record(self.name, self.clock_domain, event)
        if command.frequency_ppb != self.clock.frequency_ppb:
            self.clock.set_frequency(command.frequency_ppb, self._scheduler.now)
        if command.step:
            self.step_clock(command.step)
        instance = self.instances[self.clock_domain]
        locked = command.state >= ServoState.LOCKED
        self._carry_out(self.clock_domain, instance.servo_locked(locked, self.monotonic()))
