"""Lines, byte for byte."""

import json
import time
from collections.abc import Iterator

import pytest

from ptpstack.core.events import (
    AnnounceReceiptTimeout,
    BestMasterSelected,
    ForeignMasterQualified,
    ForeignMasterSeen,
    PortStateChanged,
)
from ptpstack.core.port_states import PortEvent
from ptpstack.engine.events import MessageDiscarded
from ptpstack.engine.port_state import PortState
from ptpstack.events import Event
from ptpstack.observe.formats import make_format
from ptpstack.observe.formats.json_lines import JsonFormat
from ptpstack.observe.formats.linuxptp import LinuxptpFormat
from ptpstack.observe.formats.text import TextFormat
from ptpstack.observe.recorder import Record
from ptpstack.servo.interface import ServoState
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, UtcTime
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.observe.test_recorder import sample

GRANDMASTER = ClockIdentity.from_text("66f8f3.fffe.49fd77")
LOCAL = ClockIdentity.from_text("001b19.fffe.000001")
PARENT = PortIdentity(GRANDMASTER, 1)


@pytest.fixture(autouse=True)
def utc_everywhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def record(event: Event, *, at_ms: int = 123_456, instance: str = "main") -> Record:
    utc = UtcTime(1_795_421_351 * SECOND + at_ms * MILLISECOND)
    return Record(1, MonotonicTime(at_ms * MILLISECOND + 999), utc, instance, event)


def state_change(old: PortState, new: PortState, cause: PortEvent, port_number: int = 1) -> PortStateChanged:
    return PortStateChanged(port_number=port_number, old_state=old, new_state=new, cause=cause, reason="because")


def best(identity: ClockIdentity, parent: PortIdentity | None) -> BestMasterSelected:
    return BestMasterSelected(
        grandmaster_identity=identity,
        parent_port_identity=parent,
        port_number=1 if parent else None,
        decision="S1",
        rule="the only one",
    )


def linuxptp(*events: Event, **options: object) -> list[str]:
    lines = LinuxptpFormat({("main", 1): "eth0"}, **options)
    return [line for event in events for line in lines(record(event))]


S, E = PortState, PortEvent


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            state_change(S.UNCALIBRATED, S.SLAVE, E.MASTER_CLOCK_SELECTED),
            "port 1 (eth0): UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED",
        ),
        (
            state_change(S.INITIALIZING, S.LISTENING, E.INITIALIZATION_COMPLETE),
            "port 1 (eth0): INITIALIZING to LISTENING on INIT_COMPLETE",
        ),
        (
            state_change(S.LISTENING, S.MASTER, E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES),
            "port 1 (eth0): LISTENING to MASTER on ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES",
        ),
        (
            state_change(S.SLAVE, S.UNCALIBRATED, E.RS_SLAVE_NEW_MASTER),
            "port 1 (eth0): SLAVE to UNCALIBRATED on RS_SLAVE",
        ),
        (state_change(S.SLAVE, S.FAULTY, E.FAULT_DETECTED, 2), "port 2: SLAVE to FAULTY on FAULT_DETECTED"),
        (best(GRANDMASTER, PARENT), "selected best master clock 66f8f3.fffe.49fd77"),
        (best(LOCAL, None), "selected local clock 001b19.fffe.000001 as best master"),
        (
            ForeignMasterSeen(port_number=1, port_identity=PARENT, grandmaster_identity=GRANDMASTER),
            "port 1 (eth0): new foreign master 66f8f3.fffe.49fd77-1",
        ),
        (
            sample(offset_ns=-255.4, state=ServoState.UNLOCKED, frequency_ppb=-80.2, mean_delay_ns=2008.0),
            "master offset       -255 s0 freq     +80 path delay      2008",
        ),
        (
            sample(offset_ns=-0.2, state=ServoState.LOCKED, frequency_ppb=1234.5, mean_delay_ns=-0.4),
            "master offset          0 s2 freq   -1234 path delay         0",
        ),
        (
            sample(offset_ns=-37_000_000_123.0, state=ServoState.JUMP, frequency_ppb=123_456_789.0),
            "master offset -37000000123 s1 freq -123456789 path delay         2",
        ),
    ],
)
def test_linuxptp_lines_are_those_of_ptp4l(event: Event, line: str) -> None:
    assert linuxptp(event) == [f"ptp4l[123.456]: {line}"]


def test_two_clocks_compared_are_a_line_of_phc2sys() -> None:
    compared = sample(
        clock="CLOCK_REALTIME",
        port_number=0,
        offset_ns=-12.6,
        mean_delay_ns=251.0,
        frequency_ppb=-15_000.4,
        log_sync_interval=-3,
    )
    assert linuxptp(compared, summary_interval=4) == [
        "phc2sys[123.456]: CLOCK_REALTIME phc offset       -13 s2 freq  +15000 delay    502"
    ]


@pytest.mark.parametrize(
    "event",
    [
        ForeignMasterQualified(port_number=1, port_identity=PARENT),
        AnnounceReceiptTimeout(port_number=1, port_identity=PARENT, timeout_s=6.0),
    ],
)
def test_what_ptp4l_has_no_line_for_is_left_out(event: Event) -> None:
    assert linuxptp(event) == []


