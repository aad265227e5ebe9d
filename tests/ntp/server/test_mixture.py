"""Whatever comes together is answered as if each had come alone: few and many, plain and sealed, good and bad."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.keys import Key
from ntp.nts.aead import Algorithm
from ntp.server.counters import Count
from ntp.server.nts import NtsRequests
from ntp.server.special import Special
from ntp.wire.extension_field import UnknownField
from ntp.wire.packet import Mac, Packet, decode, encode, encode_without_mac
from tests.ntp.nts.pair import Pair

from .bench import Bench, request

KEY = Key(5, "AES128", bytes(range(16)))
PAIR = Pair(Algorithm.AES_SIV_CMAC_256)


def with_digest(key_id: int) -> bytes:
    packet = Packet(transmit_timestamp=71)
    packet.mac = Mac(key_id, KEY.digest(encode_without_mac(packet)))
    return encode(packet)


NTS = PAIR.request()
REQUESTS = {
    "plain": request(1),
    "plain, version 3": request(2, first=0x1B),
    "perhaps interleaved": request(3, origin=4, receive=5),
    "digest": with_digest(5),
    "digest by an unknown key": with_digest(6),
    "NTS": NTS,
    "NTS for more cookies": PAIR.crafted(placeholders=3),
    "NTS, forged": NTS[:90] + bytes([NTS[90] ^ 1]) + NTS[91:],
    "NTS, torn": NTS[:-1],
    "unknown field": encode(Packet(transmit_timestamp=6, extension_fields=(UnknownField(0x7FFF, bytes(28)),))),
    "reply": request(7, first=0x24),
    "control": bytes([0x16, 2]) + bytes(10),
    "cut": request(8) + os.urandom(1400),
    "nothing": b"",
}
COUNTED = (Count.ANSWERED, Count.NTS, Count.NTS_NAKS, Count.AUTHENTICATED, Count.MALFORMED, Count.NOT_A_REQUEST)


def bench() -> Bench:
    return Bench(special=Special({KEY.key_id: KEY}, NtsRequests(PAIR.jar, os.urandom)))


@pytest.fixture(scope="module")
def together() -> Iterator[Bench]:
    with bench() as made:
        yield made


@pytest.fixture(scope="module")
def alone() -> Iterator[Bench]:
    with bench() as made:
        yield made


def likeness(reply: bytes) -> tuple[object, ...]:
    """Return what does not depend on time and chance."""
    header = decode(reply[:48])
    return len(reply), reply[:1], header.stratum, header.poll, header.reference_id, header.origin_timestamp


@given(st.lists(st.sampled_from(sorted(REQUESTS)), min_size=1, max_size=40))
def test_a_mixture_is_answered_as_each_one_is(together: Bench, alone: Bench, names: list[str]) -> None:
    requests = [REQUESTS[name] for name in names]
    counts = [{what: served.count(what) for what in COUNTED} for served in (together, alone)]
    for served in (together, alone):
        served.tell()
    at_once = Counter(likeness(reply) for reply in together.ask(*requests))
    one_by_one = Counter(likeness(reply) for octets in requests for reply in alone.ask(octets))
    assert at_once == one_by_one
    added = [
        {what: served.count(what) - before[what] for what in COUNTED}
        for served, before in zip((together, alone), counts, strict=True)
    ]
    assert added[0] == added[1]
    assert all(octets[0] <= max(map(len, requests)) for octets in at_once)  # type: ignore[operator]
