"""One slave of ours lives through what other programs, cables and drivers do to it; the master is ptp4l."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lab.vptp import read_truth, set_knob
from tests.vm.guest.bed import insert_card, run, soon
from tests.vm.guest.daemons import (
    Link,
    Ours,
    Ptp4l,
    device,
    largest,
    make_imperfect,
    node,
    offset_ns,
    parameters,
    record_offsets,
    rms,
    say,
    wait_for_lock,
)

PARAMETERS = parameters(pairs=1)
MASTERS: list[Ptp4l] = []
SLAVES: list[Ours] = []
QUIET_NS = 60
"""What ±20 ns stamps alone never lead to."""


@contextmanager
def around_all() -> Iterator[None]:
    make_imperfect(0, 1)
    MASTERS.append(Ptp4l("master", 0, Link()))
    with Ours("slave", {1: Link()}) as slave:
        SLAVES.append(slave)
        yield
    unplug_master()


def unplug_master() -> None:
    while MASTERS:
        MASTERS.pop().__exit__()


def locked_slave() -> Ours:
    wait_for_lock(1)
    return SLAVES[0]


def news(slave: Ours, kind: str, before: list[Any]) -> Any:
    """The first event of a kind that was not there before."""
    return soon(lambda: slave.events(kind)[len(before) :], 10)[0]


def check_a_filter_that_another_program_changed_is_set_again_and_told() -> None:
    slave = locked_slave()
    told = slave.events("StampingChanged")
    run("ip", "netns", "exec", "slaves", "hwstamp_ctl", "-i", "vptp1", "-t", "0", "-r", "0")
    event = news(slave, "StampingChanged", told)
    assert event["found"] == "hardware stamps (transmit: off, receive: none)"
    assert event["granted"] == "hardware stamps (transmit: on, receive: ptp_v2_event)"
    stamping = run("ip", "netns", "exec", "slaves", "hwstamp_ctl", "-i", "vptp1")
    assert "tx_type 1" in stamping, stamping
    assert "rx_filter 12" in stamping, stamping
    (offsets,) = record_offsets(5, 1)
    assert largest(offsets) < QUIET_NS, offsets
    assert slave.port_status(1)["portDS"]["portState"] == "SLAVE"


def check_a_link_that_flaps_costs_neither_a_step_nor_a_bad_sample() -> None:
    slave = locked_slave()
    steps = slave.events("ClockStepped")
    record_offsets(10, 1)
    for seconds in (0.5, 4, 0.2):
        set_knob("port1/link", 0)
        (cut,) = record_offsets(seconds, 1)
        set_knob("port1/link", 1)
        soon(lambda: slave.port_status(1)["portDS"]["portState"] == "SLAVE", 20)
        (after,) = record_offsets(5, 1)
        say(f"link down for {seconds} s: {largest(cut):.0f} ns at most meanwhile, {largest(after):.0f} ns afterwards")
        assert largest([*cut, *after]) < 2 * QUIET_NS  # begins with a path delay of one exchange
    assert slave.events("ClockStepped") == steps
    assert [event["up"] for event in slave.events("LinkChanged")] == [True] * 3
    assert [event["reason"] for event in slave.events("InterfaceLost")] == ["the link is down"] * 3


def check_another_program_that_steers_the_clock_is_told_and_overruled() -> None:
    slave = locked_slave()
    told = slave.events("FrequencyChangedElsewhere")
    run("phc_ctl", "-q", device(1), "freq", "5000")
    event = news(slave, "FrequencyChangedElsewhere", told)
    assert abs(event["found_ppb"] - 5000) < 1, event
    assert abs(event["expected_ppb"] + 20_000) < 200, event
    wait_for_lock(1)
    assert slave.events("ClockMovedByOthers") == []


def check_37_s_by_another_hand_are_an_alarm_and_stepped_back_at_once() -> None:
    slave = locked_slave()
    steps = slave.events("ClockStepped")
    frequency = read_truth().clocks[1].frequency_error_ppb
    begin = time.monotonic()
    run("phc_ctl", "-q", device(1), "adj", "37")
    assert offset_ns() > 36e9
    soon(lambda: abs(offset_ns()) < 1e6, 5)
    say(f"stepped back after {time.monotonic() - begin:.1f} s")
    largest_frequency = max(abs(read_truth().clocks[1].frequency_error_ppb - frequency) for _ in range(50))
    assert largest_frequency < 2_000, largest_frequency
    (event,) = slave.events("ClockMovedByOthers")
    assert event["tai_minus_utc"], event
    assert abs(event["moved_ns"] - 37e9) < 1e6, event
    assert "TAI - UTC" in event["text"], event
    (step,) = slave.events("ClockStepped")[len(steps) :]
    assert abs(step["step_ns"] + 37e9) < 1e6, step
    wait_for_lock(1)
    assert slave.clock_status(1)["state"] == "locked"


def check_without_a_master_the_clock_keeps_the_frequency_learnt() -> None:
    slave = locked_slave()
    record_offsets(30)
    held = slave.events("ClockHeld")
    unplug_master()
    event = news(slave, "ClockHeld", held)
    clocks = read_truth().clocks
    apart_ppb = clocks[1].frequency_error_ppb - clocks[0].frequency_error_ppb
    (adrift,) = record_offsets(20, 1)
    say(f"held {apart_ppb:+.2f} ppb off, last command {event['last_command_ppb'] - event['frequency_ppb']:+.1f} ppb")
    assert abs(apart_ppb) < 1.5, apart_ppb
    assert largest(adrift) < QUIET_NS, adrift
    assert slave.clock_status(1)["state"].startswith("holdover")
    MASTERS.append(Ptp4l("master", 0, Link()))
    (back,) = record_offsets(20, 1)
    assert largest(back) < QUIET_NS, back
    assert slave.clock_status(1)["state"] == "locked"


def check_a_module_that_is_reloaded_under_the_daemon_costs_a_new_lock_and_nothing_more() -> None:
    slave = locked_slave()
    unplug_master()
    previous = device(1)
    run("rmmod", "vptp")
    news(slave, "ClockLost", [])
    reasons = [event["reason"] for event in slave.events("InterfaceLost")]
    assert reasons[-1] == "the interface was removed", reasons
    time.sleep(3)
    insert_card(PARAMETERS)
    make_imperfect(0, 1)
    node("slaves", 1)
    MASTERS.append(Ptp4l("master", 0, Link()))
    event = news(slave, "ClockReopened", [])
    say(f"{event['previous']} is {event['clock']} now")
    assert event["previous"] == previous
    assert event["clock"] == device(1) != previous  # which the daemon held open, so that its number was not free
    wait_for_lock(1)
    (offsets,) = record_offsets(10, 1)
    assert rms(offsets) < 15, offsets
    assert slave.process.poll() is None
    assert slave.clock_status(1)["state"] == "locked"


def check_nothing_of_all_that_was_an_internal_error() -> None:
    assert SLAVES[0].events("InternalError") == []
