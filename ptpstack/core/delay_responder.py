"""From the octets of a Delay_Req to those of its Delay_Resp: the short way of a master whom many ask.

What lives here: requests without anything unusual. What does not: all others, be they malformed, with flags or TLVs,
of another domain or of this clock, and the rule itself (``master.answer_delay_req``), of which every octet that goes
this way is the same.
"""

from __future__ import annotations

import struct

from ptpstack.core.context import PortContext
from ptpstack.core.message_head import UNDERSTOOD_MINOR_VERSIONS, message_head
from ptpstack.engine.port_messages import NANOSECOND_FRACTION
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, ptp_from_local
from ptpstack.wire.messages import DelayReq, DelayResp

_REQUEST = struct.Struct(">8sq4x10sH8xL")  # up to flagField, correctionField, sender, sequenceId, nanoseconds
_RESPONSE = struct.Struct(">8sq4x10sHBbHLL10s")
_CONTROL_FIELD = 3
_NANOSECONDS_PER_SECOND = 1_000_000_000


class DelayResponder:
    """Answers the requests that come in on one port."""

    def __init__(self, context: PortContext) -> None:
        self._context = context
        identity = context.port_ds.port_identity
        self._own_clock = bytes(identity.clock_identity)
        self._own_port = self._own_clock + identity.port_number.to_bytes(2, "big")
        default = context.data_sets.default_ds
        self._requests = frozenset(message_head(DelayReq, default, minor) for minor in UNDERSTOOD_MINOR_VERSIONS)
        self._response = message_head(DelayResp, default, context.port_ds.minor_version_number)

    def answer(self, octets: bytes, stamp: LocalTime, now: MonotonicTime) -> bytes | None:
        """Return the answer to the frame that came in at *stamp*, None where that takes the long way."""
        context = self._context
        try:
            head, correction, sender, sequence_id, nanoseconds = _REQUEST.unpack_from(octets)
            if (
                head not in self._requests
                or nanoseconds >= _NANOSECONDS_PER_SECOND
                or sender[:8] == self._own_clock
                or context.is_from_before_step(stamp, now)
            ):
                return None
            receipt = int(ptp_from_local(stamp - context.settings.ingress_latency))
            fraction = receipt & NANOSECOND_FRACTION
            seconds, rest = divmod(receipt, SECOND)
            answer = _RESPONSE.pack(
                self._response,
                correction - fraction,
                self._own_port,
                sequence_id,
                _CONTROL_FIELD,
                context.port_ds.log_min_delay_req_interval,
                seconds >> 32,
                seconds & 0xFFFF_FFFF,
                rest // NANOSECOND,
                sender,
            )
        except struct.error:  # too short, or something that does not fit its place
            return None
        context.counters.received["DelayReq"] += 1
        context.counters.sent["DelayResp"] += 1
        return answer
