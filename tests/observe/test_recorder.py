"""Every event is stamped, kept and handed on; floods are cut down and counted."""

import errno
from typing import ClassVar

import pytest

from ptpstack.events import Event, Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import BURST, EventsSuppressed, Record, Recorder, iso_utc
from ptpstack.servo.interface import ServoState
from ptpstack.time import SECOND, MonotonicTime, UtcTime

UTC = UtcTime(1_795_421_351 * SECOND + (123_456_789 << 16))


class Noticed(Event, frozen=True, kw_only=True):
    severity: ClassVar[Severity] = Severity.NOTICE
    number: int = 0
    port_number: int | None = None

    def __str__(self) -> str:
        return f"noticed {self.number}"


class Detail(Event, frozen=True, kw_only=True):
    severity: ClassVar[Severity] = Severity.DEBUG


class World:
    """A recorder whose clocks stand still unless moved."""

    def __init__(self, kept: int = 100) -> None:
        self.now = MonotonicTime(0)
        self.recorder = Recorder(lambda: self.now, lambda: UTC, kept=kept)
        self.seen: list[Record] = []
        self.recorder.add_sink(self.seen.append)


def sample(**fields: object) -> OffsetSample:
    values = {
        "clock": "soft",
        "port_number": 1,
        "offset_ns": 1.0,
        "mean_delay_ns": 2.0,
        "frequency_ppb": 3.0,
        "state": ServoState.LOCKED,
        "log_sync_interval": 0,
    }
    return OffsetSample(**values | fields)


def test_a_record_says_when_for_whom_and_in_which_order() -> None:
    world = World()
    world.now = MonotonicTime(5 * SECOND)
    world.recorder.record(Noticed(number=1), "main")
    world.recorder.record(Noticed(number=2))
    assert world.seen == [
        Record(1, MonotonicTime(5 * SECOND), UTC, "main", Noticed(number=1)),
        Record(2, MonotonicTime(5 * SECOND), UTC, "", Noticed(number=2)),
    ]


def test_a_record_as_a_dict_is_plain_json_values_with_the_sentence() -> None:
    world = World()
    world.recorder.record(Noticed(number=7, port_number=2), "main")
    assert world.seen[0].as_dict() == {
        "sequence": 1,
        "utc": "2026-11-23T08:09:11.123456789Z",
        "monotonic_ns": 0,
        "severity": "NOTICE",
        "instance": "main",
        "event": "Noticed",
        "number": 7,
        "port_number": 2,
        "text": "noticed 7",
    }


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1970-01-01T00:00:00.123456789Z"), (951_782_400, "2000-02-29T00:00:00.123456789Z")],
)
def test_utc_is_written_to_the_nanosecond(seconds: int, text: str) -> None:
    assert iso_utc(UtcTime(seconds * SECOND + (123_456_789 << 16))) == text


def test_the_ring_keeps_the_newest_and_no_details() -> None:
    world = World(kept=3)
    for number in range(5):
        world.recorder.record(Noticed(number=number))
        world.recorder.record(Detail())
    assert [record.event for record in world.recorder.last()] == [Noticed(number=n) for n in (2, 3, 4)]
    assert [record.event for record in world.recorder.last(1)] == [Noticed(number=4)]
    assert world.recorder.last(0) == []
    assert len(world.seen) == 10


def test_a_sink_whose_reader_is_gone_is_removed_and_the_others_go_on() -> None:
    world = World()
    calls = []

    def broken(record: Record) -> None:
        calls.append(record)
        raise BrokenPipeError

    world.recorder.add_sink(broken)
    world.recorder.record(Noticed(number=1))
    world.recorder.record(Noticed(number=2))
    assert len(calls) == 1
    assert len(world.seen) == 2


def test_of_a_log_with_a_name_the_others_are_told_when_it_is_lost() -> None:
    world = World()

    def full(_: Record) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    world.recorder.add_sink(full, "event file /x", next_step="make room")
    world.recorder.record(Noticed(number=1))
    assert [str(record.event) for record in world.seen[1:]] == [
        "nothing more is written to event file /x: No space left on device; next: make room"
    ]


def test_a_flood_of_one_kind_is_cut_and_its_rest_counted_when_it_may_be_told_again() -> None:
    world = World()
    for number in range(BURST + 30):
        world.recorder.record(Noticed(number=number, port_number=1), "main")
    assert [record.event for record in world.seen] == [Noticed(number=n, port_number=1) for n in range(BURST)]
    world.now = MonotonicTime(SECOND)
    world.recorder.record(Noticed(number=99, port_number=1), "main")
    assert [record.event for record in world.seen[BURST:]] == [
        EventsSuppressed(kind="Noticed", port_number=1, count=30),
        Noticed(number=99, port_number=1),
    ]


def test_a_flood_at_one_port_leaves_other_ports_instances_and_kinds_alone() -> None:
    world = World()
    for _ in range(BURST + 30):
        world.recorder.record(Noticed(port_number=1), "main")
    others = [(Noticed(port_number=2), "main"), (Noticed(port_number=1), "other"), (Detail(), "main")]
    for event, instance in others:
        world.recorder.record(event, instance)
    assert [(record.event, record.instance) for record in world.seen[BURST:]] == others


def test_offset_samples_are_never_cut() -> None:
    world = World()
    for _ in range(1000):
        world.recorder.record(sample())
    assert len(world.seen) == 1000
