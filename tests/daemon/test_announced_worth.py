"""What the daemon finds out about a clock, and what it lets its instance announce, by the table of G.8275.1."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from profiles.loader import FrequencyName, ReferenceName, load_profile
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.worth_keeper import ClockWorthRuled
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.announced_worth import AnnouncedWorth
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.time import MonotonicTime
from ptpstack.wire.types import ClockQuality
from tests.daemon.fakes import Workshop

S = ClockState
CONFIGURED = ClockQuality(248, 0xFE, 0xFFFF)
PULSES = TimeProperties(time_traceable=True, frequency_traceable=True, current_utc_offset_valid=True)


class FakeHoldover:
    def degradation(self, _now: MonotonicTime) -> str:
        return "a"


class FakeDiscipline:
    def __init__(self) -> None:
        self.arbiter: Any = type("Arbiter", (), {"state": S.FREE_RUNNING, "writer": None})()
        self.assisted: ClockState | None = None
        self.would_be = S.HOLDOVER_IN_SPEC
        self.holdover = FakeHoldover()

    def assisted_is(self, _now: MonotonicTime) -> ClockState | None:
        return self.assisted

    def holdover_would_be(self, _now: MonotonicTime) -> ClockState:
        return self.would_be


class FakeClock:
    def __init__(self) -> None:
        self.on_state: list[Callable[[ClockState], None]] = []
        self.discipline: Any = FakeDiscipline()
        self.time_properties: TimeProperties | None = None

    def become(self, state: ClockState, writer: str | None = None) -> None:
        self.discipline.arbiter.state, self.discipline.arbiter.writer = state, writer
        for listener in self.on_state:
            listener(state)


class FakeInstance:
    name = "main"

    def __init__(self) -> None:
        default = type("DefaultDS", (), {"clock_quality": CONFIGURED})()
        parent = type("ParentDS", (), {"grandmaster_clock_quality": ClockQuality(6, 0x21, 0x4E5D)})()
        self.instance: Any = type(
            "Instance", (), {"default_ds": default, "parent_ds": parent, "time_properties_ds": TimeProperties()}
        )()
        self.told: list[tuple[ClockQuality, TimeProperties, bool]] = []
        self.when_lost: LocalQuality | None = None

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        *,
        uncertain: bool = False,
        when_parent_is_lost: LocalQuality | None = None,
    ) -> None:
        self.told.append((clock_quality, time_properties, uncertain))
        self.when_lost = when_parent_is_lost


class Bench:
    def __init__(self) -> None:
        self.shop = Workshop()
        self.clock, self.instance = FakeClock(), FakeInstance()
        self.frequency: FrequencyName = "none"
        references: dict[str, ReferenceName] = {"source.gnss": "prtc", "main": "ptp", "backup": "ptp"}
        self.worth = AnnouncedWorth(
            self.instance,
            self.clock,
            "g8275-1",
            load_profile("g8275-1").clock_quality,
            references=references,
            frequency=lambda: self.frequency,
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )
        self.worth.start()

    @property
    def clock_class(self) -> int:
        return self.instance.told[-1][0].clock_class


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.worth.stop()
    bench.shop.loop.close()


def test_a_grandmaster_through_the_life_of_its_receiver(bench: Bench) -> None:
    assert bench.clock_class == 248
    bench.clock.time_properties = PULSES
    classes = []
    for state, frequency in (
        (S.ACQUIRING, "none"),
        (S.LOCKED, "none"),
        (S.HOLDOVER_IN_SPEC, "none"),
        (S.HOLDOVER_OUT_OF_SPEC, "category_1"),
        (S.HOLDOVER_OUT_OF_SPEC, "category_2"),
        (S.HOLDOVER_OUT_OF_SPEC, "none"),
        (S.LOCKED, "none"),
    ):
        bench.frequency = frequency  # type: ignore[assignment]
        bench.clock.become(state, "source.gnss" if state in (S.LOCKED, S.ACQUIRING) else None)
        classes.append(bench.clock_class)
    assert classes == [248, 6, 7, 140, 150, 248, 6]
    assert bench.instance.when_lost is None


def test_a_boundary_clock_knows_beforehand_what_it_is_worth_without_its_parent(bench: Bench) -> None:
    bench.clock.time_properties = PULSES
    bench.clock.become(S.LOCKED, "main")
    assert bench.clock_class == 248
    assert bench.instance.when_lost is not None
    assert bench.instance.when_lost.clock_quality.clock_class == 135
    assert bench.instance.when_lost.time_properties.time_traceable
    bench.clock.discipline.would_be = S.HOLDOVER_OUT_OF_SPEC
    bench.worth._on_timer()
    assert bench.instance.when_lost.clock_quality.clock_class == 165
    bench.clock.become(S.HOLDOVER_IN_SPEC)
    assert bench.clock_class == 135
    assert bench.instance.when_lost is None


def test_a_clock_that_a_learnt_path_keeps_is_in_holdover_in_spec_as_long_as_the_bound_holds(bench: Bench) -> None:
    bench.clock.time_properties = PULSES
    bench.clock.become(S.LOCKED, "source.gnss")
    bench.clock.discipline.assisted = S.HOLDOVER_IN_SPEC
    bench.clock.become(S.LOCKED, "backup")
    assert bench.clock_class == 7
    bench.clock.discipline.assisted = S.HOLDOVER_OUT_OF_SPEC
    bench.worth._on_timer()
    assert bench.clock_class == 248
    bench.clock.discipline.assisted = None
    bench.clock.become(S.LOCKED, "source.gnss")
    assert bench.clock_class == 6


def test_each_ruling_is_told_once_with_its_situation(bench: Bench) -> None:
    bench.clock.time_properties = PULSES
    for _ in range(3):
        bench.clock.become(S.LOCKED, "source.gnss")
    told = [str(event) for event in bench.shop.events(ClockWorthRuled)]
    assert len(told) == 2
    assert told[-1] == (
        "locked to prtc, physical-layer frequency none: as a grandmaster class 6, accuracy 0x21, time traceable, "
        "frequency traceable, by the table of g8275-1"
    )
