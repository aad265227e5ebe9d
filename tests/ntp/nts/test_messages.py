"""What NTS-KE messages say, and who may say what."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.messages import ErrorCode, MessageError, RefusalError, Request, Response, error_records
from ntp.nts.records import Record, RecordType, decode, encode
from ptpstack.errors import WireError

from .vectors import MESSAGES, MessageVector, octets

END = "8000 0000"
NTPV4 = "8001 0002 0000"
AEAD = "8004 0002 000f"
COOKIE = "0005 0004 aaaaaaaa"
number = st.integers(0, 0xFFFF)
any_response = st.builds(
    Response,
    algorithm=number,
    cookies=st.lists(st.binary(min_size=1, max_size=120), max_size=8).map(tuple),
    server=st.from_regex(r"[!-~]{0,40}", fullmatch=True),
    port=number,
)


@pytest.mark.parametrize("vector", MESSAGES, ids=lambda vector: vector.name)
def test_messages_are_read_and_written_octet_for_octet(vector: MessageVector) -> None:
    assert type(vector.message).from_records(decode(vector.octets)) == vector.message
    assert encode(vector.message.to_records()) == vector.octets


@given(any_response)
def test_any_response_is_read_as_it_was_written(response: Response) -> None:
    assert Response.from_records(response.to_records()) == response


@pytest.mark.parametrize("side", [Request, Response])
def test_what_is_unknown_and_not_critical_is_passed_over(side: type[Request | Response]) -> None:
    plain = side.from_records(decode(octets(NTPV4, AEAD, END)))
    assert side.from_records(decode(octets(NTPV4, "4bcd 0003 010203", AEAD, "0008 0000", END))) == plain


@pytest.mark.parametrize("side", [Request, Response])
def test_what_is_unknown_and_critical_is_an_error(side: type[Request | Response]) -> None:
    with pytest.raises(MessageError) as caught:
        side.from_records(decode(octets(NTPV4, AEAD, "cbcd 0000", END)))
    assert caught.value.code is ErrorCode.UNRECOGNIZED_CRITICAL_RECORD


@pytest.mark.parametrize(
    ("groups", "what"),
    [
        ((AEAD,), "Next Protocol is missing"),
        ((NTPV4,), "AEAD Algorithm is missing"),
        ((NTPV4, NTPV4, AEAD), "record 1 comes twice"),
        ((NTPV4, AEAD, AEAD), "record 4 comes twice"),
        (("8001 0003 000000", AEAD), "has 3 octets"),
        ((NTPV4, AEAD, COOKIE), "record 5 cannot be accepted"),
        ((NTPV4, AEAD, "8002 0002 0000"), "record 2 cannot be accepted"),
        ((NTPV4, AEAD, "8003 0002 0000"), "record 3 cannot be accepted"),
    ],
)
def test_a_request_against_the_rules_is_a_bad_request(groups: tuple[str, ...], what: str) -> None:
    with pytest.raises(MessageError, match=what) as caught:
        Request.from_records(decode(octets(*groups, END)))
    assert caught.value.code is ErrorCode.BAD_REQUEST


@pytest.mark.parametrize(
    ("groups", "what"),
    [
        ((AEAD, COOKIE), "Next Protocol is missing"),
        (("8001 0004 0000 8001", AEAD, COOKIE), "chooses more than one"),
        ((NTPV4, "8004 0004 000f 001e", COOKIE), "chooses more than one"),
        ((NTPV4, AEAD, "0005 0000"), "a cookie is empty"),
        ((NTPV4, AEAD, COOKIE, "8007 0001 7b"), "Port has 1 octet"),
        ((NTPV4, AEAD, COOKIE, "8006 0000"), "is no name"),
        ((NTPV4, AEAD, COOKIE, "8006 0003 6e2074"), "is no name"),
        ((NTPV4, AEAD, COOKIE, "8006 0002 6e00"), "is no name"),
        ((NTPV4, AEAD, COOKIE, "8003 0002 0000"), "record 3 cannot be accepted"),
    ],
)
def test_a_response_against_the_rules_is_refused(groups: tuple[str, ...], what: str) -> None:
    with pytest.raises(WireError, match=what):
        Response.from_records(decode(octets(*groups, END)))


@pytest.mark.parametrize(("code", "name"), [(0, "unrecognized critical record"), (1, "bad request"), (99, "unknown")])
def test_an_error_of_the_server_is_told_by_number_and_name(code: int, name: str) -> None:
    records = (Record(RecordType.ERROR, code.to_bytes(2, "big"), critical=True),)
    with pytest.raises(RefusalError) as caught:
        Response.from_records(records)
    assert caught.value.code == code
    assert str(code) in str(caught.value)
    assert name in str(caught.value)


def test_our_own_errors_are_written_as_rfc_8915_says() -> None:
    assert encode(error_records(ErrorCode.BAD_REQUEST)) == octets("8002 0002 0001", "8001 0000", END)
