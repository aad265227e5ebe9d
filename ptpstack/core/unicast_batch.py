"""The octets of many unicast messages at once: Sync and Follow_Up to a slot of clients, answers to their Delay_Reqs.

The short way of a master with many clients, beside the message by message of ``unicast_transmitter`` and
``master.answer_delay_req``, of which every octet that goes this way is the same. What lives here: arrays of octets.
What does not: sockets and stamps of them; a request with anything unusual about it, which goes the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ptpstack.core.context import PortContext
from ptpstack.core.port import Port
from ptpstack.core.unicast_service import ClientKey, UnicastService
from ptpstack.core.unicast_transmitter import UnicastTransmitter
from ptpstack.engine.port_messages import LOG_INTERVAL_UNSPECIFIED
from ptpstack.engine.port_state import PortState
from ptpstack.engine.unicast_slot import Slot
from ptpstack.time import LocalTime, MonotonicTime
from ptpstack.wire.message import Flag, encode
from ptpstack.wire.messages import DelayReq, DelayResp, FollowUp
from ptpstack.wire.types import MessageType

Octets: TypeAlias = NDArray[np.uint8]
Integers: TypeAlias = NDArray[np.int64]

DELAY_REQ_SIZE = DelayReq.body_end
DELAY_RESP_SIZE = DelayResp.body_end
SYNC_SIZE = FOLLOW_UP_SIZE = FollowUp.body_end
_CORRECTION, _SENDER, _SEQUENCE_ID, _TIMESTAMP, _REQUESTER = slice(8, 16), slice(20, 30), slice(30, 32), 34, 44
_NANOSECONDS_PER_SECOND = 1_000_000_000


class UnicastBatchCodec:
    """The messages of one port, as arrays. An IP address is its octets, row by row."""

    def __init__(
        self, port: Port, context: PortContext, service: UnicastService, transmitter: UnicastTransmitter
    ) -> None:
        self._port = port
        self._context = context
        self._service = service
        self._transmitter = transmitter
        self._sync = _octets(encode(transmitter.sync(0)))
        follow_up = context.new(
            FollowUp, sequence_id=0, flags=Flag.UNICAST, log_message_interval=LOG_INTERVAL_UNSPECIFIED
        )
        self._follow_up = _octets(encode(follow_up))
        answer = context.new(
            DelayResp, sequence_id=0, flags=Flag.UNICAST, log_message_interval=LOG_INTERVAL_UNSPECIFIED
        )
        self._answer = _octets(encode(answer))
        head = encode(context.new(DelayReq, sequence_id=0, flags=Flag.UNICAST))[:8]
        self._heads = [_octets(head[:1] + bytes([minor << 4 | 2]) + head[2:]) for minor in (0, 1)]
        self._own_clock = _octets(bytes(context.port_ds.port_identity.clock_identity))
        self._version = -1
        self._clients = _Clients(())

    # -- what is due -------------------------------------------------------------------------------

    def messages(self, message_type: MessageType, slot: Slot, turn: int) -> Octets:
        """Return the message of this type to each client of *slot* in its *turn*."""
        one = self._sync if message_type is MessageType.SYNC else _octets(encode(self._transmitter.announce(0)))
        rows = np.tile(one, (len(slot.grants), 1))
        rows[:, _SEQUENCE_ID] = big_endian(sequence_ids(slot, turn), 2)
        return rows

    def follow_ups(self, numbers: Integers, egress: Sequence[LocalTime]) -> Octets:
        """Return the Follow_Up to each Sync of these sequenceIds, which left at *egress* (11.4.3).

        There are none when this port has ceased to be a master meanwhile.
        """
        if self._port.state is not PortState.MASTER:
            return np.zeros((0, FOLLOW_UP_SIZE), np.uint8)
        latency = self._context.settings.egress_latency
        rows = np.tile(self._follow_up, (len(numbers), 1))
        rows[:, _SEQUENCE_ID] = big_endian(numbers, 2)
        rows[:, _CORRECTION] = big_endian(_write_times(rows, egress, latency), 8)
        self._context.counters.sent["FollowUp"] += len(numbers)
        return rows

    # -- answers -----------------------------------------------------------------------------------

    def answers(
        self,
        requests: Octets,
        lengths: Integers,
        addresses: Octets,
        ingress: Sequence[LocalTime | None],
        now: MonotonicTime,
    ) -> tuple[Octets, NDArray[np.intp]]:
        """Return the answers to those *requests* that may be answered so, and the rows of these."""
        fit = (lengths >= DELAY_REQ_SIZE) & self._is_ordinary(requests)
        if not self._port.may_answer:
            fit[:] = False
        if not fit.any():
            return np.zeros((0, DELAY_RESP_SIZE), np.uint8), np.flatnonzero(fit)
        fit &= self._granted().holds(requests[:, _SENDER], addresses)
        context = self._context
        rows = np.array(
            [
                row
                for row in np.flatnonzero(fit).tolist()
                if (stamp := ingress[row]) is not None and not context.is_from_before_step(stamp, now)
            ],
            np.intp,
        )
        answers = np.tile(self._answer, (len(rows), 1))
        asked = requests[rows]
        times = [stamp for row in rows.tolist() if (stamp := ingress[row]) is not None]
        fractions = _write_times(answers, times, -context.settings.ingress_latency)
        correction = asked[:, _CORRECTION].copy().view(">i8").reshape(-1).astype(np.int64) - fractions
        answers[:, _CORRECTION] = big_endian(correction, 8)
        answers[:, _SEQUENCE_ID] = asked[:, _SEQUENCE_ID]
        answers[:, _REQUESTER : _REQUESTER + 10] = asked[:, _SENDER]
        context.counters.received["DelayReq"] += len(rows)
        context.counters.sent["DelayResp"] += len(rows)
        return answers, rows

    def _is_ordinary(self, requests: Octets) -> NDArray[np.bool_]:
        """Tell which are Delay_Reqs of this domain without anything unusual, as their head is compared whole."""
        heads = requests[:, :8]
        ordinary: NDArray[np.bool_] = np.zeros(len(requests), np.bool_)
        for head in self._heads:
            ordinary |= (heads == head).all(axis=1)
        nanoseconds = requests[:, 40:44].copy().view(">u4").reshape(-1)
        correction = requests[:, _CORRECTION].copy().view(">i8").reshape(-1)
        own = (requests[:, 20:28] == self._own_clock).all(axis=1)
        extreme = (correction >= (1 << 63) - (1 << 17)) | (correction <= -(1 << 63) + (1 << 17))
        ordinary &= (nanoseconds < _NANOSECONDS_PER_SECOND) & ~own & ~extreme
        return ordinary

    def _granted(self) -> _Clients:
        """Return who was granted answers, made anew when that has changed."""
        if self._version != self._service.version:
            self._version = self._service.version
            self._clients = _Clients(
                [
                    (address, sender)
                    for (address, sender), client in self._service.clients.items()
                    if MessageType.DELAY_RESP in client.grants
                ]
            )
        return self._clients


class _Clients:
    """Clients by clock identity, to be looked up by the row; one whose clock is there twice goes the long way."""

    def __init__(self, keys: Sequence[ClientKey]) -> None:
        identities = [bytes(clock) + number.to_bytes(2, "big") for _, (clock, number) in keys]
        clocks = np.array([int.from_bytes(identity[:8], "big") for identity in identities], np.uint64)
        clocks, first, count = np.unique(clocks, return_index=True, return_counts=True)
        chosen = first[count == 1].tolist()
        self._clocks = clocks[count == 1]
        self._senders = _matrix([identities[place] for place in chosen], 10)
        self._addresses = [ip_address(keys[place][0]).packed for place in chosen]
        self._packed: dict[int, Octets] = {}

    def holds(self, senders: Octets, addresses: Octets) -> NDArray[np.bool_]:
        """Tell which (sender, address) are clients."""
        if not len(self._clocks):
            return np.zeros(len(senders), np.bool_)
        clocks = senders[:, :8].copy().view(">u8").reshape(-1).astype(np.uint64)
        places = np.searchsorted(self._clocks, clocks)
        places[places == len(self._clocks)] = 0
        same_sender = (self._senders[places] == senders).all(axis=1)
        found: NDArray[np.bool_] = same_sender & (self._of_size(addresses.shape[1])[places] == addresses).all(axis=1)
        return found

    def _of_size(self, size: int) -> Octets:
        """Return the addresses of one family; of the other a row is all zero, which nobody's is."""
        if size not in self._packed:
            self._packed[size] = _matrix([a if len(a) == size else bytes(size) for a in self._addresses], size)
        return self._packed[size]


