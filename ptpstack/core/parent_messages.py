"""From the octets of the parent's Sync, Follow_Up and Delay_Resp to the slave: the short way of what comes most often.

What lives here: messages of the parent without anything unusual; Delay_Resps to other slaves end here. What does not:
all others, be they malformed, with TLVs or other flags, or of another sender, and the rule itself
(``port_message_routes``), which would have done the same to everything that goes this way.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Iterator

from ptpstack.core.context import PortContext
from ptpstack.core.message_head import HEAD_SIZE, UNDERSTOOD_MINOR_VERSIONS, message_head
from ptpstack.core.slave import Slave
from ptpstack.engine.port_state import RECEIVING_STATES
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, PtpTime
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import DelayResp, FollowUp, Sync
from ptpstack.wire.types import PortIdentity

_FIELDS = struct.Struct(">8xq4x10sHxbHLL")
"""correctionField, sender, sequenceId, logMessageInterval, seconds (high, low), nanoseconds."""
_REQUESTER = slice(_FIELDS.size, DelayResp.body_end)
_NANOSECONDS_PER_SECOND = 1_000_000_000


class ParentMessages:
    """Takes messages for the *slave* of one port; *taken* is called after each."""

    def __init__(self, context: PortContext, slave: Slave, taken: Callable[[MonotonicTime], None]) -> None:
        self._context = context
        self._slave = slave
        self._taken = taken
        self._own_port = _octets(context.port_ds.port_identity)
        self._parent: PortIdentity | None = None
        self._parent_octets = b""
        self._kinds = dict(self._heads())

    @property
    def heads(self) -> frozenset[bytes]:
        """The first octets (``HEAD_SIZE``) of what may go this way."""
        return frozenset(self._kinds)

    def _heads(self) -> Iterator[tuple[bytes, tuple[type[Message], int]]]:
        default = self._context.data_sets.default_ds
        for kind, flags in ((Sync, Flag.TWO_STEP), (Sync, 0), (FollowUp, 0), (DelayResp, 0)):
            for minor_version in UNDERSTOOD_MINOR_VERSIONS:
                yield message_head(kind, default, minor_version, flags), (kind, flags)

    def take(self, octets: bytes, ingress: LocalTime | None, now: MonotonicTime, address: Hashable) -> bool:
        """Take the frame that came in at *ingress*; False, and nothing happened, where it must go the long way."""
        context = self._context
        kind, flags = self._kinds.get(octets[:HEAD_SIZE], (None, 0))
        if kind is None or context.port_ds.port_state not in RECEIVING_STATES or len(octets) < kind.body_end:
            return False
        correction, sender, sequence_id, log_interval, high, low, nanoseconds = _FIELDS.unpack_from(octets)
        parent = context.data_sets.parent_ds.parent_port_identity
        if parent is not self._parent:
            self._follow(parent)
        if sender != self._parent_octets or nanoseconds >= _NANOSECONDS_PER_SECOND:
            return False
        timestamp = PtpTime((high << 32 | low) * SECOND + nanoseconds * NANOSECOND)
        # Of each message only what a slave reads.
        if kind is Sync:
            if ingress is None or context.is_from_before_step(ingress, now):
                return False
            context.counters.received["Sync"] += 1
            sync = Sync(
                flag_field=flags,
                correction_field=correction,
                source_port_identity=parent,
                sequence_id=sequence_id,
                log_message_interval=log_interval,
                origin_timestamp=timestamp,
            )
            self._slave.receive_sync(sync, ingress - context.settings.ingress_latency, now, address)
        elif kind is FollowUp:
            context.counters.received["FollowUp"] += 1
            follow_up = FollowUp(
                correction_field=correction,
                source_port_identity=parent,
                sequence_id=sequence_id,
                precise_origin_timestamp=timestamp,
            )
            self._slave.receive_follow_up(follow_up, now)
        else:
            context.counters.received["DelayResp"] += 1
            if octets[_REQUESTER] == self._own_port:
                response = DelayResp(
                    correction_field=correction,
                    source_port_identity=parent,
                    sequence_id=sequence_id,
                    log_message_interval=log_interval,
                    receive_timestamp=timestamp,
                    requesting_port_identity=context.port_ds.port_identity,
                )
                self._slave.receive_delay_resp(response, now)
        self._taken(now)
        return True

    def _follow(self, parent: PortIdentity) -> None:
        self._parent = parent
        is_own = parent.clock_identity == self._context.port_ds.port_identity.clock_identity
        self._parent_octets = b"" if is_own else _octets(parent)


def _octets(identity: PortIdentity) -> bytes:
    return bytes(identity.clock_identity) + identity.port_number.to_bytes(2, "big")
