"""A synchronous Ethernet equipment clock: what is heard on its links, which frequency it takes, what it tells on.

On each link it tells the level of the frequency that leaves there: that of the selected source, or its own; towards the
source that is selected, that it must not be used, as that would be a loop. A clock whose hardware does not say that it
is locked to the selected source sends its own frequency, and must say so.

Inputs are methods with the time; each returns events. ``due`` gives what is to be sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import Enum
from typing import Any

from msgspec.structs import replace

from ptpstack.events import Event
from ptpstack.synce.esmc_port import EsmcPort
from ptpstack.synce.quality_level import QualityLevel
from ptpstack.synce.selection import Command, Selection
from ptpstack.time import MonotonicTime
from ptpstack.wire.esmc import EsmcPdu, ExtendedQl
from ptpstack.wire.types import ClockIdentity


class FrequencyLock(Enum):
    """Whether the frequency that leaves this machine is that of the selected source."""

    LOCKED = "locked"
    HOLDOVER = "holdover"
    UNLOCKED = "unlocked"
    UNKNOWN = "unknown"
    """Nothing here tells: there is no DPLL that the kernel knows."""


class SyncEClock:
    """The clock *clock_identity* with ESMC on *ports*, whose *selection* may know further inputs."""

    def __init__(self, clock_identity: ClockIdentity, ports: Sequence[EsmcPort], selection: Selection) -> None:
        self.clock_identity = clock_identity
        self.ports = {port.name: port for port in ports}
        self.selection = selection
        self.lock = FrequencyLock.UNKNOWN
        self.up: set[str] = set()

    @property
    def level(self) -> QualityLevel:
        """The level of the frequency that leaves this machine."""
        return self.selection.level if self.lock is FrequencyLock.LOCKED else self.selection.own

    def as_dict(self, now: MonotonicTime) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        status = self.selection.as_dict(now)
        for name, port in self.ports.items():
            source = status["sources"].setdefault(name, {})
            source["counters"] = dict(port.counters)
            source["sends"] = str(self._told_on(name))
            source["link"] = name in self.up
        return {"qualityLevel": str(self.level), "lock": self.lock.value, **status}

    # -- inputs ------------------------------------------------------------------------------------------

    def receive(self, name: str, payload: bytes, now: MonotonicTime) -> list[Event]:
        """Take a slow-protocols frame that came in on link *name*."""
        level = self.ports[name].receive(payload, now)
        if level is None or name not in self.selection.sources:
            return []
        return self.selection.heard(name, level, now)

    def link_changed(self, name: str, now: MonotonicTime, *, up: bool) -> list[Event]:
        """Take the state of a link."""
        if up == (name in self.up):
            return []
        if up:
            self.up.add(name)
            return []
        self.up.discard(name)
        self.ports[name].forget()
        return self.selection.failed(name, "link down", now) if name in self.selection.sources else []

    def input_changed(self, name: str, level: QualityLevel | None, reason: str, now: MonotonicTime) -> list[Event]:
        """Take that an input without ESMC is of *level*; None: it fails for *reason*."""
        return self.selection.failed(name, reason, now) if level is None else self.selection.heard(name, level, now)

    def command(self, command: Command, name: str, now: MonotonicTime) -> list[Event]:
        """Carry out an operator's command. Raises ``CommandError``."""
        return self.selection.command(command, name, now)

    def handle_deadline(self, now: MonotonicTime) -> list[Event]:
        """Notice silence, and let times end."""
        events = self.selection.handle_deadline(now)
        for name, port in self.ports.items():
            if port.falls_silent(now) and name in self.selection.sources:
                events += self.selection.failed(name, "no ESMC PDU for 5 s", now)
        return events

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`handle_deadline` and :meth:`due` should be called."""
        times = [self.selection.next_deadline(), *(self.ports[name].next_deadline() for name in self.up)]
        return min((at for at in times if at is not None), default=None)

    # -- what is told --------------------------------------------------------------------------------------

    def due(self, now: MonotonicTime) -> Iterator[tuple[str, EsmcPdu]]:
        """Yield what is to be sent now, and on which link."""
        for name in sorted(self.up):
            level = self._told_on(name)
            pdu = self.ports[name].due(level, self._extended(level), now)
            if pdu is not None:
                yield name, pdu

    def _told_on(self, name: str) -> QualityLevel:
        """Return the level that link *name* is told: never back to where the frequency comes from."""
        selected = self.selection.selected
        if selected is not None and selected.name == name:
            return self.selection.levels.do_not_use
        return self.level

    def _extended(self, level: QualityLevel) -> ExtendedQl:
        """Return the extended TLV: that of the source with this clock counted in, or one that begins here."""
        enhanced = self.selection.own.enhanced_clock
        begins = ExtendedQl(level.enhanced_ssm, self.clock_identity, cascaded_eeec=enhanced, cascaded_eec=not enhanced)
        selected = self.selection.selected
        source = self.ports.get(selected.name) if selected is not None else None
        if source is None or self.lock is not FrequencyLock.LOCKED:
            return begins
        received = source.received.extended if source.received else None
        if received is None:
            return replace(begins, partial_chain=True)
        return replace(
            received,
            enhanced_ssm=level.enhanced_ssm,
            mixed_eec_eeec=received.mixed_eec_eeec
            or bool(received.cascaded_eec if enhanced else received.cascaded_eeec),
            cascaded_eeec=min(received.cascaded_eeec + enhanced, 0xFF),
            cascaded_eec=min(received.cascaded_eec + (not enhanced), 0xFF),
        )
