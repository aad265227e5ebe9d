"""The figures of a path: what is learnt, what it is worth, and what of it outlives a restart."""

import json
import math
from typing import Any

import pytest

from ptpstack.arbiter.events import AsymmetryLearnt, AsymmetryUsed
from ptpstack.arbiter.path_asymmetry import BLOCK, BLOCKS_NEEDED, PathAsymmetries
from ptpstack.engine.outputs import Measurement
from ptpstack.time import SECOND, LocalTime, MonotonicTime, PtpTime, interval_from_ns, interval_to_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

GM = PortIdentity(ClockIdentity.from_text("0000bb.fffe.000001"), 1)
REFERENCES = frozenset({"source.gnss"})


def measurement(offset_ns: float, delay_ns: float = 50_000.0) -> Measurement:
    offset = interval_from_ns(offset_ns)
    return Measurement(
        port_number=1,
        parent_port_identity=GM,
        t1=PtpTime(0),
        t2=LocalTime(offset),
        t3=LocalTime(SECOND),
        t4=PtpTime(SECOND),
        offset_from_master=offset,
        mean_delay=interval_from_ns(delay_ns),
        log_sync_interval=0,
    )


class Bench:
    def __init__(self) -> None:
        self.paths = PathAsymmetries(frozenset({"main"}), REFERENCES)
        self.now = MonotonicTime(0)
        self.events: list[Any] = []
        self.last = measurement(0.0)

    def take(
        self, offset_ns: float, *, learns: bool = True, steers: bool = False, seconds: int = 1, **more: float
    ) -> None:
        for _ in range(seconds):
            self.now += SECOND
            self.last, events = self.paths.take(
                "main", measurement(offset_ns, **more), self.now, clock="ptp0", learns=learns, steers=steers
            )
            self.events += events


@pytest.fixture
def taught() -> Bench:
    bench = Bench()
    for number in range(600):
        bench.take(2000.0 + (10 if number % 2 else -10))
    return bench


def test_a_path_is_known_after_five_minutes_and_taken_off_from_then_on() -> None:
    bench = Bench()
    bench.take(2000.0, seconds=int((BLOCKS_NEEDED - 1) * BLOCK / SECOND))
    assert bench.last == measurement(2000.0)
    bench.take(2000.0, seconds=40)
    assert [type(event) for event in bench.events] == [AsymmetryLearnt]
    assert interval_to_ns(bench.last.offset_from_master) == pytest.approx(0, abs=1)


def test_both_ways_of_an_exchange_are_corrected_alike(taught: Bench) -> None:
    taught.take(2500.0)
    last = taught.last
    assert interval_to_ns(last.offset_from_master) == pytest.approx(500, abs=2)
    assert interval_to_ns(last.t2 - int(last.t1)) == pytest.approx(500, abs=2)
    assert last.t4 is not None
    assert interval_to_ns(int(last.t4) - SECOND) == pytest.approx(2000, abs=2)


def test_nothing_is_learnt_while_the_path_itself_steers(taught: Bench) -> None:
    taught.take(9000.0, learns=False, steers=True, seconds=600)
    assert taught.paths.as_list()[0]["asymmetry_ns"] == pytest.approx(2000, abs=2)
    assert [type(event) for event in taught.events].count(AsymmetryUsed) == 1


def test_the_bound_is_known_only_while_it_is_in_use(taught: Bench) -> None:
    assert taught.paths.bound_ns("main") is None
    taught.take(2000.0, learns=False, steers=True)
    assert taught.paths.bound_ns("main") is not None
    assert taught.paths.bound_ns("source.gnss") is None
    taught.take(2000.0)
    assert taught.paths.bound_ns("main") is None


def test_a_path_outlives_a_restart(taught: Bench) -> None:
    again = Bench()
    again.paths.restore(json.loads(json.dumps(taught.paths.kept())))
    again.take(2000.0, learns=False, steers=True)
    assert interval_to_ns(again.last.offset_from_master) == pytest.approx(0, abs=2)
    assert again.paths.bound_ns("main") == pytest.approx(taught.paths.as_list()[0]["bound_ns"])


@pytest.mark.parametrize(
    "kept",
    [None, "text", 5, [1], [{}], [{"instance": "main", "clock": "x", "port": 1}], [{"instance": "main", "port": "y"}]],
)
def test_what_was_kept_may_be_rubbish(kept: object) -> None:
    bench = Bench()
    bench.paths.restore(kept)
    assert bench.paths.as_list() == []


@pytest.mark.parametrize(
    ("field", "value"), [("asymmetry_ns", math.nan), ("delay_variance", -1.0), ("asymmetry_variance", -1e-9)]
)
def test_numbers_that_none_of_ours_can_be_are_left_out(taught: Bench, field: str, value: float) -> None:
    kept = taught.paths.kept()
    kept[0][field] = value
    bench = Bench()
    bench.paths.restore(kept)
    assert bench.paths.as_list() == []


def test_paths_are_bounded() -> None:
    bench = Bench()
    for number in range(100):
        one = measurement(0.0)
        one.parent_port_identity = PortIdentity(GM.clock_identity, number + 1)
        bench.paths.take("main", one, bench.now, clock="ptp0", learns=True, steers=False)
    assert len(bench.paths.as_list()) == 16
