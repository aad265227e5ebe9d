"""Who asks how often: one request and a batch of them are counted and limited alike."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.server.clients import ENTRY_OCTETS, IDLE_NS, Clients, RateLimit, client_name, key_of, keys_of

SECOND = 10**9
LIMIT = RateLimit(interval_ns=2 * SECOND, burst=3)
KEYS = st.lists(st.integers(1, 12), min_size=1, max_size=40)


@given(st.lists(st.tuples(KEYS, st.integers(0, 40 * SECOND)), min_size=1, max_size=8), st.sampled_from([LIMIT, None]))
def test_a_batch_is_counted_and_limited_as_its_requests_are(
    batches: list[tuple[list[int], int]], limit: RateLimit | None
) -> None:
    """Three bits of table for twelve clients, so that they fight for places."""
    one, many, now_ns = Clients(3, limit), Clients(3, limit), 100 * SECOND
    for keys, passed_ns in batches:
        now_ns += passed_ns
        expected = [one.take(key, now_ns) for key in keys]
        mask = many.take_all(np.array(keys, np.uint64), now_ns)
        assert ([True] * len(keys) if mask is None else mask.tolist()) == expected
        assert one.busiest(8) == many.busiest(8)


def test_a_burst_is_answered_then_one_each_interval() -> None:
    clients = Clients(4, LIMIT)
    assert [clients.take(7, 0) for _ in range(5)] == [True, True, True, False, False]
    assert not clients.take(7, 2 * SECOND - 1)
    assert clients.take(7, 2 * SECOND)
    assert [clients.take(7, 100 * SECOND) for _ in range(4)] == [True, True, True, False]
    assert clients.busiest(1) == [{"client": client_name(7), "requests": 11, "limited": 4}]


def test_a_place_is_given_away_only_after_a_silence() -> None:
    clients = Clients(0, None)
    clients.take(1, 0)
    clients.take(2, IDLE_NS - 1)
    assert [entry["requests"] for entry in clients.busiest(5)] == [1]
    clients.take(2, IDLE_NS)
    assert clients.busiest(5)[0]["client"] == client_name(2)


def test_no_flood_of_addresses_takes_more_memory() -> None:
    memory = memoryview(bytearray(ENTRY_OCTETS << 6))
    clients = Clients(6, LIMIT, memory)
    for batch in range(50):
        clients.take_all(np.arange(batch * 200 + 1, batch * 200 + 201, dtype=np.uint64), batch * SECOND)
    assert len(clients.busiest(1000)) <= 64


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:0:ffff::1", "2001:db8:0:ffff::/64"),
    ],
)
def test_a_client_is_an_ipv4_address_or_the_64_bits_that_one_customer_has(address: str, name: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    octets = socket.inet_pton(family, address)
    name_octets = (bytes(8) + octets if family == socket.AF_INET6 else bytes(4) + octets).ljust(32, b"\0")
    assert client_name(key_of(octets)) == name
    assert keys_of(np.frombuffer(name_octets, np.uint8).reshape(1, 32), family).tolist() == [key_of(octets)]
