"""Ports on two hardware clocks: who leads, and when a port's stamps may be used."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon import clock_follower
from ptpstack.daemon.clock_comparison import Comparison
from ptpstack.daemon.port_clocks import LeadingClockChanged, PortClocks
from ptpstack.engine.outputs import Measurement
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, LocalTime, PtpTime
from ptpstack.wire.types import NO_PORT
from tests.daemon.fakes import Workshop

FIRST, SECOND_CLOCK = "/dev/ptp0", "/dev/ptp1"


class FakeDriver:
    def __init__(self, name: str) -> None:
        self.clock = SimpleNamespace(name=name)
        self.arbiter = SimpleNamespace(state=ClockState.FREE_RUNNING, writer=None)
        self.users: list[Any] = []
        self.on_state: list[Any] = []
        self.taken: list[str] = []
        self.lost: list[str] = []

    def take(self, user: Any, _measurement: Measurement) -> None:
        self.taken.append(user.name)

    def parent_lost(self, name: str) -> None:
        self.lost.append(name)


class Instance:
    """What the clocks tell the instance."""

    name = "main"

    def __init__(self) -> None:
        self.problems: list[tuple[int, str]] = []
        self.steps: list[frozenset[int] | None] = []

    def set_clock_problem(self, port_number: int, problem: str) -> None:
        self.problems.append((port_number, problem))

    def clock_stepped(self, _delta: int, _local: LocalTime, ports: frozenset[int] | None = None) -> None:
        self.steps.append(ports)


class Bed:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.workshop, self.user = Workshop(), Instance()
        self.drivers = {word: FakeDriver(word) for word in (FIRST, SECOND_CLOCK)}
        self.offset_ns = 40
        monkeypatch.setattr(clock_follower, "compare", self.compare)
        self.clocks = PortClocks(
            "main",
            self.drivers,  # type: ignore[arg-type]
            {1: FIRST, 2: SECOND_CLOCK},
            MICROSECOND,
            loop=self.workshop.loop,
            recorder=self.workshop.recorder,
        )
        self.clocks.user = self.user
        self.clocks.start()

    def compare(self, _clock: object, _source: object, _readings: int) -> Comparison:
        now = 1000 * SECOND
        return Comparison(LocalTime(now + self.offset_ns * NANOSECOND), PtpTime(now), 10, "fake")

    def measure(self, port_number: int) -> None:
        measurement = Measurement(
            port_number=port_number,
            parent_port_identity=NO_PORT,
            t1=PtpTime(0),
            t2=LocalTime(0),
            offset_from_master=0,
            mean_delay=0,
            log_sync_interval=-3,
        )
        self.clocks.take(self.user, measurement)  # type: ignore[arg-type]


@pytest.fixture
def bed(monkeypatch: pytest.MonkeyPatch) -> Bed:
    return Bed(monkeypatch)


def test_a_port_is_used_once_its_clock_was_compared_and_is_near(bed: Bed) -> None:
    assert [(number, "was not compared" in why) for number, why in bed.user.problems] == [(2, True)]
    bed.workshop.run_for(0.05)
    assert bed.user.problems[1:] == [(2, "")]
    assert bed.drivers[SECOND_CLOCK].taken == ["main.clocks"]
    assert bed.drivers[FIRST].taken == []


def test_a_clock_that_is_far_away_is_not_used_and_it_says_how_far(bed: Bed) -> None:
    bed.offset_ns = 1500
    bed.workshop.run_for(0.05)
    assert bed.clocks.problems[2] == "/dev/ptp1 is 1500 ns from /dev/ptp0, allowed: 1000 ns"
    assert all(problem for _, problem in bed.user.problems)


def test_the_clock_of_the_port_that_follows_leads_from_then_on(bed: Bed) -> None:
    bed.workshop.run_for(0.05)
    bed.measure(1)
    bed.measure(2)
    (changed,) = bed.workshop.events(LeadingClockChanged)
    assert (changed.clock, changed.previous) == (SECOND_CLOCK, FIRST)
    assert bed.drivers[FIRST].lost == ["main"]
    assert bed.drivers[SECOND_CLOCK].lost == ["main.clocks"]
    assert bed.drivers[SECOND_CLOCK].taken[-1] == "main"
    assert bed.clocks.clock.name == SECOND_CLOCK
    bed.workshop.run_for(0.2)
    assert bed.clocks.problems == {1: "", 2: ""}
    assert bed.drivers[FIRST].taken[-1] == "main.clocks"


def test_a_source_of_pulses_keeps_the_lead(bed: Bed) -> None:
    bed.drivers[FIRST].arbiter = SimpleNamespace(state=ClockState.LOCKED, writer="source.gnss")
    bed.measure(2)
    assert bed.clocks.clock.name == FIRST
    assert "main" not in bed.drivers[SECOND_CLOCK].taken


def test_a_step_concerns_the_ports_of_that_clock(bed: Bed) -> None:
    (listener,) = bed.drivers[SECOND_CLOCK].users
    listener.clock_stepped(SECOND, LocalTime(0))
    assert bed.user.steps == [frozenset({2})]
