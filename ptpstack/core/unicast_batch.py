"""The octets of many unicast messages at once: Sync and Follow_Up to a slot of clients, answers to their Delay_Reqs.

The short way of a master with many clients, beside the message by message of ``unicast_transmitter`` and
``master.answer_delay_req``, of which every octet that goes this way is the same. What lives here: arrays of octets.
What does not: sockets and stamps of them; a request with anything unusual about it, which goes the long way.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
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
from ptpstack.time import LocalTime, MonotonicTime, TimeInterval, interval_from_log2_seconds
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
        self._heads = [int.from_bytes(head[:1] + bytes([minor << 4 | 2]) + head[2:], "big") for minor in (0, 1)]
        self._own_clock = int.from_bytes(context.port_ds.port_identity.clock_identity, "big")
        self._version = -1
        self._clients = _Clients({})

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

    @property
    def request_interval(self) -> TimeInterval:
        """How often the most eager of the clients may ask."""
        return interval_from_log2_seconds(self._granted().log_interval)

    def answers(
        self,
        requests: Octets,
        lengths: Integers,
        addresses: Octets,
        ingress: Sequence[LocalTime | None],
        now: MonotonicTime,
    ) -> tuple[Octets, NDArray[np.intp]]:
        """Return the answers to those *requests* that may be answered so, and the rows of these."""
        if not self._port.may_answer:
            return np.zeros((0, DELAY_RESP_SIZE), np.uint8), np.zeros(0, np.intp)
        context = self._context
        asked = requests.view(_delay_req(requests.shape[1])).reshape(-1)
        fit = (lengths >= DELAY_REQ_SIZE) & self._is_ordinary(asked) & self._granted().holds(asked, addresses)
        times: list[LocalTime] = []
        for row in np.flatnonzero(fit).tolist():
            stamp = ingress[row]
            if stamp is None or context.is_from_before_step(stamp, now):
                fit[row] = False
            else:
                times.append(stamp)
        rows = np.flatnonzero(fit)
        answers = np.tile(self._answer, (len(rows), 1))
        fractions = _write_times(answers, times, -context.settings.ingress_latency)
        answers[:, _CORRECTION] = big_endian(asked["correction"][rows] - fractions, 8)
        answers[:, _SEQUENCE_ID] = requests[rows, _SEQUENCE_ID]
        answers[:, _REQUESTER : _REQUESTER + 10] = requests[rows, _SENDER]
        context.counters.received["DelayReq"] += len(rows)
        context.counters.sent["DelayResp"] += len(rows)
        return answers, rows

    def _is_ordinary(self, asked: NDArray[np.void]) -> NDArray[np.bool_]:
        """Tell which are Delay_Reqs of this domain without anything unusual, as their head is compared whole."""
        heads, correction = asked["head"], asked["correction"]
        extreme = (correction >= (1 << 63) - (1 << 17)) | (correction <= -(1 << 63) + (1 << 17))
        ordinary: NDArray[np.bool_] = (heads == self._heads[0]) | (heads == self._heads[1])
        ordinary &= (asked["nanoseconds"] < _NANOSECONDS_PER_SECOND) & (asked["clock"] != self._own_clock) & ~extreme
        return ordinary

    def _granted(self) -> _Clients:
        """Return who was granted answers, made anew when that has changed."""
        if self._version != self._service.version:
            self._version = self._service.version
            self._clients = _Clients(
                {
                    key: grant.log_interval
                    for key, client in self._service.clients.items()
                    if (grant := client.grants.get(MessageType.DELAY_RESP)) is not None
                }
            )
        return self._clients


class _Clients:
    """Clients by clock identity, to be looked up by the row; one whose clock is there twice goes the long way.

    *granted* tells at which interval each may ask; ``log_interval`` is the shortest.
    """

    def __init__(self, granted: Mapping[ClientKey, int]) -> None:
        keys = list(granted)
        self.log_interval = min(granted.values(), default=0)
        clocks = np.array([int.from_bytes(sender.clock_identity, "big") for _, sender in keys], np.uint64)
        clocks, first, count = np.unique(clocks, return_index=True, return_counts=True)
        chosen = first[count == 1].tolist()
        self._clocks = clocks[count == 1]
        self._ports = np.array([keys[place][1].port_number for place in chosen], np.uint16)
        self._addresses = [ip_address(keys[place][0]).packed for place in chosen]
        self._packed: dict[int, Octets] = {}

    def holds(self, asked: NDArray[np.void], addresses: Octets) -> NDArray[np.bool_]:
        """Tell which are requests of clients, from their addresses."""
        if not len(self._clocks):
            return np.zeros(len(asked), np.bool_)
        clocks = asked["clock"].astype(np.uint64)
        places = np.searchsorted(self._clocks, clocks)
        places[places == len(self._clocks)] = 0
        found: NDArray[np.bool_] = (self._clocks[places] == clocks) & (self._ports[places] == asked["port"])
        found &= (self._of_size(addresses.shape[1])[places] == addresses).all(axis=1)
        return found

    def _of_size(self, size: int) -> Octets:
        """Return the addresses of one family; of the other a row is all zero, which nobody's is."""
        if size not in self._packed:
            self._packed[size] = _matrix([a if len(a) == size else bytes(size) for a in self._addresses], size)
        return self._packed[size]


@functools.cache
def _delay_req(size: int) -> np.dtype[np.void]:
    """Return the fields of a Delay_Req that are looked at, in rows of *size* octets."""
    fields = {"head": (">u8", 0), "correction": (">i8", 8), "clock": (">u8", 20), "port": (">u2", 28)}
    fields["nanoseconds"] = (">u4", 40)
    formats, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": formats, "offsets": offsets, "itemsize": size})


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
