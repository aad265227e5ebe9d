"""Syncs of a slot and their stamps: late, lost, mixed up, refused; no Follow_Up ever tells the time of another Sync."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from hw.sockets.datagrams import NOTHING_STAMPED, Octets, Outgoing, Run, Stamped
from ptpstack.core.unicast_batch import FOLLOW_UP_SIZE, SYNC_SIZE, UnicastBatchCodec
from ptpstack.daemon import unicast_batches
from ptpstack.daemon.unicast_batches import STAMPS_AWAITED, UnicastBatches
from ptpstack.engine.outputs import UnicastBatch
from ptpstack.engine.unicast_slot import Grant, Slot
from ptpstack.time import SECOND, LocalTime, MonotonicTime
from ptpstack.wire.types import ClockIdentity, MessageType, PortIdentity

CLIENTS = 5


class FakeDatagrams:
    """Takes what is sent; *stamps* come when they are asked for, of *refused* nothing goes."""

    name_size, gives_keys = 16, True

    def __init__(self) -> None:
        self.key = 2**32 - 3
        self.refused: int | None = None
        self.stamps: list[tuple[int, int]] = []
        self.keys: list[dict[int, int]] = []
        """Of each batch, by the row."""
        self.firsts: list[int] = []
        self.follow_ups: list[tuple[int, int, int]] = []
        """Whom it went to, the sequenceId, the time."""

    def name(self, packed: bytes, *, event: bool) -> bytes:
        return packed + bytes(12) if event else bytes(16)

    def to_general(self, names: Octets) -> Octets:
        return names

    def send_event(self, _out: Outgoing, count: int, first: int) -> tuple[list[Run], int | None]:
        runs: list[Run] = []
        for begin, end in ((first, count), (0, first)):
            parts = [(begin, end)]
            if self.refused is not None and begin <= self.refused < end:
                parts = [(begin, self.refused), (self.refused + 1, end)]
            for part in parts:
                if part[0] < part[1]:
                    runs.append(Run(self.key, *part))
                    self.key = (self.key + part[1] - part[0]) % 2**32
        self.firsts.append(first)
        self.keys.append({row: (key + row - begin) % 2**32 for key, begin, end in runs for row in range(begin, end)})
        return runs, self.refused

    def send_general(self, out: Outgoing, count: int) -> int:
        for row in range(count):
            number, time = (int(value) for value in out.octets[row, :16].view(np.int64))
            self.follow_ups.append((int(out.names[row, 3]), number, time))
        return 0

    def transmit_stamps(self) -> Stamped:
        if not self.stamps:
            return NOTHING_STAMPED
        keys, stamps = zip(*self.stamps, strict=True)
        self.stamps = []
        return Stamped(np.array(keys, np.uint32), np.array(stamps, np.int64))


class FakeCodec:
    """Follow_Ups are the sequenceId and the time, as plain numbers."""

    def messages(self, _kind: MessageType, slot: Slot, _turn: int) -> Octets:
        return np.zeros((len(slot.grants), SYNC_SIZE), np.uint8)

    def follow_ups(self, numbers: Any, egress: Sequence[LocalTime]) -> Octets:
        rows = np.zeros((len(numbers), FOLLOW_UP_SIZE), np.uint8)
        rows[:, :16] = np.array([numbers, [int(time) for time in egress]], np.int64).T.copy().view(np.uint8)
        return rows


class Bench:
    """One slot of CLIENTS, whose addresses end in 1, 2, ..., and whose Syncs leave at 1000 times the turn, and more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kernel, self.counters, self.now = FakeDatagrams(), Counter[str](), SECOND
        monkeypatch.setattr(unicast_batches, "Datagrams", lambda _socket: self.kernel)
        monkeypatch.setattr(unicast_batches, "monotonic_now", lambda: MonotonicTime(self.now))
        self.batches = UnicastBatches(cast("UnicastBatchCodec", FakeCodec()), LocalTime)
        self.batches.open(cast("Any", None), self.counters)
        self.slot = Slot([])
        for place in range(CLIENTS):
            client = PortIdentity(ClockIdentity(bytes(8)), place + 1)
            self.slot.add(Grant(f"10.0.0.{place + 1}", client, MessageType.SYNC, -4, MonotonicTime(0)))

    def send(self, turn: int) -> None:
        self.batches.send(UnicastBatch(1, MessageType.SYNC, self.slot, turn))

    def stamp(self, batch: int, *rows: int) -> None:
        self.kernel.stamps += [(self.kernel.keys[batch][row], 1000 * (batch + 1) + row) for row in rows]
        self.batches.take_stamps()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(monkeypatch)


def told(batch: int, *rows: int) -> list[tuple[int, int, int]]:
    return [(row + 1, batch, 1000 * (batch + 1) + row) for row in rows]


def test_stamps_of_two_batches_mixed_up_belong_to_their_syncs_also_where_the_keys_begin_anew(bench: Bench) -> None:
    bench.send(0)
    bench.send(1)
    bench.stamp(1, 4, 0)
    bench.stamp(0, 2)
    assert sorted(bench.kernel.follow_ups) == sorted(told(1, 4, 0) + told(0, 2))


def test_a_lost_stamp_is_counted_and_its_sync_has_no_follow_up_even_if_it_comes_too_late(bench: Bench) -> None:
    bench.send(0)
    bench.stamp(0, 0, 1, 3, 4)
    bench.now += STAMPS_AWAITED + 1
    bench.send(1)
    assert bench.counters["transmit stamp lost"] == 1
    bench.stamp(0, 2)
    assert sorted(bench.kernel.follow_ups) == told(0, 0, 1, 3, 4)


def test_each_client_is_the_first_once_as_a_card_may_hold_a_single_stamp(bench: Bench) -> None:
    for turn in range(CLIENTS + 1):
        bench.send(turn)
        bench.stamp(turn, bench.kernel.firsts[-1])
    assert bench.kernel.firsts == [0, 1, 2, 3, 4, 0]
    assert [address for address, *_ in bench.kernel.follow_ups] == [1, 2, 3, 4, 5, 1]


def test_whom_the_kernel_refuses_goes_first_until_it_does_not_and_the_others_go_on(bench: Bench) -> None:
    bench.kernel.refused = 2
    for turn in range(3):
        bench.send(turn)
        bench.stamp(turn, 0, 1, 3, 4)
    assert bench.kernel.firsts == [0, 2, 2]
    assert +bench.counters == {"not sent": 3}
    assert sorted(bench.kernel.follow_ups) == sorted(told(0, 0, 1, 3, 4) + told(1, 0, 1, 3, 4) + told(2, 0, 1, 3, 4))
    bench.kernel.refused = None
    bench.send(3)
    bench.send(4)
    assert bench.kernel.firsts[3:] == [2, 3]
