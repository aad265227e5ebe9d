"""One association with a server that it asks by itself: interleaved mode, loss, a path that changes."""

from __future__ import annotations

import pytest

from ntp.client.packet_tests import Rejected
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import MILLISECOND
from tests.ntp.world import Server, SimulatedClock, World, constant, ms


def world(server: Server, **settings: object) -> World:
    return World(SimulatedClock(offset=20 * MILLISECOND), [server], settings={"min_poll": 4, "max_poll": 4, **settings})


def test_interleaved_replies_tell_when_the_ones_before_them_left() -> None:
    late = 300 * MILLISECOND // 1000  # T3 is taken 300 us before the reply leaves
    results = {}
    for interleaved in (False, True):
        simulated = world(Server("s", interleaved=True, stamp_delay=late), interleaved=interleaved)
        simulated.start()
        simulated.run(600)
        taken = simulated.samples("s")
        results[interleaved] = ms(taken[-1].offset) - 20
        assert taken[-1].interleaved is interleaved
        assert len(taken) > 30
    assert results[False] == pytest.approx(0.15, abs=1e-3)  # half of what the stamp misses
    assert results[True] == pytest.approx(0, abs=1e-3)


def test_interleaved_mode_works_with_a_server_that_has_only_the_basic_one() -> None:
    simulated = world(Server("s", interleaved=False), interleaved=True)
    simulated.start()
    simulated.run(600)
    assert len(simulated.samples("s")) > 30
    assert not any(sample.interleaved for sample in simulated.samples("s"))


def test_interleaved_mode_survives_loss() -> None:
    simulated = world(Server("s", interleaved=True, loss=0.2, stamp_delay=MILLISECOND), interleaved=True)
    simulated.start()
    simulated.run(6000)
    errors = [abs(ms(sample.offset) - 20) for sample in simulated.samples("s") if sample.interleaved]
    assert len(errors) > 50
    assert max(errors) < 0.01


def test_an_interleaved_request_tells_no_local_time() -> None:
    server = Server("s", interleaved=True)
    simulated = world(server, interleaved=True)
    simulated.start()
    simulated.run(100)
    now = ntp_from_utc(simulated.local()) >> 32
    for request in server.requests[2:]:
        assert request.origin_timestamp
        assert request.receive_timestamp not in (0, request.transmit_timestamp)
        assert abs((request.receive_timestamp >> 32) - now) > 1000
        assert abs((request.transmit_timestamp >> 32) - now) > 1000


def test_a_path_that_becomes_longer_is_believed_after_a_while() -> None:
    server = Server("s")
    simulated = world(server)
    simulated.start()
    simulated.run(600)
    server.there = server.back = constant(25 * MILLISECOND)
    simulated.run(100)
    assert simulated.associations["s"].rejected[Rejected.DELAYED]
    simulated.run(300)
    assert ms(simulated.samples("s")[-1].delay) == pytest.approx(50, abs=0.1)
