"""What the local clock is worth may change at run time: a reference is found or lost (IEEE 1588-2019 8.2.1.3.1)."""

import pytest

from ptpstack.core.settings import LocalQuality
from ptpstack.engine.events import LocalQualityChanged
from ptpstack.engine.port_state import PortState
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire import messages
from ptpstack.wire.types import ClockQuality, PortIdentity, TimeSource
from tests.core.bench import GM, OTHER, OWN, Bench

FREE = ClockQuality(248, 0xFE, 0xFFFF)
LOCKED = ClockQuality(6, 0x21, 0x4E5D)
GNSS = TimeProperties(time_traceable=True, current_utc_offset_valid=True, time_source=TimeSource.GNSS)


def change(bench: Bench, quality: ClockQuality, properties: TimeProperties) -> None:
    bench._take(bench.instance.set_local_quality(quality, properties, bench.now))


def test_a_master_announces_its_new_quality_with_the_next_announce() -> None:
    bench = Bench()
    bench.run(7.5)
    change(bench, LOCKED, GNSS)
    bench.run(2)
    announce = bench.sent(messages.Announce)[-1]
    assert announce.grandmaster_clock_quality == LOCKED
    assert announce.grandmaster_identity == OWN
    assert (announce.time_traceable, announce.current_utc_offset_valid) == (True, True)
    assert announce.time_source is TimeSource.GNSS
    assert bench.state() is PortState.MASTER
    assert bench.instance.default_ds.clock_quality == LOCKED


def test_it_is_told_once() -> None:
    bench = Bench()
    for _ in range(2):
        change(bench, LOCKED, GNSS)
    (event,) = bench.events(LocalQualityChanged)
    assert str(event) == "as a grandmaster this clock has class 6 (was 248), accuracy 0x21, time traceable"


def test_a_slave_that_finds_a_primary_reference_is_master_at_once_and_may_lose_the_role_again() -> None:
    bench = Bench(priority2=200)
    bench.hear(4, grandmaster_clock_quality=ClockQuality(13, 0x25, 0x4E5D))
    assert bench.state() is PortState.UNCALIBRATED
    change(bench, LOCKED, GNSS)
    assert bench.state() in (PortState.PRE_MASTER, PortState.MASTER)
    assert bench.instance.parent_ds.grandmaster_identity == OWN
    assert bench.instance.time_properties_ds == GNSS
    change(bench, FREE, TimeProperties())
    assert bench.state() is PortState.UNCALIBRATED
    assert bench.instance.parent_ds.grandmaster_identity == GM


def test_a_parents_properties_stay_while_it_is_followed() -> None:
    bench = Bench()
    bench.hear(4, grandmaster_priority1=1)
    change(bench, LOCKED._replace(clock_class=187), GNSS)
    assert bench.state() is PortState.UNCALIBRATED
    assert bench.instance.parent_ds.grandmaster_identity == GM
    assert bench.instance.time_properties_ds.time_source is not TimeSource.GNSS


def test_a_slave_only_clock_stays_class_255() -> None:
    bench = Bench(slave_only=True)
    change(bench, LOCKED, GNSS)
    assert bench.instance.default_ds.clock_quality == LOCKED._replace(clock_class=255)


HELD = LocalQuality(
    clock_quality=ClockQuality(135, 0xFE, 0xFFFF),
    time_properties=TimeProperties(time_traceable=True, current_utc_offset_valid=True),
)


def boundary() -> Bench:
    """Two ports, the first of which follows a class 6; should it be lost the clock is worth 135."""
    bench = Bench(2)
    bench.hear(4)
    bench._take(bench.instance.servo_locked(True, bench.now))
    bench.hear(8)
    bench._take(bench.instance.set_local_quality(FREE, TimeProperties(), bench.now, when_parent_is_lost=HELD))
    assert bench.instance.parent_ds.grandmaster_identity == GM
    return bench


def test_no_announce_says_that_a_held_clock_runs_free() -> None:
    bench = boundary()
    bench.outputs.clear()
    bench.run(20)
    announced = [announce.grandmaster_clock_quality.clock_class for announce in bench.sent(messages.Announce)]
    assert set(announced) == {6, 135}
    assert announced[-1] == 135
    assert bench.sent(messages.Announce)[-1].time_traceable


def test_a_parent_that_was_restarted_and_runs_free_is_left() -> None:
    bench = boundary()
    for _ in range(2):
        bench.announce(grandmaster_clock_quality=ClockQuality(248, 0xFE, 0xFFFF))
        bench.run(2)
    assert bench.instance.parent_ds.grandmaster_identity == OWN
    assert bench.instance.default_ds.clock_quality.clock_class == 135


@pytest.mark.parametrize("clock_class", [7, 140, 165])
def test_a_parent_that_degrades_is_followed_on_as_holdover_after_holdover_is_no_better(clock_class: int) -> None:
    bench = boundary()
    bench.announce(grandmaster_clock_quality=ClockQuality(clock_class, 0xFE, 0xFFFF))
    assert bench.instance.parent_ds.grandmaster_clock_quality.clock_class == clock_class
    assert bench.instance.default_ds.clock_quality == FREE


def test_a_better_master_elsewhere_is_followed_instead_of_holding() -> None:
    bench = boundary()
    for _ in range(6):
        bench.announce(PortIdentity(OTHER, 1), port=2)
        bench.run(2)
    assert bench.instance.parent_ds.grandmaster_identity == OTHER
    assert bench.instance.default_ds.clock_quality == FREE


def test_a_grandmaster_out_of_spec_says_that_it_is_uncertain() -> None:
    bench = Bench()
    bench.run(7.5)
    bench._take(bench.instance.set_local_quality(ClockQuality(165, 0xFE, 0xFFFF), GNSS, bench.now, uncertain=True))
    bench.run(2)
    assert bench.sent(messages.Announce)[-1].synchronization_uncertain
