"""NTP and a clock that is stepped, read on another timescale, or stood still."""

from __future__ import annotations

import pytest

from ntp.ensemble import SourceJudged
from ntp.jumps import CONFIRMING, ClockFoundElsewhere
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import (
    SECOND,
    LocalTime,
    interval_to_ns,
)
from tests.ntp.daemon.bench import TAI_S, Bench, LoopbackServer


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
