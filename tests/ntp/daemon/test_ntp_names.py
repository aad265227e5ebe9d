"""Which servers NTP asks for the names that are configured, and when."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from ntp.client.sample import StampSource
from ntp.client.settings import AssociationSettings
from ntp.resolver import Resolver
from ntp.transport import Address
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.ntp_requests import THIS_MACHINE, OwnServer
from ptpstack.daemon.ntp_source import (
    REQUESTS_IN_VAIN,
    NetworkCame,
    NtpSourceState,
    SourceNotResolved,
)
from ptpstack.time import (
    SECOND,
    MonotonicTime,
)
from tests.ntp.daemon.bench import Bench, LoopbackServer


def test_a_name_without_an_address_is_told_and_tried_again() -> None:
    bench = Bench()
    bench.ntp.start()
    bench.run_until(lambda: bench.lookups >= 2)
    state = bench.ntp.as_dict()
    bench.ntp.stop()
    assert state["unresolved"] == {"ntp.example": "its name has no address (no such name)"}
    assert state["offset_ns"] is None
    assert [event.reason for event in bench.events(SourceNotResolved)] == ["no such name"]


@pytest.mark.parametrize("wants", [{"key": 5}, {"nts": True}, {"require": True}], ids=str)
def test_a_source_that_cannot_be_asked_yet_counts_by_what_is_configured(
    wants: dict[str, Any], server: LoopbackServer
) -> None:
    bench = Bench(server.address)
    assert isinstance(bench.ntp.names, Resolver)
    bench.ntp.names._lookup = lambda name, _port, _family: [server.address] if name == "ntp.example" else []
    proven = NtpSourceState(NtpSource(address="proven.example", **wants), 1)
    bench.ntp.add_source(proven)
    bench.ntp.start()
    bench.run_until(lambda: bench.source_dict_or_none() and bench.source_dict()["samples"] >= 4)
    held_back = bench.source_dict()
    assert not held_back["used"]
    assert held_back["reason"] in ("NOT_AUTHENTICATED", "REQUIRED_MISSING")
    assert bench.clock_driver.taken == []
    bench.ntp.remove_source(proven)
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.ntp.stop()


@pytest.mark.parametrize("asked", ["127.0.0.1", "0.0.0.0"])
@pytest.mark.parametrize(("listens", "is_own"), [("0.0.0.0", True), ("127.0.0.1", True), ("127.0.0.9", False)])
def test_this_machine_itself_is_not_asked(asked: str, listens: str, is_own: bool, server: LoopbackServer) -> None:
    port = server.address.sockaddr[1]
    bench = Bench(Address(socket.AF_INET, (asked, port)))
    bench.ntp._requests._own_server = OwnServer(frozenset([listens]), port)
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations and next(iter(bench.ntp.associations.values())).requests >= 3)
    bench.run_until(lambda: is_own or server.server.requests)
    (why,) = (source["why"] for source in bench.ntp.as_dict()["sources"].values())
    bench.ntp.stop()
    assert (THIS_MACHINE in why) is is_own
    assert (not server.server.requests) is is_own


def test_a_server_has_one_vote_by_whatever_names_it_is_asked(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    again = NtpSourceState(NtpSource(address="again.example"), 1)
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations)
    bench.ntp.add_source(again)
    bench.run_until(lambda: again.taken)
    assert list(bench.ntp.associations) == ["ntp.example (127.0.0.1)"]
    assert "asked already, by ntp.example" in bench.ntp.as_dict()["unresolved"]["again.example"]
    bench.ntp.remove_source(bench.source)
    bench.run_until(lambda: bench.ntp.associations)
    only = list(bench.ntp.associations)
    bench.ntp.stop()
    assert only == ["again.example (127.0.0.1)"]


def test_a_source_with_a_proof_takes_its_server_from_one_without(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    proven = NtpSourceState(NtpSource(address="proven.example", key=5), 1)
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations)
    bench.ntp.add_source(proven)
    bench.run_until(lambda: proven.addresses)
    only = list(bench.ntp.associations)
    bench.ntp.stop()
    assert only == ["proven.example (127.0.0.1)"]
    assert bench.source.taken == "proven.example"


def test_when_a_network_comes_a_name_that_had_no_address_is_looked_up_at_once(server: LoopbackServer) -> None:
    bench = Bench()
    bench.ntp.start()
    bench.run_until(lambda: bench.source.ask_at)
    bench.source.ask_at = MonotonicTime(monotonic_now() + 600 * SECOND)
    bench.addresses = [server.address]
    bench.ntp.network_came()
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.ntp.stop()
    assert [event.source for event in bench.events(NetworkCame)] == ["ntp.example"]


def test_when_a_network_comes_servers_out_of_reach_are_asked_at_once_and_others_are_not(server: LoopbackServer) -> None:
    server.silent = True
    bench = Bench(server.address)
    bench.ntp._settings_of = lambda _source, name: AssociationSettings(
        name=name, min_poll=6, iburst=False, stamps=StampSource.KERNEL
    )
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations and server.server.requests)
    server.silent = False
    bench.ntp.network_came()
    bench.run_until(lambda: bench.clock_driver.taken)
    asked = len(server.server.requests)
    (association,) = bench.ntp.associations.values()
    association.stop()
    bench.ntp.network_came()
    bench.run_for(0.2)
    bench.ntp.stop()
    assert len(server.server.requests) == asked
    assert len(bench.events(NetworkCame)) == 1


def test_when_a_network_comes_addresses_that_another_network_gave_are_replaced(server: LoopbackServer) -> None:
    """The name server of a hotel gives its own address for every name until somebody has paid."""
    portal = LoopbackServer("127.0.0.9")
    portal.silent = True
    bench = Bench(portal.address)
    bench.ntp.start()
    bench.run_until(lambda: any(one.requests > REQUESTS_IN_VAIN for one in bench.ntp.associations.values()))
    bench.addresses = [server.address]
    bench.ntp.network_came()
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.ntp.stop()
    portal.close()
    assert bench.lookups == 2


def test_when_a_network_comes_who_sent_us_away_is_left_alone(server: LoopbackServer) -> None:
    server.server.kiss = "DENY"
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: bench.source_dict_or_none() and bench.source_dict()["stopped"])
    bench.ntp.network_came()
    bench.ntp.stop()
    assert bench.events(NetworkCame) == []


def test_when_keys_came_a_server_that_lacked_them_is_asked_at_once(server: LoopbackServer) -> None:
    server.silent = True
    bench = Bench(server.address, nts=True)
    bench.ntp._settings_of = lambda _source, name: AssociationSettings(
        name=name, min_poll=6, iburst=False, stamps=StampSource.KERNEL
    )
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations and server.server.requests)
    server.silent = False
    bench.ntp._look_up(bench.source)
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.ntp.stop()


def test_several_addresses_of_a_name_are_asked(server: LoopbackServer) -> None:
    other = LoopbackServer("127.0.0.2")
    bench = Bench(server.address, other.address, Address(socket.AF_INET, ("127.0.0.3", 9)), count=2)
    bench.ntp.start()
    bench.run_until(lambda: bench.clock_driver.taken)
    assert set(bench.ntp.associations) == {"ntp.example (127.0.0.1)", "ntp.example (127.0.0.2)"}
    bench.ntp.stop()
    other.close()


def test_an_address_that_keeps_silent_is_replaced_by_another_of_its_name(server: LoopbackServer) -> None:
    server.silent = True
    other = LoopbackServer("127.0.0.2")
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: any(a.requests >= 8 for a in bench.ntp.associations.values()))
    bench.addresses = [server.address, other.address]
    bench.source.ask_at = bench.source.ask_at and bench.source.ask_at - bench.source.ask_at  # type: ignore[assignment]
    bench.run_until(lambda: bench.clock_driver.taken)
    assert set(bench.ntp.associations) == {"ntp.example (127.0.0.2)"}
    bench.ntp.stop()
    other.close()


def test_a_name_that_is_resolved_while_the_clock_cannot_be_read_is_asked_later(server: LoopbackServer) -> None:
    bench = Bench()
    bench.ntp.start()
    bench.run_until(lambda: bench.lookups >= 1)
    bench.addresses.append(server.address)
    bench.clock.fails = True
    bench.run_until(lambda: bench.events(ClockFailed) and bench.lookups >= 2)
    assert not bench.ntp.associations
    assert not bench.source.addresses
    bench.clock.fails = False
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.ntp.stop()
