"""The driver on real sockets of the loopback, with servers that are threads, names and a clock that are scripted."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hw.timestamping import Timestamping
from ntp.candidate import Policy
from ntp.client.events import SourceReachable
from ntp.client.sample import StampSource
from ntp.client.settings import AssociationSettings
from ntp.ensemble import Ensemble, SourceJudged
from ntp.jumps import CONFIRMING, ClockFoundElsewhere
from ntp.resolver import Resolver
from ntp.transport import Address, ClientSocket
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.ntp_driver import NtpDriver
from ptpstack.daemon.ntp_memory import NtpMemory, SamplesRestored
from ptpstack.daemon.ntp_requests import THIS_MACHINE, OwnServer
from ptpstack.daemon.ntp_source import (
    REPLACE_AFTER,
    REQUESTS_IN_VAIN,
    NetworkCame,
    NtpSourceState,
    SourceNotResolved,
    SourceReplaced,
    SourceResolved,
)
from ptpstack.daemon.state_store import StateStore
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.time import (
    MILLISECOND,
    NANOSECOND,
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    UtcTime,
    interval_to_ns,
)
from tests.daemon.fakes import Workshop
from tests.ntp.world import Server

TAI_S = 37


def utc_now() -> UtcTime:
    return UtcTime(time.time_ns() * NANOSECOND)


class LoopbackServer:
    """A server in a thread, which is wrong by *offset* and may keep silent."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, offset: TimeInterval = 0) -> None:
        self.server = Server("loopback", offset=offset)
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.address = Address(socket.AF_INET, self._socket.getsockname())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            octets, port = self._socket.recvfrom(2048)
            if not octets:
                return
            now = utc_now() + self.server.offset
            reply = self.server.reply(octets, now, now)
            if reply and not self.silent:
                self._socket.sendto(reply, port)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address.sockaddr)
        self._thread.join(10)
        self._socket.close()


class TrueClock:
    """CLOCK_REALTIME and *ahead* more, on TAI."""

    name = "true"
    stamping = Timestamping.SOFTWARE
    max_frequency_ppb = 1e5

    def __init__(self, ahead: TimeInterval) -> None:
        self.ahead = ahead
        self.fails = False

    def time(self) -> LocalTime:
        if self.fails:
            raise HardwareError("cannot read", where=self.name, why="a test")
        return LocalTime(int(utc_now()) + TAI_S * SECOND + self.ahead)

    def local_time(self, stamp_ns: int) -> LocalTime:
        return LocalTime(stamp_ns * NANOSECOND + TAI_S * SECOND + self.ahead)


class FakeClockDriver:
    """What a clock driver is to NTP."""

    def __init__(self, clock: TrueClock) -> None:
        self.clock = clock
        self.frequency_ppb = 0.0
        self.time_properties: TimeProperties | None = None
        self.taken: list[Measurement] = []
        self.leap_seconds = LeapSeconds(())
        self.kept = KeptState(StateStore(""))
        self.moved: list[TimeInterval] = []
        self.taken_when_moved: list[list[Measurement]] = []
        self.arbiter = ClockArbiter(clock.name, ["ntp"])

    def local_time(self, stamp_ns: int) -> LocalTime:
        return self.clock.local_time(stamp_ns)

    def moved_by_others(self, delta: TimeInterval, why: str) -> None:
        assert "NTP sources" in why
        self.moved.append(delta)
        self.taken_when_moved.append([*self.taken])

    def take(self, user: NtpDriver, measurement: Measurement) -> None:
        assert user.name == "ntp"
        self.taken.append(measurement)


class Bench(Workshop):
    def __init__(self, *addresses: Address, count: int = 1, ahead: TimeInterval = 5 * MILLISECOND, **keys: Any) -> None:
        super().__init__()
        self.addresses = list(addresses)
        self.lookups = 0
        self.clock = TrueClock(ahead)
        self.clock_driver = FakeClockDriver(self.clock)
        self.source = NtpSourceState(NtpSource(address="ntp.example", **keys), count)
        self.ensemble = Ensemble(Policy())
        self.ntp = NtpDriver(
            self.clock_driver,  # type: ignore[arg-type]
            self.ensemble,
            [self.source],
            settings_of=lambda _source, name: AssociationSettings(
                name=name, min_poll=-3, max_poll=-3, iburst=False, stamps=StampSource.KERNEL
            ),
            open_socket=lambda address: ClientSocket(address, Timestamping.SOFTWARE),
            names=Resolver(self._look_up),
            kernel_tai_offset_s=lambda: TAI_S,
            loop=self.loop,
            recorder=self.recorder,
        )

    def _look_up(self, _name: str, _port: int, _family: int) -> list[Address]:
        self.lookups += 1
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses

    def run_until(self, holds: Any, seconds: float = 20) -> None:
        for _ in range(round(seconds * 10)):
            if holds():
                return
            self.run_for(0.1)
        raise AssertionError(self.ntp.as_dict())

    def source_dict_or_none(self) -> dict[str, Any] | None:
        return next(iter(self.ntp.as_dict()["sources"].values()), None)

    def source_dict(self) -> dict[str, Any]:
        (only,) = self.ntp.as_dict()["sources"].values()
        result: dict[str, Any] = only
        return result


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    made = LoopbackServer()
    yield made
    made.close()


