"""Sync and Follow_Up through a transparent clock (IEEE 1588-2019 10.2.2, 10.3.2, 11.5.2).

Every Sync leaves as a two-step one: its residence time is known only once it has left, and goes into the Follow_Up.
To a one-step Sync, which has none, a Follow_Up is added. A pair whose egress stamp is lost ends here.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeAlias

from msgspec.structs import replace

from ptpstack.core.transparent_clock_correction import corrected
from ptpstack.core.transparent_clock_memory import Memory
from ptpstack.core.transparent_clock_port import TransparentPort
from ptpstack.core.transparent_clock_rate import RateRatio
from ptpstack.engine.port_messages import CORRECTION_OVERFLOW
from ptpstack.time import SECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.follow_up import FollowUp
from ptpstack.wire.messages.sync import Sync
from ptpstack.wire.types import PortIdentity

SYNCS_CAPACITY = 512
SYNC_LIFETIME: TimeInterval = 2 * SECOND
"""How long a Sync waits for its Follow_Up, and a copy of it is known for one."""

Early: TypeAlias = tuple[TransparentPort, FollowUp]
"""A Follow_Up that came before its Sync, and the port it came by."""
EarlyKey: TypeAlias = tuple[int, PortIdentity, int]
"""That port's number, since in a ring another's may come first; the master; sequenceId."""


class ForwardedSync:
    """A Sync that was handed on: what its Follow_Ups have to tell, and to whom."""

    __slots__ = ("_rate_ratio", "_waiting", "follow_up", "ingress", "port", "sync", "upstream")

    def __init__(
        self, port: TransparentPort, sync: Sync, ingress: LocalTime, upstream: TimeInterval, rate_ratio: RateRatio
    ) -> None:
        self.port = port
        self.sync = sync
        self.ingress = ingress
        self.upstream = upstream
        self.follow_up: FollowUp | None = None
        self._rate_ratio = rate_ratio
        self._waiting: list[tuple[TransparentPort, TimeInterval]] = []

    def left(self, port: TransparentPort, egress: LocalTime, _now: MonotonicTime) -> None:
        """Take when the Sync left by *port*."""
        self._waiting.append((port, egress - self.ingress))
        self.send_follow_ups()

    def send_follow_ups(self) -> None:
        """Send the Follow_Up where both it and the residence time are known."""
        if self.follow_up is None:
            return
        for port, residence in self._waiting:
            if port.is_open:
                correction = self._rate_ratio.to_master(residence) + self.upstream
                port.context.send_general(corrected(self.follow_up, correction))
        self._waiting.clear()


class SyncRelay:
    """Hands the Syncs of any master on to every other port."""

    def __init__(self, rate_ratio: RateRatio) -> None:
        self._rate_ratio = rate_ratio
        self._syncs: Memory[tuple[PortIdentity, int], ForwardedSync] = Memory(SYNCS_CAPACITY, SYNC_LIFETIME)
        self._early: Memory[EarlyKey, Early] = Memory(SYNCS_CAPACITY, SYNC_LIFETIME)

    def clear(self) -> None:
        """Forget the Syncs under way: the clock was stepped."""
        self._syncs.clear()
        self._early.clear()

    def receive_sync(
        self,
        port: TransparentPort,
        others: Sequence[TransparentPort],
        sync: Sync,
        ingress: LocalTime,
        now: MonotonicTime,
    ) -> None:
        """Hand *sync* on, once: a copy that comes round a ring ends here."""
        key = sync.source_port_identity, sync.sequence_id
        if self._syncs.get(key, now) is not Memory.NOTHING:
            port.context.discard(sync, "came twice: a ring, or a duplicate")
            return
        upstream = port.upstream_correction()
        if upstream is None:
            port.context.discard(sync, "the delay of the link is not known yet")
            return
        forwarded = ForwardedSync(port, sync, ingress, upstream, self._rate_ratio)
        for old in self._syncs.put(key, forwarded, now):
            if old.follow_up is None:
                old.port.context.discard(old.sync, "no Follow_Up")
        two_step = sync if sync.two_step_flag else replace(sync, flag_field=sync.flag_field | Flag.TWO_STEP)
        for other in others:
            other.context.send_event(two_step, partial(forwarded.left, other))
        if not sync.two_step_flag:
            self._follow(forwarded, follow_up_of(sync))
        elif isinstance(early := self._early.pop((port.number, *key), now), tuple):
            self._follow(forwarded, early[1])

    def receive_follow_up(self, port: TransparentPort, follow_up: FollowUp, now: MonotonicTime) -> None:
        """Take a Follow_Up, which may come before its Sync."""
        key = follow_up.source_port_identity, follow_up.sequence_id
        forwarded = self._syncs.get(key, now)
        if not isinstance(forwarded, ForwardedSync):
            for early_port, early in self._early.put((port.number, *key), (port, follow_up), now):
                early_port.context.discard(early, "no Sync")
        elif forwarded.port is not port or forwarded.follow_up is not None:
            port.context.discard(follow_up, "came twice: a ring, or a duplicate")
        else:
            self._follow(forwarded, follow_up)

    def _follow(self, forwarded: ForwardedSync, follow_up: FollowUp) -> None:
        forwarded.follow_up = follow_up
        forwarded.send_follow_ups()
        corrections = forwarded.sync.correction_field, follow_up.correction_field
        if CORRECTION_OVERFLOW not in corrections:
            origin = follow_up.precise_origin_timestamp + sum(corrections)
            self._rate_ratio.add(follow_up.source_port_identity, origin, forwarded.ingress)


def follow_up_of(sync: Sync) -> FollowUp:
    """Return the Follow_Up that a one-step *sync* lacks; what the Sync has in correctionField stays there."""
    return FollowUp(
        major_sdo_id=sync.major_sdo_id,
        minor_version_ptp=sync.minor_version_ptp,
        domain_number=sync.domain_number,
        minor_sdo_id=sync.minor_sdo_id,
        flag_field=sync.flag_field & ~Flag.TWO_STEP,
        source_port_identity=sync.source_port_identity,
        sequence_id=sync.sequence_id,
        log_message_interval=sync.log_message_interval,
        precise_origin_timestamp=sync.origin_timestamp,
    )
