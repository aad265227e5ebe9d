"""NTS-KE records: octets to records and back, and everything that is no message."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.records import MessageReader, Record, decode, encode
from ptpstack.errors import WireError

from .vectors import MESSAGES, RECORDS, RecordVector, octets

any_record = st.builds(Record, st.integers(1, 0x7FFF), st.binary(max_size=64), st.booleans())


@pytest.mark.parametrize("vector", RECORDS, ids=lambda vector: vector.name)
def test_records_are_read_and_written_octet_for_octet(vector: RecordVector) -> None:
    assert decode(vector.octets) == vector.records
    assert encode(vector.records) == vector.octets


@given(st.lists(any_record, max_size=6).map(tuple))
def test_what_is_written_is_read_again(records: tuple[Record, ...]) -> None:
    assert decode(encode(records)) == records


@given(st.binary(max_size=80) | st.sampled_from(MESSAGES).map(lambda vector: vector.octets))
def test_octets_are_refused_or_read_without_loss(found: bytes) -> None:
    try:
        records = decode(found)
    except WireError:
        return
    assert encode(records) == found


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (b"", "has not ended"),
        (octets("8000"), "has not ended"),
        (octets("8001 0002 0000"), "has not ended"),
        (octets("8001 ffff 0000", "8000 0000"), "has not ended"),
        (octets("0000 0000"), "End of Message is malformed"),
        (octets("8000 0001 00"), "End of Message is malformed"),
        (octets("8000 0000 00"), "1 octet follows"),
    ],
)
def test_what_is_no_message_is_refused_with_a_reason(found: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode(found)


@given(st.lists(any_record, max_size=4).map(tuple), st.data())
def test_a_message_may_come_in_any_pieces(records: tuple[Record, ...], data: st.DataObject) -> None:
    whole = encode(records)
    reader, at, message = MessageReader(), 0, None
    while at < len(whole):
        assert message is None
        size = data.draw(st.integers(1, len(whole) - at))
        message = reader.feed(whole[at : at + size])
        at += size
    assert message == records


def test_a_message_that_does_not_end_is_read_up_to_a_limit_and_no_further() -> None:
    reader = MessageReader(limit=1000)
    eight = octets("4001 0004 00000000")
    assert [reader.feed(eight) for _ in range(1000 // len(eight))] == [None] * 125
    with pytest.raises(WireError, match="longer than 1000 octets"):
        reader.feed(eight)


def test_a_record_of_a_megabyte_is_not_waited_for() -> None:
    reader = MessageReader()
    assert reader.feed(octets("4001 ffff")) is None
    with pytest.raises(WireError, match="longer than"):
        reader.feed(bytes(1 << 20))


@pytest.mark.parametrize("record", [Record(0x8000), Record(-1), Record(1, bytes(65_536))])
def test_what_does_not_fit_is_not_written(record: Record) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        encode([record])
