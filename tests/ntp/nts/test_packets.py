"""NTP packets under NTS: a client's and a server's side with each other, and with those who interfere."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.client.packet_tests import Rejected
from ntp.nts.aead import Algorithm
from ntp.nts.fields import Authenticator, Cookie, CookiePlaceholder, UniqueIdentifier, seal, split
from ntp.nts.server_side import ServerSide, UnverifiedRequest, VerifiedRequest
from ntp.wire.extension_field import UnknownField, encode_fields
from ntp.wire.packet import Packet, decode, encode
from ptpstack.errors import WireError
from tests.ntp.wire.test_agreement import dissect, values_of

from .pair import Pair, new_jar, reply_header


def fields_of(octets: bytes, kind: type) -> list[object]:
    return [field for field in decode(octets).extension_fields if isinstance(field, kind)]


@pytest.mark.parametrize(("algorithm", "octets"), [(15, 224), (17, 288), (30, 188)])
def test_request_and_reply_are_equally_long_and_prove_themselves(algorithm: int, octets: int) -> None:
    pair = Pair(Algorithm(algorithm))
    request = pair.request()
    reply = pair.reply(request)
    assert len(request) == len(reply) == octets
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.cookies == 8


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_thousand_exchanges_spend_no_cookie_twice_and_repeat_nothing_that_could_be_linked(
    algorithm: Algorithm,
) -> None:
    pair = Pair(algorithm)
    for _ in range(1000):
        pair.exchange()
    parts = [split(octets) for octets in pair.sent]
    for what in ("cookie", "unique_identifier"):
        assert len({getattr(part, what) for part in parts}) == 1000
    assert len({part.authenticator.nonce for part in parts if part}) == 1000
    assert pair.client.cookies == 8


def test_lost_replies_are_made_up_for_by_placeholders() -> None:
    pair = Pair()
    for lost in range(5):
        assert pair.client.cookies == 8 - lost
        assert len(fields_of(pair.request(), CookiePlaceholder)) == lost
    pair.exchange()
    assert pair.client.cookies == 8


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize("cookies", range(1, 9))
def test_no_reply_is_longer_than_its_request_and_no_request_than_1024_octets(
    algorithm: Algorithm, cookies: int
) -> None:
    pair = Pair(algorithm, cookies)
    request = pair.request()
    reply = pair.reply(request)
    assert len(reply) <= len(request) <= 1024
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.cookies >= cookies


def test_without_cookies_nothing_is_sent_and_keys_are_wanted() -> None:
    pair = Pair(cookies=2)
    pair.request(), pair.request()
    assert pair.client.lacks
    assert pair.client.protect(Packet()) is None
    due = pair.client.next_exchange()
    assert due is not None
    assert due < 60 << 46


# ---- replies that prove nothing


@given(st.data())
def test_a_reply_of_which_any_bit_was_changed_is_not_believed(data: st.DataObject) -> None:
    pair = Pair(cookies=1)
    reply = bytearray(pair.reply(pair.request()))
    reply[data.draw(st.integers(0, len(reply) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        packet = decode(bytes(reply))
    except WireError:
        return
    assert pair.client.check(packet, bytes(reply)) is not None
    assert pair.client.cookies == 0


def test_a_reply_to_an_earlier_request_is_not_believed_nor_one_that_comes_twice() -> None:
    pair = Pair()
    late = pair.reply(pair.request())
    reply = pair.reply(pair.request())
    assert pair.client.check(decode(late), late) is Rejected.NOT_OURS
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.check(decode(reply), reply) is Rejected.NOT_OURS


def test_a_plain_reply_is_not_believed() -> None:
    pair = Pair()
    reply = reply_header(pair.request())
    assert pair.client.check(decode(reply), reply) is Rejected.NOT_AUTHENTICATED


def test_our_own_request_sent_back_is_not_believed() -> None:
    pair = Pair()
    request = pair.request()
    assert pair.client.check(decode(request), request) is Rejected.WRONG_DIGEST


def test_what_was_added_behind_the_proof_is_not_taken() -> None:
    pair = Pair(cookies=1)
    reply = pair.reply(pair.request()) + encode_fields([Cookie(bytes(100))])
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client._session is not None
    assert bytes(100) not in pair.client._session.cookies


def test_a_server_that_gives_more_than_was_asked_for_fills_eight_places() -> None:
    pair = Pair()
    request = pair.request()
    parts = split(request)
    assert parts is not None
    keys = pair.jar.open(parts.cookie)
    many = [Cookie(pair.jar.seal(keys)) for _ in range(30)]
    covered = reply_header(request) + encode_fields([UniqueIdentifier(parts.unique_identifier)])
    reply = seal(covered, many, pair.server._aead(keys.algorithm, keys.s2c), os.urandom(16))
    assert pair.client.check(decode(reply), reply) is None
    assert pair.client.cookies == 8


# ---- requests that prove nothing


@given(st.data())
def test_a_request_of_which_any_bit_was_changed_is_not_answered_as_proven(data: st.DataObject) -> None:
    pair = Pair(cookies=1)
    request = bytearray(pair.request())
    request[data.draw(st.integers(0, len(request) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = pair.server.verify(bytes(request))
    except WireError:
        return
    assert not isinstance(found, VerifiedRequest)


def test_a_plain_request_is_none_of_ntss_business() -> None:
    assert Pair().server.verify(encode(Packet())) is None


def test_a_server_that_lost_its_keys_says_nak_and_the_client_waits_for_proof_before_it_asks_for_new_ones() -> None:
    pair = Pair()
    pair.exchange()
    stranger = ServerSide(new_jar(), os.urandom)
    request = pair.request()
    found = stranger.verify(request)
    assert isinstance(found, UnverifiedRequest)
    nak = stranger.nak(found, reply_header(request, stratum=0, reference_id=b"NTSN"))
    assert len(nak) <= len(request)
    assert pair.client.check(decode(nak), nak) is Rejected.NTS_NAK
    reply = pair.reply(request)  # the true server's, which was slower than whoever sent the NAK
    assert pair.client.check(decode(reply), reply) is None
    pair.exchange()


def test_a_nak_without_proof_behind_it_ends_the_cookies_at_the_next_request() -> None:
    pair = Pair()
    request = pair.request()
    identifier = encode_fields(fields_of(request, UniqueIdentifier))  # type: ignore[arg-type]
    nak = reply_header(request, stratum=0, reference_id=b"NTSN") + identifier
    assert pair.client.check(decode(nak), nak) is Rejected.NTS_NAK
    assert pair.client.protect(Packet()) is None
    assert pair.client.next_exchange() is not None


@pytest.mark.parametrize("identifier", [b"", bytes(32)])
def test_a_nak_from_who_has_not_seen_the_request_changes_nothing(identifier: bytes) -> None:
    pair = Pair()
    fields = encode_fields([UniqueIdentifier(identifier)]) if identifier else b""
    nak = reply_header(pair.request(), stratum=0, reference_id=b"NTSN") + fields
    assert pair.client.check(decode(nak), nak) is Rejected.NOT_AUTHENTICATED
    pair.exchange()


def test_other_kisses_of_death_are_believed_only_with_proof() -> None:
    pair = Pair()
    request = pair.request()
    kiss = reply_header(request, stratum=0, reference_id=b"DENY")
    assert pair.client.check(decode(kiss), kiss) is Rejected.NOT_AUTHENTICATED
    verified = pair.server.verify(request)
    assert isinstance(verified, VerifiedRequest)
    proven = pair.server.reply(verified, kiss)
    assert pair.client.check(decode(proven), proven) is None


def test_hundreds_of_placeholders_get_eight_cookies_and_those_of_another_length_none() -> None:
    pair = Pair()
    parts = split(pair.request())
    assert parts is not None
    keys = pair.jar.open(parts.cookie)
    aead = pair.server._aead(keys.algorithm, keys.c2s)
    for placeholders, cookies in ((300, 8), (2, 3)):
        greedy = [*parts.fields, *[CookiePlaceholder(bytes(96))] * placeholders, *[CookiePlaceholder(bytes(100))] * 9]
        request = seal(bytes([0x23]) + bytes(47) + encode_fields(greedy), [], aead, os.urandom(16))
        verified = pair.server.verify(request)
        assert isinstance(verified, VerifiedRequest)
        assert verified.cookies_wanted == cookies
        assert len(pair.server.reply(verified, reply_header(request))) <= len(request)


def test_other_fields_of_a_request_come_through_with_proof() -> None:
    pair = Pair()
    octets = pair.client.protect(Packet(extension_fields=(UnknownField(0x4321, b"\7" * 12),)))
    assert octets is not None
    verified = pair.server.verify(octets)
    assert isinstance(verified, VerifiedRequest)
    assert verified.fields == (UnknownField(0x4321, b"\7" * 12),)
    reply = pair.server.reply(verified, reply_header(octets), verified.fields)
    assert pair.client.check(decode(reply), reply) is None
    assert fields_of(reply, UnknownField) == [UnknownField(0x4321, b"\7" * 12)]
    assert isinstance(decode(reply).extension_fields[-1], Authenticator)


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_finds_the_fields_of_request_and_reply_and_nothing_malformed(tmp_path: Path) -> None:
    pair = Pair(cookies=7)
    request = pair.request()
    packets = [decode(request), decode(pair.reply(request))]
    types = [["0x0104", "0x0204", "0x0304", "0x0404"], ["0x0104", "0x0404"]]
    for layers, expected in zip(dissect(packets, tmp_path / "nts.pcap"), types, strict=True):
        assert "_ws.malformed" not in layers
        assert values_of(layers["ntp"], "ntp.ext.type") == expected