def sequence_ids(slot: Slot, turn: int) -> Integers:
    """Return the sequenceId of each client of *slot* in its *turn*."""
    leads = np.array([grant.lead for grant in slot.grants], np.int64)
    numbers: Integers = (leads + turn) & 0xFFFF
    return numbers


def big_endian(numbers: Integers, size: int) -> Octets:
    """Return *numbers* as *size* octets each."""
    octets: Octets = np.ascontiguousarray(numbers.astype(">i8")).view(np.uint8).reshape(-1, 8)[:, 8 - size :]
    return octets


def _write_times(rows: Octets, times: Sequence[LocalTime], latency: int) -> Integers:
    """Write *times* moved by *latency* into the timestamps of *rows*; return their fractions of a nanosecond."""
    moved = [int(time) + latency for time in times]
    whole = np.array([time >> 16 for time in moved], np.int64)
    seconds, nanoseconds = np.divmod(whole, _NANOSECONDS_PER_SECOND)
    rows[:, _TIMESTAMP : _TIMESTAMP + 6] = big_endian(seconds, 6)
    rows[:, _TIMESTAMP + 6 : _TIMESTAMP + 10] = big_endian(nanoseconds, 4)
    return np.array([time & 0xFFFF for time in moved], np.int64)


def _octets(octets: bytes) -> Octets:
    return np.frombuffer(octets, np.uint8)


def _matrix(rows: Sequence[bytes], size: int) -> Octets:
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, size)
