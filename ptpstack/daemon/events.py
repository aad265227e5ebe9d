"""What the daemon noticed: sockets, interfaces, clocks, its own start and end."""

from __future__ import annotations

import traceback
from typing import ClassVar, Self

from ptpstack.engine.events import PortEventRecord
from ptpstack.events import Event, Severity
from ptpstack.wire.message import Message
from ptpstack.words import counted


class DaemonStarted(Event, frozen=True, kw_only=True):
    """Everything is built; the loop runs."""

    severity: ClassVar[Severity] = Severity.NOTICE

    version: str
    pid: int
    instances: tuple[str, ...]

    def __str__(self) -> str:
        return f"ptpstack {self.version} runs {', '.join(self.instances)} (pid {self.pid})"


class DaemonStopping(Event, frozen=True, kw_only=True):
    """The daemon ends in order."""

    severity: ClassVar[Severity] = Severity.NOTICE

    reason: str

    def __str__(self) -> str:
        return f"stopping: {self.reason}"


class Unavailable(Event, frozen=True, kw_only=True):
    """Something that was asked for cannot be had here; the rest works without it."""

    severity: ClassVar[Severity] = Severity.WARNING

    what: str
    why: str
    next_step: str = ""

    def __str__(self) -> str:
        step = f"; next: {self.next_step}" if self.next_step else ""
        return f"{self.what}: {self.why}{step}"


class HangupTaken(Event, frozen=True, kw_only=True):
    """SIGHUP: the event file was opened again, and further NTP sources read; the configuration was not."""

    severity: ClassVar[Severity] = Severity.NOTICE

    event_file: str

    def __str__(self) -> str:
        opened = f"{self.event_file} opened again, " if self.event_file else ""
        return f"SIGHUP: {opened}the configuration is as at the start: restart to apply another"


class InternalError(Event, frozen=True, kw_only=True):
    """A defect of this program: one callback was given up, the rest goes on."""

    severity: ClassVar[Severity] = Severity.ERROR

    error: str
    traceback: str

    @classmethod
    def of(cls, error: Exception) -> InternalError:
        """Return the event that tells *error* and where it was raised."""
        trace = "".join(traceback.format_exception(error))
        return cls(error=f"{type(error).__name__}: {error}", traceback=trace)

    def __str__(self) -> str:
        return f"internal error, please report it: {self.error}\n{self.traceback}".rstrip()


class SocketOpened(Event, frozen=True, kw_only=True):
    """A port can send and receive; what kernel and NIC agreed to stamp."""

    interface: str
    transport: str
    granted: str

    def __str__(self) -> str:
        return f"{self.interface}: {self.transport} open, {self.granted}"


class InterfaceLost(Event, frozen=True, kw_only=True):
    """An interface cannot be used now; it is tried again."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    reason: str

    def __str__(self) -> str:
        return f"{self.interface}: {self.reason}; waiting for it"


class StampingChanged(Event, frozen=True, kw_only=True):
    """Another program changed how a NIC stamps; what it is set to now."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    found: str
    granted: str

    def __str__(self) -> str:
        return (
            f"{self.interface}: another program changed the timestamping to: {self.found}; now: {self.granted}; "
            "let hwtstamp_ctl and other PTP programs keep away from this interface"
        )


class LinkChanged(Event, frozen=True, kw_only=True):
    """An interface got or lost its carrier."""

    severity: ClassVar[Severity] = Severity.NOTICE

    interface: str
    up: bool

    def __str__(self) -> str:
        return f"{self.interface}: link {'up' if self.up else 'down'}"


class FrameRefused(Event, frozen=True, kw_only=True):
    """A frame that the profile of its domain forbids."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    source: str
    reason: str

    def __str__(self) -> str:
        return f"{self.interface}: refused from {self.source}: {self.reason}"


class DomainUnknown(Event, frozen=True, kw_only=True):
    """The first message of a domain that no instance on the interface is of. Told once for each domain."""

    severity: ClassVar[Severity] = Severity.NOTICE

    interface: str
    source: str
    message: str
    domain_number: int
    sdo_id: int

    @classmethod
    def of(cls, message: Message, interface: str, source: str) -> Self:
        """Return that of *message*."""
        return cls(
            interface=interface,
            source=source,
            message=type(message).__name__,
            domain_number=message.domain_number,
            sdo_id=message.major_sdo_id << 8 | message.minor_sdo_id,
        )

    def __str__(self) -> str:
        return (
            f"{self.interface}: messages of domain {self.domain_number}, sdoId {self.sdo_id:#05x} are ignored, no "
            f"instance here is of it; the first is {self.message} from {self.source}"
        )


class PrpLanMixed(Event, frozen=True, kw_only=True):
    """An interface hears frames of both networks of PRP: a cable is in the wrong place, or they are joined."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    source: str
    lan: str
    lan_before: str

    def __str__(self) -> str:
        return (
            f"{self.interface}: a frame of LAN {self.lan} from {self.source}, where LAN {self.lan_before} was heard:"
            " is a cable in the wrong place?"
        )


