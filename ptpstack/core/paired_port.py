"""Paired ports: two ports of one clock on the two networks of a redundant one (IEC 62439-3 Annex A, PRP and HSR).

Both hear the grandmaster, each over a path of its own. One follows; the other is PASSIVE, or in a slave-only clock
LISTENING, and stands by (PASSIVE_SLAVE): it goes on to measure how far the clock is off by its own path, and follows
at once when the first is lost. What lives here: standing by. What does not: which port follows
(``state_decision``), when a master that sends no Syncs fails (``signal_fail``), link delays (``delay_p2p``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ptpstack.core.comparison import ComparisonSet
from ptpstack.core.context import PortContext
from ptpstack.core.delay_p2p import PeerDelay
from ptpstack.core.events import PairedPortStandsBy, PairedPortStoodBy
from ptpstack.core.sync_receiver import SyncPoint, SyncReceiver
from ptpstack.engine.port_state import RECEIVING_STATES, PortState
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_to_ns, interval_to_seconds, offset_between
from ptpstack.wire.messages import FollowUp, Sync
from ptpstack.wire.types import PortIdentity

if TYPE_CHECKING:
    from ptpstack.core.port import Port

STANDING_STATES = frozenset({PortState.PASSIVE, PortState.LISTENING})


class PassiveSlave:
    """What a port paired with ``twin`` (0: none) measures while that follows: the clock by the Syncs of ``sender``."""

    def __init__(self, context: PortContext, delay: PeerDelay | None) -> None:
        self.twin = context.settings.paired_port if delay is not None else 0
        self.sender: PortIdentity | None = None
        self.offset_from_master: TimeInterval | None = None
        self.measured: MonotonicTime | None = None
        self._context = context
        self._delay = delay
        self._sync_receiver = SyncReceiver(context)

    def stand_by(self, sender: PortIdentity) -> None:
        """Measure by *sender* from now on."""
        if sender == self.sender:
            return
        self._forget()
        self.sender = sender
        self._context.tell(PairedPortStandsBy, twin=self.twin, port_identity=sender)

    def end(self) -> None:
        """Stand by no more: this port follows itself, or there is nobody to follow."""
        if self.sender is not None:
            self._context.tell(PairedPortStoodBy, twin=self.twin, offset_ns=self.offset_ns)
        self._forget()

    def _forget(self) -> None:
        self.sender = self.offset_from_master = self.measured = None
        self._sync_receiver.reset()

    def receive_sync(self, sync: Sync, ingress: LocalTime, now: MonotonicTime) -> None:
        """Take a Sync of anybody."""
        if sync.source_port_identity == self.sender:
            self._use(self._sync_receiver.receive_sync(sync, ingress), now)

    def receive_follow_up(self, follow_up: FollowUp, now: MonotonicTime) -> None:
        """Take a Follow_Up of anybody."""
        if follow_up.source_port_identity == self.sender:
            self._use(self._sync_receiver.receive_follow_up(follow_up), now)

    def _use(self, point: SyncPoint | None, now: MonotonicTime) -> None:
        mean = self._delay.mean if self._delay is not None else None
        if point is not None and mean is not None:
            self.offset_from_master = offset_between(point.t2, point.t1) - mean
            self.measured = now

    def clock_stepped(self, delta: TimeInterval) -> None:
        """Carry stored local instants over a step of the clock."""
        self._sync_receiver.clock_stepped(delta)
        if self.offset_from_master is not None:
            self.offset_from_master += delta

    @property
    def offset_ns(self) -> float | None:
        """How far the clock is off by this path; None: not measured."""
        return None if self.offset_from_master is None else interval_to_ns(self.offset_from_master)

    def as_dict(self, now: MonotonicTime) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {
            "portNumber": self.twin,
            "standsBy": self.sender is not None,
            "portIdentity": None if self.sender is None else str(self.sender),
            "offsetFromMaster": self.offset_ns,
            "measured_s": None if self.measured is None else interval_to_seconds(now - self.measured),
        }


def let_paired_ports_stand_by(active: Mapping[int, Port], erbest: Mapping[int, ComparisonSet | None]) -> None:
    """After a state decision: each paired port stands by, while its twin follows the same grandmaster."""
    for number, port in active.items():
        waiting = port.passive_slave
        if not waiting.twin:
            continue
        twin, own = active.get(waiting.twin), erbest[number]
        theirs = erbest.get(waiting.twin)
        follows = twin is not None and twin.state in RECEIVING_STATES and theirs is not None
        if (
            port.state in STANDING_STATES
            and follows
            and own is not None
            and theirs is not None
            and own.grandmaster_identity == theirs.grandmaster_identity
        ):
            waiting.stand_by(own.sender)
        else:
            waiting.end()