def test_a_clock_is_measured_and_the_measurement_handed_on(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 8)
    state = bench.source_dict()
    bench.ntp.stop()
    measurement = bench.clock_driver.taken[-1]
    assert interval_to_ns(measurement.offset_from_master) == pytest.approx(5_000_000, abs=3_000_000)
    assert measurement.t2 - int(measurement.t1) == measurement.offset_from_master
    assert measurement.log_sync_interval == -3
    assert state["used"]
    assert state["stamps"] == "kernel"
    assert state["address"] == "127.0.0.1"
    (resolved,) = bench.events(SourceResolved)
    assert resolved.addresses == ("127.0.0.1",)
    assert bench.events(SourceReachable)
    assert [event.reason for event in bench.events(SourceJudged)] == ["NEVER_ANSWERED", "BEST"]


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


def test_between_two_requests_no_socket_is_open(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp._settings_of = lambda _source, name: AssociationSettings(
        name=name, min_poll=6, iburst=False, stamps=StampSource.KERNEL
    )
    bench.ntp.start()
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.ntp._requests) == 0)
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


def test_a_falseticker_is_replaced_by_another_address_of_its_name(server: LoopbackServer) -> None:
    well, false, other = (LoopbackServer(f"127.0.0.{number}") for number in (2, 3, 4))
    false.server.offset = SECOND
    bench = Bench(server.address, well.address, false.address, other.address, count=3)
    bench.ntp.start()
    bench.run_until(lambda: bench.ensemble.unused_for_long(monotonic_now()), 40)
    bench.source._asked_at = MonotonicTime(monotonic_now() - REPLACE_AFTER)
    bench.run_until(lambda: "ntp.example (127.0.0.4)" in bench.ntp.associations)
    bench.ntp.stop()
    assert set(bench.ntp.associations) == {f"ntp.example (127.0.0.{number})" for number in (1, 2, 4)}
    (replaced,) = bench.events(SourceReplaced)
    assert replaced.source == "ntp.example (127.0.0.3)"
    assert replaced.reason.startswith("not used, a falseticker: it says ")
    for each in (well, false, other):
        each.close()


def test_a_port_where_nothing_listens_is_no_defect() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        nobody = Address(socket.AF_INET, sock.getsockname())
    bench = Bench(nobody)
    bench.ntp.start()
    bench.run_for(1)
    assert bench.source_dict()["why"] == "not used: no answer yet (nothing listens on the server's port)"
    assert bench.source_dict()["requests"] > 3
    bench.ntp.stop()


def test_a_step_of_the_clock_carries_the_samples_over(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 4)
    bench.clock.ahead += SECOND
    bench.ntp.clock_stepped(SECOND, LocalTime(0))
    assert bench.source_dict()["offset_ns"] == pytest.approx(1_005_000_000, abs=3_000_000)
    assert bench.source_dict()["samples"] >= 4
    bench.ntp.stop()


def test_another_timescale_of_the_clock_moves_no_offset(server: LoopbackServer) -> None:
    """A grandmaster whose timescale is its own has the clock show UTC: that is no error of 37 s."""
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 4)
    bench.clock_driver.time_properties = TimeProperties(ptp_timescale=False)
    bench.clock.ahead -= TAI_S * SECOND
    bench.ntp.clock_stepped(-TAI_S * SECOND, LocalTime(0))
    taken = len(bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.clock_driver.taken) >= taken + 2)
    assert bench.source_dict()["offset_ns"] == pytest.approx(5_000_000, abs=3_000_000)
    bench.ntp.stop()


def test_a_leap_second_moves_no_offset(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 4)
    server.server.offset -= SECOND
    bench.clock_driver.time_properties = TimeProperties(current_utc_offset=TAI_S + 1, current_utc_offset_valid=True)
    bench.ntp._follow_clock()
    taken = len(bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.clock_driver.taken) >= taken + 4)
    offsets = [interval_to_ns(measurement.offset_from_master) for measurement in bench.clock_driver.taken[taken:]]
    assert offsets == pytest.approx([5_000_000] * len(offsets), abs=3_000_000)
    bench.ntp.stop()


def test_a_clock_that_is_told_another_speed_is_re_expressed(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 8)
    before = bench.source_dict()["frequency_ppb"]
    bench.clock_driver.frequency_ppb = 50_000_000.0
    bench.ntp._follow_clock()
    assert bench.source_dict()["frequency_ppb"] - before == pytest.approx(50_000_000, rel=0.01)
    bench.ntp.stop()


