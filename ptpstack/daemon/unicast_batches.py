"""The unicast clients of one port, served slot by slot: octets of ``core.unicast_batch`` by ``hw.sockets.datagrams``.

What lives here: batches out and in, transmit stamps of batches matched to what was sent, frames that are left for the
port's ordinary way. What does not: a rule of the protocol, or what a batch contains.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from ipaddress import ip_address
from typing import TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from hw.sockets import PortSocket, Received, TransmitStamp
from hw.sockets.datagrams import MOST, Arrived, Datagrams, Octets, Outgoing
from ptpstack.core.unicast_batch import (
    DELAY_RESP_SIZE,
    FOLLOW_UP_SIZE,
    SYNC_SIZE,
    UnicastBatchCodec,
    big_endian,
    sequence_ids,
)
from ptpstack.daemon.loop import monotonic_now
from ptpstack.engine.outputs import UnicastBatch
from ptpstack.time import MILLISECOND, LocalTime, MonotonicTime, TimeInterval
from ptpstack.wire.types import MessageType

LONGEST_GATHERING: TimeInterval = 32 * MILLISECOND
"""How long Delay_Reqs may wait while they come in numbers; answers are as much later."""

STAMPS_AWAITED: TimeInterval = 500 * MILLISECOND

LocalTimeOf: TypeAlias = Callable[[int], LocalTime]


class _Prepared(msgspec.Struct, eq=False):
    """A slot of Syncs ready to go: only the sequenceIds change from turn to turn. *sockets* tells of which opening.

    *first* goes first the next time. It is another one each time: a NIC that holds one stamp at a time loses those of
    the others, so each client has its turn. But whom the kernel refused goes first until it does not: where the kernel
    numbers stamps itself, a refusal spoils the numbers of what has just gone.
    """

    sockets: Datagrams
    out: Outgoing
    leads: NDArray[np.int64]
    first: int = 0


class _Sent(msgspec.Struct, eq=False):
    """A batch of Syncs whose stamps are awaited: the keys are those from *first* on."""

    first: int
    names: Octets
    numbers: NDArray[np.int64]
    since: MonotonicTime
    left: int


class UnicastBatches:
    """The batches of one port. *local_time* reads a stamp as an instant of its clock."""

    most = MOST
    """So many frames are read at once; where there were as many, there may be more."""

    def __init__(self, codec: UnicastBatchCodec, local_time: LocalTimeOf) -> None:
        self._codec = codec
        self._local_time = local_time
        self._sockets: Datagrams | None = None
        self._sent: deque[_Sent] = deque()
        self._counters: Counter[str] = Counter()

    def open(self, port_socket: PortSocket, counters: Counter[str]) -> None:
        """Use these sockets from now on, and count in *counters* what is not sent and which stamps do not come."""
        sockets = self._sockets = Datagrams(port_socket)
        self._counters = counters
        self._follow_ups = Outgoing(MOST, FOLLOW_UP_SIZE, sockets.name_size)
        self._answers = Outgoing(MOST, DELAY_RESP_SIZE, sockets.name_size)
        self.forget()

    def close(self) -> None:
        """Send nothing until opened again."""
        self._sockets = None
        self.forget()

    def forget(self) -> None:
        """Give up the stamps under way: the clock was stepped, or the sockets are others."""
        self._sent.clear()

    # -- sending -------------------------------------------------------------------------------------

    def send(self, batch: UnicastBatch) -> None:
        """Send what is due, and the Follow_Ups of what has its stamp already."""
        if self._sockets is None:
            return
        if batch.message_type is MessageType.SYNC:
            self._send_syncs(self._sockets, batch)
        else:
            rows = self._codec.messages(batch.message_type, batch.slot, batch.turn)
            out = Outgoing(len(rows), rows.shape[1], self._sockets.name_size)
            out.octets[:] = rows
            out.names[:] = self._names(self._sockets, batch, event=False)
            self._counters["not sent"] += self._sockets.send_general(out, len(rows))

    def _send_syncs(self, sockets: Datagrams, batch: UnicastBatch) -> None:
        prepared = batch.slot.prepared
        if not isinstance(prepared, _Prepared) or prepared.sockets is not sockets:
            count = len(batch.slot.grants)
            out = Outgoing(count, SYNC_SIZE, sockets.name_size, keyed=sockets.gives_keys)
            out.octets[:] = self._codec.messages(MessageType.SYNC, batch.slot, 0)
            out.names[:] = self._names(sockets, batch, event=True)
            prepared = batch.slot.prepared = _Prepared(sockets, out, sequence_ids(batch.slot, 0))
        out = prepared.out
        numbers = (prepared.leads + batch.turn) & 0xFFFF
        out.octets[:, 30:32] = big_endian(numbers, 2)
        count, now = len(numbers), monotonic_now()
        runs, refused = sockets.send_event(out, count, prepared.first)
        prepared.first = (prepared.first + 1) % count if refused is None else refused
        for key, begin, end in runs:
            self._sent.append(_Sent(key, out.names[begin:end], numbers[begin:end], now, end - begin))
        self._counters["not sent"] += count - sum(run.end - run.begin for run in runs)
        self._give_up()

    @staticmethod
    def _names(sockets: Datagrams, batch: UnicastBatch, *, event: bool) -> Octets:
        names = [sockets.name(ip_address(grant.address).packed, event=event) for grant in batch.slot.grants]
        return np.frombuffer(b"".join(names), np.uint8).reshape(-1, sockets.name_size)

    def _give_up(self) -> None:
        """Count the stamps that did not come in time."""
        before = monotonic_now() - STAMPS_AWAITED
        while self._sent and (not self._sent[0].left or self._sent[0].since < before):
            self._counters["transmit stamp lost"] += self._sent.popleft().left

    @property
    def awaits_stamps(self) -> bool:
        """Whether stamps of any batch are yet to come."""
        return any(sent.left for sent in self._sent)

    # -- stamps --------------------------------------------------------------------------------------

    def take_stamps(self) -> list[TransmitStamp]:
        """Send the Follow_Ups to batches whose stamps have come; return the stamps of other frames."""
        sockets, others = self._sockets, []
        while sockets is not None:
            stamped = sockets.transmit_stamps()
            if not len(stamped.keys):
                break
            keys, stamps_ns = stamped
            for sent in reversed(self._sent):  # in front are those of which some are lost
                if not len(keys):
                    break
                rows = keys - np.uint32(sent.first)
                own = rows < len(sent.numbers)
                if own.any():
                    self._follow_up(sockets, sent, rows[own].astype(np.intp), stamps_ns[own].tolist())
                    keys, stamps_ns = keys[~own], stamps_ns[~own]
            others += [TransmitStamp(int(key), int(stamp)) for key, stamp in zip(keys, stamps_ns, strict=True)]
            if len(stamped.keys) < MOST:
                break
        return others

    def _follow_up(self, sockets: Datagrams, sent: _Sent, rows: NDArray[np.intp], stamps_ns: list[int]) -> None:
        sent.left -= len(rows)
        octets = self._codec.follow_ups(sent.numbers[rows], [self._local_time(stamp) for stamp in stamps_ns])
        if not len(octets):
            return
        out, count = self._follow_ups, len(rows)
        out.octets[:count] = octets
        out.names[:count] = sockets.to_general(sent.names[rows])
        self._counters["not sent"] += sockets.send_general(out, len(rows))

    # -- receiving -----------------------------------------------------------------------------------

    @property
    def gathering_time(self) -> TimeInterval:
        """How long requests may wait for others: every client shall have its answer before it asks again."""
        return min(LONGEST_GATHERING, self._codec.request_interval // 2)

    def receive(self) -> tuple[list[Received], int]:
        """Answer the Delay_Reqs that wait and may be answered so; return the other frames, and how many there were."""
        sockets = self._sockets
        if sockets is None:
            return [], 0
        arrived = sockets.receive_event()
        count = len(arrived.lengths)
        if not count:
            return [], 0
        ingress = [self._local_time(stamp) if stamp else None for stamp in arrived.stamps_ns.tolist()]
        packed = sockets.packed(arrived.addresses)
        answers, rows = self._codec.answers(arrived.octets, arrived.lengths, packed, ingress, monotonic_now())
        if len(rows):
            out = self._answers
            out.octets[: len(rows)] = answers
            out.names[: len(rows)] = sockets.to_general(arrived.addresses[rows])
            self._counters["not sent"] += sockets.send_general(out, len(rows))
        if len(rows) == count:
            return [], count
        left = np.ones(count, np.bool_)
        left[rows] = False
        return [self._frame(arrived, sockets, row) for row in np.flatnonzero(left).tolist()], count

    @staticmethod
    def _frame(arrived: Arrived, sockets: Datagrams, row: int) -> Received:
        octets = arrived.octets[row, : int(arrived.lengths[row])].tobytes()
        stamp_ns = int(arrived.stamps_ns[row]) or None
        return Received(octets, stamp_ns, sockets.address(arrived.addresses[row].tobytes()))
