"""Times as integers: one and many alike, and as the wire package has them."""

from __future__ import annotations

import socket
from ipaddress import ip_address, ip_network

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.server.access import Access
from ntp.server.fixed_point import interval, timestamp, timestamps
from ntp.server.smear import DAY_NS, HALF_NS, LeapSmear
from ntp.server.time_state import Line
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import NANOSECOND, UtcTime

INSTANTS_NS = st.integers(0, 2**33 * 10**9)
ERA_ENDS_NS = 2_085_978_496 * 10**9
"""2036-02-07T06:28:16Z, when NTP's era 0 ends."""


@given(st.lists(INSTANTS_NS, min_size=1, max_size=20))
def test_many_instants_become_what_each_becomes(instants: list[int]) -> None:
    seconds, ns = np.divmod(np.array(instants, np.uint64), np.uint64(10**9))
    out = np.zeros(len(instants), np.uint64)
    timestamps(seconds, ns, out)
    assert [int.from_bytes(word.tobytes(), "big") for word in out] == [timestamp(instant) for instant in instants]


@given(INSTANTS_NS)
def test_a_timestamp_is_within_a_nanosecond_of_the_wire_packages(instant: int) -> None:
    difference = timestamp(instant) - ntp_from_utc(UtcTime(instant * NANOSECOND))
    assert abs((difference + 2**63) % 2**64 - 2**63) <= 5  # in 0.23 ns


def test_the_era_ends_without_a_word() -> None:
    assert timestamp(ERA_ENDS_NS - 1) >> 32 == 0xFFFF_FFFF
    assert timestamp(ERA_ENDS_NS) == 0


@pytest.mark.parametrize(("ns", "short"), [(0, 0), (1, 1), (15_258, 1), (15_259, 2), (1e9, 1 << 16), (1e18, 2**32 - 1)])
def test_a_short_interval_is_never_less_than_what_it_stands_for(ns: float, short: int) -> None:
    assert interval(ns) == short


@given(st.integers(0, 10**18), st.integers(0, 10**18), st.floats(-1e-3, 1e-3), st.integers(-(10**10), 10**10))
def test_a_line_passes_through_its_point_at_its_rate(from_ns: int, to_ns: int, rate: float, after_ns: int) -> None:
    line = Line(from_ns, to_ns, rate)
    assert line.at(from_ns) == to_ns
    assert line.at(from_ns + after_ns) - to_ns - after_ns == pytest.approx(after_ns * rate, abs=1)


# ---- access

V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 32)).map(lambda rule: f"{ip_address(rule[0])}/{rule[1]}")
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 128)).map(
    lambda rule: f"{socket.inet_ntop(socket.AF_INET6, rule[0].to_bytes(16, 'big'))}/{rule[1]}"
)


def longest_match(address: bytes, allow: list[str], deny: list[str]) -> bool:
    fitting = [
        (network.prefixlen, denied)
        for texts, denied in ((allow, False), (deny, True))
        for network in (ip_network(text, strict=False) for text in texts)
        if ip_address(address) in network
    ]
    return not max(fitting)[1] if fitting else not allow


@given(st.lists(V4, max_size=6), st.lists(V4, max_size=6), st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=8))
def test_the_longest_prefix_decides_for_one_and_for_many(allow: list[str], deny: list[str], asked: list[int]) -> None:
    access = Access(socket.AF_INET, allow, deny)
    near = [int(ip_network(text, strict=False).broadcast_address) for text in allow + deny]
    addresses = [number.to_bytes(4, "big") for number in asked + near + [(number + 1) % 2**32 for number in near]]
    expected = [longest_match(address, allow, deny) for address in addresses]
    assert [access.allows(address) for address in addresses] == expected
    assert access.allow(np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 4)).tolist() == expected
    assert not access.is_open or all(expected)


@given(st.lists(V6, max_size=4), st.lists(V6, max_size=4), st.lists(st.integers(0, 2**128 - 1), min_size=1, max_size=8))
def test_so_it_does_for_ipv6(allow: list[str], deny: list[str], asked: list[int]) -> None:
    access = Access(socket.AF_INET6, allow, deny)
    near = [int(ip_network(text, strict=False).network_address) for text in allow + deny]
    addresses = [number.to_bytes(16, "big") for number in asked + near + [(number - 1) % 2**128 for number in near]]
    expected = [longest_match(address, allow, deny) for address in addresses]
    assert [access.allows(address) for address in addresses] == expected
    assert access.allow(np.frombuffer(b"".join(addresses), np.uint8).reshape(-1, 16)).tolist() == expected


def test_a_rule_of_one_family_says_nothing_of_the_other_but_that_only_some_may_ask() -> None:
    assert not Access(socket.AF_INET6, ["10.0.0.0/8"], []).allows(bytes(16))
    assert Access(socket.AF_INET6, [], ["10.0.0.0/8"]).is_open


# ---- smear

MIDNIGHT_NS = 20_000 * DAY_NS


@pytest.mark.parametrize("leap_s", [1, -1])
@pytest.mark.parametrize("every_s", [10, 0.4])
def test_over_a_leap_second_served_time_never_jumps_and_never_runs_backwards(leap_s: int, every_s: float) -> None:
    """True time runs on; the kernel sets UTC back when the day would end, or ahead a second before it does."""
    smear, before, true_ns = LeapSmear(), None, MIDNIGHT_NS - 14 * 3600 * 10**9
    while true_ns < MIDNIGHT_NS + 14 * 3600 * 10**9:
        leapt = true_ns >= MIDNIGHT_NS + min(leap_s, 0) * 10**9
        told = true_ns < MIDNIGHT_NS + max(leap_s, 0) * 10**9
        utc_ns = true_ns - leap_s * 10**9 if leapt else true_ns
        found = smear.at(utc_ns, leap_s if told else 0, true_ns - MIDNIGHT_NS)
        served_ns = utc_ns + found.offset_ns
        if before is not None:
            assert served_ns - before == pytest.approx(every_s * 10**9, rel=2e-5)
        before = served_ns
        if abs(true_ns - MIDNIGHT_NS) > 12.1 * 3600e9:
            assert found.offset_ns == 0
        near = abs(true_ns - MIDNIGHT_NS) < 3e9
        true_ns += round((every_s if near or every_s > 1 else 30) * 10**9)
        before = before if near or every_s > 1 else None
    assert served_ns == utc_ns


def test_half_way_the_smear_is_half_a_second() -> None:
    smear = LeapSmear()
    smear.at(MIDNIGHT_NS - HALF_NS, 1, 0)
    assert smear.at(MIDNIGHT_NS - 1, 1, HALF_NS - 1).offset_ns == pytest.approx(-0.5e9, rel=1e-4)


def test_a_leap_second_that_was_announced_and_did_not_happen_is_forgotten() -> None:
    smear = LeapSmear()
    assert smear.at(MIDNIGHT_NS - 10**9, 1, 0).offset_ns < 0
    assert smear.at(MIDNIGHT_NS + 2 * 10**9, 0, 3 * 10**9).offset_ns == 0
