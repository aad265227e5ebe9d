"""Pairing Sync and Follow_Up of the parent, in either order (IEEE 1588-2019 9.5.4, 9.5.5, 11.2)."""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.core.context import PortContext
from ptpstack.engine.port_messages import CORRECTION_OVERFLOW
from ptpstack.time import LocalTime, PtpTime, TimeInterval
from ptpstack.wire.messages.follow_up import FollowUp
from ptpstack.wire.messages.sync import Sync

LATE_WINDOW = 16
"""How far behind the newest sequenceId a message counts as late or doubled; farther is a restarted master."""

SYNCS_WAITING = 8
"""How many Syncs wait for their Follow_Ups, and the other way round."""


class SyncPoint(NamedTuple):
    """When one Sync left the master (corrected for the path's known parts) and when it came in."""

    t1: PtpTime
    t2: LocalTime


class SyncReceiver:
    """Turns the parent's Syncs and Follow_Ups into sync points, in the order of their sequenceIds.

    A few Syncs may wait at once: after a stall the event socket gives several before the general socket's turn.
    """

    def __init__(self, context: PortContext) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new parent."""
        self._syncs: dict[int, tuple[Sync, LocalTime]] = {}
        self._follow_ups: dict[int, FollowUp] = {}
        self._newest_sync: int | None = None
        self._problem = "no Sync received"

    @property
    def problem(self) -> str:
        """Why there has been no sync point lately."""
        return "Sync without Follow_Up" if self._syncs else self._problem

    def note(self, problem: str) -> None:
        """Remember what became of the last Sync."""
        self._problem = problem

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry the stored ingress instants over a step of the clock."""
        self._syncs = {number: (sync, ingress + delta) for number, (sync, ingress) in self._syncs.items()}

    def receive_sync(self, sync: Sync, ingress: LocalTime) -> SyncPoint | None:
        """Take a Sync; return the point if it is complete."""
        if _is_late(sync.sequence_id, self._newest_sync):
            self._context.discard(sync, "late or duplicate")
            return None
        self._newest_sync = sync.sequence_id
        if not sync.two_step_flag:
            return self._point(sync, ingress, None)
        if len(self._syncs) == SYNCS_WAITING:
            overtaken, _ = self._syncs.pop(next(iter(self._syncs)))
            self._context.discard(overtaken, "no Follow_Up")
        self._syncs[sync.sequence_id] = sync, ingress
        return self._match(sync.sequence_id)

    def receive_follow_up(self, follow_up: FollowUp) -> SyncPoint | None:
        """Take a Follow_Up, which may come before its Sync; return the point if it is complete."""
        number = follow_up.sequence_id
        if number not in self._syncs and _is_late(number, self._newest_sync):
            self._context.discard(follow_up, "late or duplicate")
            return None
        if len(self._follow_ups) == SYNCS_WAITING:
            self._follow_ups.pop(next(iter(self._follow_ups)))
        self._follow_ups[number] = follow_up
        return self._match(number)

    def _match(self, number: int) -> SyncPoint | None:
        """Return the point of sequenceId *number* if both halves are there; those before it have been overtaken."""
        if number not in self._syncs or number not in self._follow_ups:
            return None
        (sync, ingress), follow_up = self._syncs.pop(number), self._follow_ups.pop(number)
        if self._syncs or self._follow_ups:
            self._drop_overtaken(number)
        return self._point(sync, ingress, follow_up)

    def _drop_overtaken(self, number: int) -> None:
        for earlier in [waiting for waiting in self._syncs if _is_late(waiting, number)]:
            self._context.discard(self._syncs.pop(earlier)[0], "no Follow_Up")
        for earlier in [waiting for waiting in self._follow_ups if _is_late(waiting, number)]:
            del self._follow_ups[earlier]

    def _point(self, sync: Sync, ingress: LocalTime, follow_up: FollowUp | None) -> SyncPoint | None:
        """Correct the origin timestamp by correctionField and delayAsymmetry (11.2, 11.6.2)."""
        correction = sync.correction_field + self._context.delay_asymmetry
        origin = sync.origin_timestamp
        overflow = sync.correction_field == CORRECTION_OVERFLOW
        if follow_up is not None:
            correction += follow_up.correction_field
            origin = follow_up.precise_origin_timestamp
            overflow = overflow or follow_up.correction_field == CORRECTION_OVERFLOW
        if overflow:
            self._context.discard(sync, "correctionField overflow")
            self.note("correctionField overflow")
            return None
        return SyncPoint(origin + correction, ingress)


def _is_late(sequence_id: int, newest: int | None) -> bool:
    return newest is not None and (newest - sequence_id) & 0xFFFF < LATE_WINDOW
