"""NTP measures a clock: handed on, told, ended."""

from __future__ import annotations

import socket

import pytest

from ntp.client.events import SourceReachable
from ntp.client.sample import StampSource
from ntp.client.settings import AssociationSettings
from ntp.ensemble import SourceJudged
from ntp.transport import Address
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.ntp_source import (
    REPLACE_AFTER,
    SourceReplaced,
    SourceResolved,
)
from ptpstack.time import (
    SECOND,
    MonotonicTime,
    interval_to_ns,
)
from tests.ntp.daemon.bench import Bench, LoopbackServer


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


def test_between_two_requests_no_socket_is_open(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp._settings_of = lambda _source, name: AssociationSettings(
        name=name, min_poll=6, iburst=False, stamps=StampSource.KERNEL
    )
    bench.ntp.start()
    bench.run_until(lambda: bench.clock_driver.taken)
    bench.run_until(lambda: len(bench.ntp._requests) == 0)
    bench.ntp.stop()


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


def test_after_the_end_nothing_is_open(server: LoopbackServer) -> None:
    bench = Bench(server.address)
    bench.ntp.start()
    bench.run_for(0.3)
    bench.ntp.stop()
    requests = len(server.server.requests)
    bench.run_for(0.5)
    assert len(server.server.requests) == requests
    assert len(bench.ntp._requests) == 0