def test_the_grandmaster_role_is_assumed_once_after_both_its_conditions_hold() -> None:
    to_master = state_change(S.LISTENING, S.MASTER, E.ANNOUNCE_RECEIPT_TIMEOUT_EXPIRES)
    local = best(LOCAL, None)
    assumed = "ptp4l[123.456]: port 1 (eth0): assuming the grand master role"
    assert linuxptp(to_master, local)[-1:] == [assumed]
    assert linuxptp(local, to_master)[-1:] == [assumed]
    assert linuxptp(to_master, local, local).count(assumed) == 1
    assert assumed not in linuxptp(best(GRANDMASTER, PARENT), to_master)


def test_samples_that_come_faster_than_the_summary_interval_become_one_rms_line() -> None:
    samples = [
        sample(offset_ns=offset, frequency_ppb=frequency, mean_delay_ns=1000.0, log_sync_interval=-1)
        for offset, frequency in [(3.0, -100.0), (-4.0, -104.0), (0.0, 10.0)]
    ]
    assert linuxptp(*samples) == ["ptp4l[123.456]: rms    4 max    4 freq   +102 +/-   2 delay  1000 +/-   0"]


def test_a_longer_summary_interval_covers_more_samples() -> None:
    assert len(linuxptp(*[sample()] * 8, summary_interval=2)) == 2
    assert len(linuxptp(*[sample(log_sync_interval=-3)] * 8, summary_interval=-3)) == 8


def test_a_message_tag_stands_in_brackets_and_several_instances_have_their_names_as_tags() -> None:
    event = best(GRANDMASTER, PARENT)
    assert linuxptp(event, message_tag="ptp4l.0.config") == [
        "ptp4l[123.456]: [ptp4l.0.config] selected best master clock 66f8f3.fffe.49fd77"
    ]
    lines = LinuxptpFormat({("a", 1): "eth0", ("b", 1): "eth1"})
    assert list(lines(record(event, instance="b"))) == [
        "ptp4l[123.456]: [b] selected best master clock 66f8f3.fffe.49fd77"
    ]


def test_text_says_the_time_of_day_the_instance_and_the_sentence() -> None:
    change = state_change(S.UNCALIBRATED, S.SLAVE, E.MASTER_CLOCK_SELECTED)
    assert list(TextFormat()(record(change, at_ms=0))) == [
        "08:09:11.000 main: port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED: because"
    ]


def test_text_marks_warnings_and_leaves_details_out() -> None:
    timeout = AnnounceReceiptTimeout(port_number=1, port_identity=PARENT, timeout_s=6.0)
    detail = MessageDiscarded(port_number=1, message="SYNC", port_identity=PARENT, reason="not the parent")
    assert list(TextFormat()(record(timeout, at_ms=0, instance=""))) == [
        "08:09:11.000 warning: port 1: no Announce from 66f8f3.fffe.49fd77-1 within 6 s"
    ]
    assert list(TextFormat()(record(detail))) == []
    assert len(list(make_format("text", "debug", {})(record(detail)))) == 1
    assert list(make_format("text", "error", {})(record(timeout))) == []


def test_text_sums_samples_up_once_a_second() -> None:
    text = TextFormat()
    lines = [
        line
        for at_ms, offset_ns in [(0, 3.0), (500, -4.0), (1000, 12.0), (1500, 0.0), (2000, 30_000.0)]
        for line in text(record(sample(offset_ns=offset_ns, frequency_ppb=-12.34, mean_delay_ns=2500.0), at_ms=at_ms))
    ]
    assert lines == [
        "08:09:12.000 main: offset rms 8 ns max 12 ns, frequency -12.3 ppb, delay 2500 ns",
        "08:09:13.000 main: offset rms 21.2 µs max 30.0 µs, frequency -12.3 ppb, delay 2500 ns",
    ]


def test_text_says_when_the_clock_is_not_steered_by_these_samples() -> None:
    text = TextFormat()
    lines = [line for at_ms in (0, 1000) for line in text(record(sample(steering=False), at_ms=at_ms))]
    assert lines == ["08:09:12.000 main: offset rms 1 ns max 1 ns, frequency +3.0 ppb, delay 2 ns (not steering)"]


def test_text_begins_a_new_second_after_a_gap() -> None:
    text = TextFormat()
    lines = [len(list(text(record(sample(), at_ms=at_ms)))) for at_ms in (0, 10_000, 10_500, 11_000)]
    assert lines == [0, 1, 0, 1]


def test_json_is_one_object_a_line_with_every_field() -> None:
    (line,) = JsonFormat()(record(state_change(S.UNCALIBRATED, S.SLAVE, E.MASTER_CLOCK_SELECTED)))
    assert "\n" not in line
    assert json.loads(line) == {
        "sequence": 1,
        "utc": "2026-11-23T08:11:14.456000000Z",
        "monotonic_ns": 123_456_000_000,
        "severity": "NOTICE",
        "instance": "main",
        "event": "PortStateChanged",
        "port_number": 1,
        "old_state": "UNCALIBRATED",
        "new_state": "SLAVE",
        "cause": "MASTER_CLOCK_SELECTED",
        "reason": "because",
        "text": "port 1: UNCALIBRATED to SLAVE on MASTER_CLOCK_SELECTED: because",
    }


def test_json_has_every_sample_but_details_only_when_asked() -> None:
    detail = MessageDiscarded(port_number=1, message="SYNC", port_identity=PARENT, reason="not the parent")
    info = make_format("json", "info", {})
    assert len(list(info(record(sample())))) == 1
    assert list(info(record(detail))) == []
    assert len(list(make_format("json", "debug", {})(record(detail)))) == 1
