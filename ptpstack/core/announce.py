"""Sending Announce messages in MASTER state (IEEE 1588-2019 9.5.8, 13.5, 16.2)."""

from __future__ import annotations

from collections.abc import Iterator

from ptpstack.core.announce_tlvs import extended
from ptpstack.core.context import PortContext
from ptpstack.core.timers import Timer, following
from ptpstack.engine.port_messages import LOG_INTERVAL_UNSPECIFIED
from ptpstack.time import MonotonicTime, interval_from_log2_seconds
from ptpstack.wire.message import Flag
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.tlv import Tlv, encoded_size
from ptpstack.wire.tlvs.path_trace import PathTrace

TLV_CAPACITY = 1452 - Announce.body_end
"""Octets of TLVs that fit in an Announce over every transport; what does not fit is left out (16.2.4)."""


class AnnounceTransmitter:
    """Announces the data sets at the announce interval."""

    def __init__(self, context: PortContext, *, path_trace_enabled: bool) -> None:
        self._context = context
        self._path_trace_enabled = path_trace_enabled

    def start(self, now: MonotonicTime) -> None:
        """Announce now, and at the interval from then on, if the groups are served."""
        if self._context.settings.multicast:
            self._context.timers.start(Timer.ANNOUNCE, now)

    def stop(self) -> None:
        """Announce no more."""
        self._context.timers.stop(Timer.ANNOUNCE)

    def on_timer(self, deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Send one Announce and arm the next."""
        context = self._context
        interval = interval_from_log2_seconds(context.port_ds.log_announce_interval)
        context.timers.start(Timer.ANNOUNCE, following(deadline, interval, now))
        context.send_general(self.announce())

    def announce(self, sequence_id: int | None = None, flags: int = 0) -> Announce:
        """Return the Announce of now: the next of the port, or *sequence_id* of one client (with its *flags*)."""
        context = self._context
        parent = context.data_sets.parent_ds
        properties = context.data_sets.time_properties_ds
        uncertain = context.data_sets.current_ds.synchronization_uncertain
        unicast = flags & Flag.UNICAST
        return context.new(
            Announce,
            sequence_id=sequence_id,
            flags=flags | properties.flags | Flag.SYNCHRONIZATION_UNCERTAIN * uncertain,
            log_message_interval=LOG_INTERVAL_UNSPECIFIED if unicast else context.port_ds.log_announce_interval,
            current_utc_offset=properties.current_utc_offset,
            grandmaster_priority1=parent.grandmaster_priority1,
            grandmaster_clock_quality=parent.grandmaster_clock_quality,
            grandmaster_priority2=parent.grandmaster_priority2,
            grandmaster_identity=parent.grandmaster_identity,
            steps_removed=context.data_sets.current_ds.steps_removed,
            time_source=properties.time_source,
            tlvs=tuple(self._tlvs()),
        )

    def _tlvs(self) -> Iterator[Tlv]:
        """Yield what this clock adds or hands on, and then the path, for which there is room in any case."""
        data_sets, path = self._context.data_sets, self._path()
        left = TLV_CAPACITY - sum(map(encoded_size, path))
        handed_on = extended(data_sets.propagated_tlvs, data_sets.own_inaccuracy_ns)
        for tlv in handed_on if data_sets.follows_parent else data_sets.own_tlvs:
            left -= encoded_size(tlv)
            if left < 0:
                break
            yield tlv
        yield from path

    def _path(self) -> tuple[PathTrace, ...]:
        if not self._path_trace_enabled:
            return ()
        path = self._context.data_sets.path_trace
        longer = PathTrace((*path, self._context.data_sets.default_ds.clock_identity))
        return (longer if encoded_size(longer) <= TLV_CAPACITY else PathTrace(path),)
