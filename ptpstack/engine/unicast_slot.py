"""Unicast clients that are served together: what each was granted, and whose turn it is.

What lives here: the data that engine and drivers share. What does not: who is granted what (``core.unicast_service``),
when a slot is due (``core.unicast_schedule``).
"""

from __future__ import annotations

import msgspec

from ptpstack.time import MonotonicTime
from ptpstack.wire.types import MessageType, PortIdentity


class Grant(msgspec.Struct, eq=False):
    """What one client was granted. *address* is where its messages go, its sequenceId that of the slot plus *lead*."""

    address: str
    port_identity: PortIdentity
    message_type: MessageType
    log_interval: int
    expires: MonotonicTime
    lead: int = 0
    slot: Slot | None = None
    place: int = 0

    @property
    def sequence_id(self) -> int:
        """The sequenceId of the next message: each type and client counts for itself (7.3.7)."""
        return (self.lead + (self.slot.turn if self.slot else 0)) & 0xFFFF


class Slot(msgspec.Struct, eq=False):
    """The grants that are served together, and how often they were.

    A driver may keep what it made of them in *prepared*, which is taken away when they change.
    """

    grants: list[Grant] = []
    turn: int = 0
    prepared: object = None

    def add(self, grant: Grant) -> None:
        """Serve *grant* from now on, its sequenceId going on where it was."""
        grant.lead = grant.sequence_id - self.turn
        grant.slot, grant.place = self, len(self.grants)
        self.grants.append(grant)
        self.prepared = None

    def remove(self, grant: Grant) -> None:
        """Serve *grant* no more; the last one takes its place."""
        last = self.grants.pop()
        if last is not grant:
            self.grants[grant.place], last.place = last, grant.place
        grant.lead, grant.slot = grant.sequence_id, None
        self.prepared = None
