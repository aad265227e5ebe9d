"""Pairing Sync and Follow_Up of the parent, in either order (IEEE 1588-2019 9.5.4, 9.5.5, 11.2)."""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.core.context import PortContext
from ptpstack.time import LocalTime, PtpTime, TimeInterval
from ptpstack.wire.messages.follow_up import FollowUp
from ptpstack.wire.messages.sync import Sync

LATE_WINDOW = 16
"""How far behind the newest sequenceId a message counts as late or doubled; farther is a restarted master."""

CORRECTION_OVERFLOW = (1 << 63) - 1
"""correctionField that says "too big to represent" (13.3.2.9)."""


class SyncPoint(NamedTuple):
    """When one Sync left the master (corrected for the path's known parts) and when it came in."""

    t1: PtpTime
    t2: LocalTime


class SyncReceiver:
    """Turns the parent's Syncs and Follow_Ups into sync points."""

    def __init__(self, context: PortContext) -> None:
        self._context = context
        self.reset()

    def reset(self) -> None:
        """Forget everything: a new parent."""
        self._sync: tuple[Sync, LocalTime] | None = None
        self._follow_up: FollowUp | None = None
        self._newest_sequence_id: int | None = None
        self.problem = "no Sync received"

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry the stored ingress instant over a step of the clock."""
        if self._sync is not None:
            sync, ingress = self._sync
            self._sync = sync, ingress + delta

    def receive_sync(self, sync: Sync, ingress: LocalTime) -> SyncPoint | None:
        """Take a Sync; return the point if it is complete."""
        if self._late(sync.sequence_id):
            self._context.discard(sync, "late or duplicate")
            return None
        self._newest_sequence_id = sync.sequence_id
        if not sync.two_step_flag:
            self._sync = None
            return self._point(sync, ingress, None)
        if self._sync is not None:
            self._context.discard(self._sync[0], "no Follow_Up")
            self.problem = "Sync without Follow_Up"
        self._sync = sync, ingress
        return self._match()

    def receive_follow_up(self, follow_up: FollowUp) -> SyncPoint | None:
        """Take a Follow_Up, which may come before its Sync; return the point if it is complete."""
        waits_for_this = self._sync is not None and self._sync[0].sequence_id == follow_up.sequence_id
        if not waits_for_this and self._late(follow_up.sequence_id):
            self._context.discard(follow_up, "late or duplicate")
            return None
        self._follow_up = follow_up
        return self._match()

    def _late(self, sequence_id: int) -> bool:
        newest = self._newest_sequence_id
        return newest is not None and (newest - sequence_id) & 0xFFFF < LATE_WINDOW

    def _match(self) -> SyncPoint | None:
        if self._sync is None or self._follow_up is None:
            return None
        (sync, ingress), follow_up = self._sync, self._follow_up
        if sync.sequence_id != follow_up.sequence_id:
            return None
        self._sync = self._follow_up = None
        return self._point(sync, ingress, follow_up)

    def _point(self, sync: Sync, ingress: LocalTime, follow_up: FollowUp | None) -> SyncPoint | None:
        """Correct the origin timestamp by correctionField and delayAsymmetry (11.2, 11.6.2)."""
        correction = sync.correction_field + self._context.settings.delay_asymmetry
        origin = sync.origin_timestamp
        overflow = sync.correction_field == CORRECTION_OVERFLOW
        if follow_up is not None:
            correction += follow_up.correction_field
            origin = follow_up.precise_origin_timestamp
            overflow = overflow or follow_up.correction_field == CORRECTION_OVERFLOW
        if overflow:
            self._context.discard(sync, "correctionField overflow")
            self.problem = "correctionField overflow"
            return None
        return SyncPoint(origin + correction, ingress)
