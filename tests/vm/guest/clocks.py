"""The hardware clocks do what they are told, and the truth shows it."""

import re
import time
from collections.abc import Iterator

from hw.cross_timestamp import CrossMethod
from hw.external_timestamps import ExternalTimestamp, ExternalTimestamps
from hw.periodic_output import start_periodic_output, stop_periodic_output
from hw.phc import Phc
from hw.pins import PinFunction, assign_pin, read_pins
from lab.vptp import Truth, read_truth, set_knob
from ptpstack.time import NANOSECOND, SECOND
from tests.vm.guest.bed import clock, clock_difference_ns, run, wait_until

SECOND_NS = SECOND // NANOSECOND


def gained_ns(number: int, seconds: float) -> tuple[float, float]:
    """How much a clock gains on true time while these seconds go by; and how many truly did, in ns."""
    before = read_truth()
    time.sleep(seconds)
    after = read_truth()
    true_ns = after.true_ns - before.true_ns
    return after.clocks[number].minus_ns(before.clocks[number]) - true_ns, true_ns


def looks(count: int, every_s: float) -> Iterator[Truth]:
    """The truth, *count* times."""
    for _ in range(count):
        time.sleep(every_s)
        yield read_truth()


def after_the_second_ns(edge: ExternalTimestamp) -> int:
    """How long after a whole second an edge was stamped, or before it (negative)."""
    return (int(edge.time) // NANOSECOND + SECOND_NS // 2) % SECOND_NS - SECOND_NS // 2


def check_a_frequency_error_of_20_ppm_shows_in_the_truth() -> None:
    set_knob("clock0/error_ppb", 20_000)
    gained, true_ns = gained_ns(0, 1.0)
    assert abs(gained - 20e-6 * true_ns) < 1e-3, gained
    assert read_truth().clocks[0].frequency_error_ppb == 20_000


def check_steering_cancels_a_frequency_error_to_a_millionth_of_a_ns_a_second() -> None:
    set_knob("clock0/error_ppb", -500)
    with clock(0) as phc:
        phc.set_frequency(500.0)
        gained, _ = gained_ns(0, 1.0)
        assert abs(gained) < 1e-2, gained  # the kernel's unit, 2**-16 ppm, cannot say 500 ppb exactly
        assert abs(phc.frequency_ppb() - 500.0) < 0.02


def check_clocks_of_one_seed_walk_alike() -> None:
    for name, value in (("error_ppb", 0), ("walk_ppt", 0), ("seed", 7), ("walk_ppt", 10_000)):
        for number in (0, 1):
            set_knob(f"clock{number}/{name}", value)
    with clock(0) as one, clock(1) as other:
        one.set_frequency(0.0)
        other.set_frequency(0.0)
    walked = [[each.frequency_error_ppb for each in truth.clocks[:2]] for truth in looks(5, every_s=0.17)]
    for number in (0, 1):
        set_knob(f"clock{number}/walk_ppt", 0)
    assert all(one == other for one, other in walked), walked
    assert len(set(map(tuple, walked))) > 3, walked


def check_a_step_is_exact() -> None:
    before = clock_difference_ns(0, 1)
    with clock(0) as phc:
        phc.step(-37 * SECOND + 5 * NANOSECOND)
    assert abs(clock_difference_ns(0, 1) - before - (-37e9 + 5)) < 1e-3


def check_a_set_clock_shows_what_it_was_set_to() -> None:
    with clock(0) as phc:
        phc.set_time(1_000 * SECOND)
        assert 0 <= int(phc.time()) - 1_000 * SECOND < SECOND


def check_a_phase_adjustment_is_slewed_within_a_second() -> None:
    before = clock_difference_ns(0, 1)
    with clock(0) as phc:
        assert phc.capabilities.adjust_phase
        phc.adjust_phase(1_000 * NANOSECOND)
    time.sleep(0.5)
    assert 400 < clock_difference_ns(0, 1) - before < 700
    time.sleep(0.6)
    assert abs(clock_difference_ns(0, 1) - before - 1_000) < 1e-3


def check_a_precise_cross_timestamp_agrees_with_the_truth() -> None:
    with clock(0) as phc:
        cross = phc.cross_timestamp()
    truth = read_truth()
    assert cross.method is CrossMethod.PRECISE
    measured = (int(cross.phc) - int(cross.system)) / NANOSECOND
    assert abs(measured - (truth.clocks[0].ns - truth.realtime_ns)) < 5


def check_a_slow_bus_widens_the_bracket_of_a_reading() -> None:
    def shortest_reading_ns(phc: Phc) -> int:
        readings = []
        for _ in range(20):
            start = time.perf_counter_ns()
            phc.time()
            readings.append(time.perf_counter_ns() - start)
        return min(readings)

    with clock(0) as phc:
        fast = shortest_reading_ns(phc)
        set_knob("clock0/read_latency_ns", 50_000)
        assert 45_000 < shortest_reading_ns(phc) - fast < 100_000


def check_a_random_walk_wanders_and_comes_home() -> None:
    set_knob("clock0/walk_ppt", 10_000)
    time.sleep(2.0)
    assert 0 < abs(read_truth().clocks[0].frequency_error_ppb) < 100
    set_knob("clock0/walk_ppt", 0)
    assert read_truth().clocks[0].frequency_error_ppb == 0


def check_pulses_of_one_clock_are_stamped_by_another() -> None:
    set_knob("clock1/pps_from", 0)
    set_knob("clock1/pps_delay_ns", 40)
    with clock(0) as source, clock(1) as sink, ExternalTimestamps(sink) as edges:
        assert [pin.name for pin in read_pins(source)] == ["SDP0", "SDP1"]
        assign_pin(source, read_pins(source)[0], PinFunction.PEROUT)
        assign_pin(sink, read_pins(sink)[1], PinFunction.EXTTS)
        edges.enable()
        start_periodic_output(source)
        for _ in range(3):
            (edge,) = wait_until(edges.read, 3)
            assert abs(after_the_second_ns(edge) - clock_difference_ns(1, 0) - 40) < 2
        stop_periodic_output(source)
        time.sleep(2.0)
        assert edges.read() == []


def check_pulses_stay_on_the_second_when_their_clock_is_stepped() -> None:
    set_knob("clock1/pps_from", 0)
    with clock(0) as source, clock(1) as sink, ExternalTimestamps(sink) as edges:
        edges.enable()
        start_periodic_output(source)
        wait_until(edges.read, 3)
        source.step(SECOND // 3)
        (edge,) = wait_until(edges.read, 3)
        assert abs(after_the_second_ns(edge) - clock_difference_ns(1, 0)) < 2
        stop_periodic_output(source)


def check_phc_ctl_reads_steers_and_steps_the_clock() -> None:
    truth = read_truth()
    device, start_ns = truth.clocks[0].device, truth.true_ns

    def assert_shows(seconds: float, shown_ns: int) -> None:
        """Since it showed less, no more time has gone by than since the start: programs start slowly in there."""
        assert 0 <= shown_ns - seconds * 1e9 <= (read_truth().true_ns - start_ns) * 1.001, shown_ns

    run("phc_ctl", device, "set", "1000.0", "freq", "2500")
    assert_shows(1_000, read_truth().clocks[0].ns)
    assert abs(read_truth().clocks[0].frequency_error_ppb - 2_500) < 0.02
    run("phc_ctl", device, "adj", "100.0", "freq", "0")
    assert_shows(1_100, read_truth().clocks[0].ns)
    said = re.search(r"clock time is (\d+)\.(\d{9})", run("phc_ctl", device, "get"))
    assert said
    assert_shows(1_100, int(said[1] + said[2]))
