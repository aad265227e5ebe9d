"""A slave of ours lets the hardware slew offsets away by itself; the master is ptp4l."""

from collections.abc import Iterator
from contextlib import contextmanager

from hw.discovery import find_phcs
from lab.vptp import set_knob
from tests.vm.guest.bed import run
from tests.vm.guest.daemons import (
    SETTLE_S,
    Link,
    Ours,
    Ptp4l,
    device,
    largest,
    make_imperfect,
    parameters,
    record_offsets,
    rms,
    say,
    wait_for_lock,
)

PARAMETERS = parameters(pairs=1)
SLAVES: list[Ours] = []


@contextmanager
def around_all() -> Iterator[None]:
    make_imperfect(0, 1)
    set_knob("clock1/phase_slew_ns", 50_000_000)  # within the Sync interval of 125 ms
    with Ptp4l("master", 0, Link()), Ours("slave", {1: Link()}, settings="write_phase = true") as slave:
        SLAVES.append(slave)
        yield


def check_the_hardware_slews_and_it_is_told() -> None:
    wait_for_lock(1)
    (told,) = SLAVES[0].events("PhaseWritingChosen")
    assert told["writes"], told
    assert SLAVES[0].clock_status(1)["writes_phase"]


def check_offsets_are_as_small_and_the_frequency_stays_at_the_one_that_holds() -> None:
    wait_for_lock(1)
    record_offsets(SETTLE_S, 1)
    set_frequencies = []
    (offsets,) = record_offsets(20, 1)
    for _ in range(20):
        set_frequencies.append(SLAVES[0].clock_status(1)["frequency_ppb"])
        record_offsets(0.3, 1)
    spread = max(set_frequencies) - min(set_frequencies)
    say(f"true offset {rms(offsets):.1f} ns RMS, {largest(offsets):.0f} at most; set frequency within {spread:.1f} ppb")
    assert rms(offsets) < 10, offsets
    assert spread < 20, set_frequencies
    assert SLAVES[0].events("ClockFailed") == []
    assert SLAVES[0].events("ClockMovedByOthers") == []


def check_some_microseconds_are_slewed_by_the_hardware() -> None:
    """Another hand moves the clock by what is left to the servo."""
    wait_for_lock(1)
    run("phc_ctl", "-q", device(1), "adj", "0.00002")
    (offsets,) = record_offsets(5, 1)
    say("offsets each 0.1 s: " + " ".join(f"{offset:.0f}" for offset in offsets[:12]))
    assert largest(offsets[:10]) > 5_000
    assert largest(offsets[20:]) < 100, offsets
    assert SLAVES[0].events("ClockStepped")[1:] == []


def check_nics_tells_that_the_clock_can() -> None:
    told = {phc.device: phc.adjust_phase for phc in find_phcs()}
    assert told[device(1)], told