def test_a_clock_that_cannot_be_read_is_told_and_asked_on(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.clock.fails = True
    bench.run_for(0.5)
    assert bench.events(ClockFailed)
    status = bench.ntp.as_dict()
    assert (status["sources"], status["offset_ns"], status["why"]) == ({}, None, "true: cannot read (a test)")
    bench.clock.fails = False
    taken = len(bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.clock_driver.taken) > taken)
    bench.ntp.stop()


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


def test_after_the_end_nothing_is_open(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_for(0.3)
    bench.ntp.stop()
    requests = len(server.server.requests)
    bench.run_for(0.5)
    assert len(server.server.requests) == requests
    assert len(bench.ntp._requests) == 0


def test_a_machine_that_stood_still_is_told_by_several_servers_and_acquired_anew(server: LoopbackServer) -> None:
    """A paused virtual machine: its clocks stood still, the servers' did not."""
    other = LoopbackServer("127.0.0.2")
    bench = Bench(server.address, other.address, count=2)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 6)
    for one in (server, other):
        one.server.offset += 60 * SECOND
    bench.run_until(lambda: bench.clock_driver.moved)
    (event,) = bench.events(ClockFoundElsewhere)
    taken = len(bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.clock_driver.taken) >= taken + 3)
    bench.ntp.stop()
    other.close()
    assert event.moved_s == pytest.approx(-60, abs=0.1)
    assert interval_to_ns(bench.clock_driver.taken[-1].offset_from_master) == pytest.approx(-59.995e9, abs=3e6)


def test_a_lone_server_that_says_so_several_times_is_believed_and_not_before(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 6)
    server.server.offset += 60 * SECOND
    bench.run_until(lambda: bench.clock_driver.moved)
    (event,) = bench.events(ClockFoundElsewhere)
    followed = bench.clock_driver.taken_when_moved[0]
    taken = len(bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.clock_driver.taken) >= taken + 2)
    bench.ntp.stop()
    assert (event.sources, event.samples) == (1, CONFIRMING)
    assert all(abs(interval_to_ns(measurement.offset_from_master)) < 1e9 for measurement in followed)
    assert interval_to_ns(bench.clock_driver.taken[-1].offset_from_master) == pytest.approx(-59.995e9, abs=3e6)
    assert "DOUBTED" in [judged.reason for judged in bench.events(SourceJudged)]


def test_a_lone_server_tells_nothing_of_a_clock_that_another_keeps(server: LoopbackServer) -> None:
    """It may have jumped itself: PTP, which steers, sees no such thing."""
    bench = Bench(server.address)
    bench.clock_driver.arbiter.writer = "main"
    bench.ntp.start()
    bench.run_until(lambda: len(bench.clock_driver.taken) >= 6)
    server.server.offset += 60 * SECOND
    bench.run_until(lambda: (bench.source_dict()["offset_ns"] or 0) < -50e9)
    bench.ntp.stop()
    assert bench.clock_driver.moved == bench.events(ClockFoundElsewhere) == []


def test_a_restart_begins_with_the_samples_of_before(server: LoopbackServer, tmp_path: Path) -> None:
    first = Bench(server.address)
    first.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    first.ntp.start()
    first.run_until(lambda: first.source_dict_or_none() and first.source_dict()["samples"] >= 8)
    first.ntp.stop()
    again = Bench(server.address)
    again.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    again.ntp.start()
    again.run_until(again.source_dict_or_none)
    known = again.source_dict()
    again.ntp.stop()
    assert known["samples"] >= 8
    assert known["offset_ns"] == pytest.approx(5_000_000, abs=3_000_000)
    (event,) = again.events(SamplesRestored)
    assert event.samples >= 8


@pytest.mark.parametrize(
    "reason", ["another boot", "a clock that was set", "a file of noise", "another source", "no proof"]
)
def test_what_no_longer_holds_is_not_restored(reason: str, server: LoopbackServer, tmp_path: Path) -> None:
    first = Bench(server.address)
    first.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true")
    first.ntp.start()
    first.run_until(lambda: len(first.clock_driver.taken) >= 4)
    first.ntp.stop()
    (kept,) = tmp_path.iterdir()
    if reason == "a file of noise":
        kept.write_text(kept.read_text().replace('"offset', '"').replace("[[", "[[null, "))
    if reason == "another source":
        kept.write_text(kept.read_text().replace("127.0.0.1", "127.0.0.9"))
    if reason == "no proof":
        kept.write_text(kept.read_text().replace('"proof": ""', '"proof": "key 5"'))
        assert "key 5" in kept.read_text()
    boot_id = "another" if reason == "another boot" else None
    again = Bench(server.address, ahead=5 * MILLISECOND + (SECOND if reason == "a clock that was set" else 0))
    again.ntp._memory = NtpMemory(StateStore(str(tmp_path)), "true", boot_id=boot_id)
    again.ntp.start()
    again.run_until(again.source_dict_or_none)
    again.ntp.stop()
    assert again.events(SamplesRestored) == []
