"""Where each header field and flag sits, for every message type alike (IEEE 1588-2019 13.3)."""

from __future__ import annotations

import pytest

from ptpstack.wire.message import Flag, Message, decode, encode
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    Management,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.types import ClockIdentity, PortIdentity

MESSAGE_CLASSES = [
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    Management,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
]
every_message = pytest.mark.parametrize("message_class", MESSAGE_CLASSES)

# field, value, first octet, octets there (None: only these bits of the one octet)
FIELDS = [
    ("major_sdo_id", 0xA, 0, "a?"),
    ("minor_version_ptp", 0xF, 1, "f2"),
    ("domain_number", 0xAB, 4, "ab"),
    ("minor_sdo_id", 0xCD, 5, "cd"),
    ("flag_field", 0xFEDC, 6, "fedc"),
    ("correction_field", -2, 8, "fffffffffffffffe"),
    ("correction_field", (1 << 63) - 1, 8, "7fffffffffffffff"),
    ("message_type_specific", 0x89ABCDEF, 16, "89abcdef"),
    ("source_port_identity", PortIdentity(ClockIdentity(b"abcdefgh"), 0x1234), 20, "61626364656667681234"),
    ("sequence_id", 0xFEED, 30, "feed"),
    ("control_field", 0xE7, 32, "e7"),
    ("log_message_interval", -128, 33, "80"),
    ("log_message_interval", 127, 33, "7f"),
]


@every_message
@pytest.mark.parametrize(("field", "value", "octet", "expected"), FIELDS)
def test_a_header_field_has_its_place(
    message_class: type[Message], field: str, value: object, octet: int, expected: str
) -> None:
    message = message_class(**{field: value})
    octets = encode(message)
    there = octets[octet : octet + len(expected) // 2].hex()
    assert all(want in ("?", got) for got, want in zip(there, expected, strict=True))
    assert getattr(decode(octets), field) == value


def test_every_header_field_is_in_the_table() -> None:
    fields = set(Message.__struct_fields__)
    assert fields - {name for name, *_ in FIELDS} == {"version_ptp", "tlvs"}  # both have tests of their own


# attribute, octet of flagField, bit (IEEE 1588-2019 Table 37)
FLAGS = [
    ("alternate_master_flag", Flag.ALTERNATE_MASTER, 0, 0),
    ("two_step_flag", Flag.TWO_STEP, 0, 1),
    ("unicast_flag", Flag.UNICAST, 0, 2),
    ("profile_specific_1", Flag.PROFILE_SPECIFIC_1, 0, 5),
    ("profile_specific_2", Flag.PROFILE_SPECIFIC_2, 0, 6),
    ("leap61", Flag.LEAP61, 1, 0),
    ("leap59", Flag.LEAP59, 1, 1),
    ("current_utc_offset_valid", Flag.CURRENT_UTC_OFFSET_VALID, 1, 2),
    ("ptp_timescale", Flag.PTP_TIMESCALE, 1, 3),
    ("time_traceable", Flag.TIME_TRACEABLE, 1, 4),
    ("frequency_traceable", Flag.FREQUENCY_TRACEABLE, 1, 5),
    ("synchronization_uncertain", Flag.SYNCHRONIZATION_UNCERTAIN, 1, 6),
]


@pytest.mark.parametrize(("name", "mask", "octet", "bit"), FLAGS)
def test_a_flag_is_one_bit_and_no_other_flag_reads_it(name: str, mask: int, octet: int, bit: int) -> None:
    octets = encode(Sync(flag_field=mask))
    flag_field = [0, 0]
    flag_field[octet] = 1 << bit
    assert octets[6:8] == bytes(flag_field)
    assert [other for other, *_ in FLAGS if getattr(decode(octets), other)] == [name]


def test_flags_are_read_from_flag_field_alone() -> None:
    sync = Sync()
    with pytest.raises(AttributeError, match="flag_field"):
        sync.two_step_flag = True
    sync.flag_field |= Flag.TWO_STEP
    assert sync.two_step_flag is True


CONTROL_FIELDS = {Sync: 0, DelayReq: 1, FollowUp: 2, DelayResp: 3, Management: 4}


@every_message
def test_control_field_defaults_to_the_number_of_version_1(message_class: type[Message]) -> None:
    assert message_class().control_field == CONTROL_FIELDS.get(message_class, 5)


@every_message
def test_messages_that_announce_no_rate_say_0x7f(message_class: type[Message]) -> None:
    with_a_rate = (Sync, FollowUp, DelayResp, Announce)
    assert message_class().log_message_interval == (0 if message_class in with_a_rate else 0x7F)


@every_message
@pytest.mark.parametrize("minor", range(16))
def test_every_minor_version_of_2_is_accepted(message_class: type[Message], minor: int) -> None:
    message = decode(encode(message_class(minor_version_ptp=minor)))
    assert (message.version_ptp, message.minor_version_ptp) == (2, minor)


def test_sdo_id_is_12_bits_of_two_fields() -> None:
    assert Sync(major_sdo_id=0x1, minor_sdo_id=0x23).sdo_id == 0x123


UNFIT = [
    ("major_sdo_id", 16),
    ("major_sdo_id", -1),
    ("minor_version_ptp", 16),
    ("version_ptp", 1),
    ("domain_number", 256),
    ("flag_field", 0x1_0000),
    ("correction_field", 1 << 63),
    ("message_type_specific", -1),
    ("source_port_identity", PortIdentity(ClockIdentity(), 0x1_0000)),
    ("sequence_id", 0x1_0000),
    ("log_message_interval", 128),
    ("origin_timestamp", 1),
    ("origin_timestamp", -(1 << 16)),
    ("origin_timestamp", (1 << 48) * 1_000_000_000 << 16),
]


@pytest.mark.parametrize(("field", "value"), UNFIT)
def test_a_value_that_does_not_fit_cannot_be_encoded(field: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"fit|fraction|version"):
        encode(Sync(**{field: value}))


def test_a_body_value_that_does_not_fit_cannot_be_encoded() -> None:
    for message in (
        Announce(steps_removed=0x1_0000),
        Announce(current_utc_offset=0x8000),
        Management(action_field=16),
        Management(reserved_bits=16),
        PdelayReq(reserved=bytes(9)),
    ):
        with pytest.raises(ValueError):
            encode(message)