class MalformedFrame(Event, frozen=True, kw_only=True):
    """A frame that is not a PTP message; it was counted and dropped."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    source: str
    length: int
    reason: str

    def __str__(self) -> str:
        return f"{self.interface}: {counted(self.length, 'octet')} from {self.source} dropped: {self.reason}"


class SendFailed(Event, frozen=True, kw_only=True):
    """One frame was not sent."""

    severity: ClassVar[Severity] = Severity.WARNING

    interface: str
    message: str
    reason: str

    def __str__(self) -> str:
        return f"{self.interface}: {self.message} not sent: {self.reason}"


class HoldoverKnowledgeRestored(Event, frozen=True, kw_only=True):
    """What holdover had learnt of the oscillator of *clock* before a restart is of use again, for what it is worth."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    age_s: float
    ran_on: bool
    """Whether the machine was up all the time, and so the oscillator."""
    frequency_sigma_ppb: float
    ageing_ppb_per_day: float
    random_walk_ppb: float

    def __str__(self) -> str:
        since = "the machine ran on" if self.ran_on else "the machine was restarted: its frequency may be another"
        return (
            f"{self.clock}: holdover goes on from what it knew {self.age_s:.0f} s ago ({since}): frequency within "
            f"{self.frequency_sigma_ppb:.3g} ppb (1 sigma), ageing {self.ageing_ppb_per_day:+.3g} ppb per day, random "
            f"walk {self.random_walk_ppb:.2g} ppb in 1 s at most"
        )


class HoldoverKnowledgeNotUsed(Event, frozen=True, kw_only=True):
    """What was kept of the oscillator of *clock* is no use: holdover learns anew."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clock}: what holdover had learnt before is not used, and learnt anew: {self.reason}"


class PhaseWritingChosen(Event, frozen=True, kw_only=True):
    """Whether the hardware of *clock* slews offsets away by itself, as the configuration wishes."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    writes: bool
    most_ns: int
    """At most so much at once; 0: its driver tells no limit."""

    def __str__(self) -> str:
        if not self.writes:
            return (
                f"{self.clock}: write_phase has no effect, its driver offers no phase control (adjphase): offsets are "
                "steered away by frequency"
            )
        limit = f" up to {self.most_ns} ns at once" if self.most_ns else ""
        return f"{self.clock}: the hardware slews offsets{limit} away by itself (adjphase)"


class ClockFailed(Event, frozen=True, kw_only=True):
    """A clock refused a command or a reading."""

    severity: ClassVar[Severity] = Severity.ERROR

    clock: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clock}: {self.reason}"


class ClockMovedByOthers(Event, frozen=True, kw_only=True):
    """The alarm that a clock jumped, seen from CLOCK_MONOTONIC_RAW, though nothing here moved it."""

    severity: ClassVar[Severity] = Severity.ERROR

    clock: str
    moved_ns: float
    tai_minus_utc: bool
    """Whether it looks like a program that takes TAI for UTC, or UTC for TAI."""

    def __str__(self) -> str:
        cause = ", which looks like TAI - UTC: it has the other timescale" if self.tai_minus_utc else ""
        return (
            f"{self.clock}: another program moved it by {self.moved_ns / 1e9:+.9f} s{cause}; "
            "it is measured anew and set right where something here steers it; next: find and stop that program"
        )


class ClockLost(Event, frozen=True, kw_only=True):
    """A hardware clock went away with its driver or its card."""

    severity: ClassVar[Severity] = Severity.ERROR

    clock: str

    def __str__(self) -> str:
        return f"{self.clock}: the clock is gone with its driver; waiting for it"


class ClockReopened(Event, frozen=True, kw_only=True):
    """A clock that had gone is back, perhaps by another name."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    previous: str

    def __str__(self) -> str:
        name = "" if self.clock == self.previous else f", which was {self.previous}"
        return f"{self.clock}: the clock{name} is back and open; it may show any time"


class ClockContested(Event, frozen=True, kw_only=True):
    """Another program that runs here steers the same kind of clock."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    program: str
    program_pid: int
    steers: str

    def __str__(self) -> str:
        return (
            f"{self.clock}: {self.program} (pid {self.program_pid}) runs, which steers {self.steers}; "
            "two programs on one clock fight: stop one, or give this instance free_running = true"
        )


class LinkDelayNotKept(PortEventRecord, frozen=True, kw_only=True):
    """The delay of a link could not be written down for the next start."""

    severity: ClassVar[Severity] = Severity.WARNING
    reason: str

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: its link delay cannot be kept: {self.reason};"
            " the next start begins without it: see [state] directory"
        )
