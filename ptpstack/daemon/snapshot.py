"""The state of everything that runs, as plain values for `ptpstack status` and the service manager."""

from __future__ import annotations

import math
import os
import time
from typing import Any

from hw.soft_clock import SoftClock
from ptpstack import __version__
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.clock_rules import SYSTEM
from ptpstack.config.ntp_rules import NTP
from ptpstack.core.port import Port
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.gptp_driver import GptpDriver
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.plant import Plant
from ptpstack.daemon.transparent_driver import TransparentDriver
from ptpstack.errors import HardwareError
from ptpstack.observe.recorder import Recorder
from ptpstack.observe.status import (
    data_set,
    exit_code,
    forwarding,
    instance_data_sets,
    relay_verdict,
    transparent_data_sets,
    verdict,
)
from ptpstack.observe.unicast_status import unicast_status
from ptpstack.servo.holdover import OUTSIDE_PROBABILITY
from ptpstack.time import NANOSECOND, MonotonicTime, interval_to_seconds

DECISIONS = 10


def verdicts(plant: Plant) -> dict[str, str]:
    """Return each instance's state in one word."""
    return (
        {
            name: verdict(
                [port.state for port in driver.instance.ports.values()],
                plant.clock_of[name].arbiter.state,
                measures_only=plant.resolved[name].free_running,
            )
            for name, driver in plant.instances.items()
        }
        | {
            name: (relay_verdict if len(driver.instance.ports) > 1 else verdict)(
                [port.state for port in driver.instance.ports.values()],
                plant.clock_of[name].arbiter.state,
                measures_only=plant.resolved[name].free_running,
            )
            for name, driver in plant.gptp.items()
        }
        | {
            name: forwarding([port.is_open for port in driver.instance.ports.values()])
            for name, driver in plant.transparent_clocks.items()
        }
    )


def summary(plant: Plant) -> str:
    """Return one line for the service manager."""
    return "; ".join(f"{name} {word}" for name, word in verdicts(plant).items())


def snapshot(plant: Plant, recorder: Recorder, started: MonotonicTime) -> dict[str, Any]:
    """Return the whole state; data-set members in the standard's spelling, offsets local - master."""
    words = verdicts(plant)
    return {
        "version": __version__,
        "pid": os.getpid(),
        "uptime_s": round(interval_to_seconds(monotonic_now() - started), 3),
        "exit_code": exit_code([*words.values(), *_steered_by_host(plant)]),
        "instances": {name: {"state": words[name], **_instance(plant, driver)} for name, driver in _drivers(plant)},
        "clocks": {word: _clock(plant, word, driver) for word, driver in plant.clocks.items()},
        **_link_delay_services(plant),
        "sources": {name: source.as_dict() for name, source in plant.host.sources.items()},
        **({"synce": plant.synce.as_dict()} if plant.synce else {}),
        **({"time_trust": plant.trust.as_dict()} if plant.trust else {}),
        "leap_seconds": plant.leap_seconds.as_dict(int(time.time())),
        "sinks": {name: sink.as_dict() for name, sink in plant.host.sinks.items()},
        **({"ntp": plant.host.ntp.as_dict()} if plant.host.ntp else {}),
        **({"ntp_server": plant.host.ntp_server.as_dict()} if plant.host.ntp_server else {}),
        "decisions": [record.as_dict() for record in recorder.last(DECISIONS)],
    }


def _link_delay_services(plant: Plant) -> dict[str, Any]:
    """Return what the common mean link delay services measure, by name and interface, where there are any."""
    services = {
        shared.driver.name: {
            interface: {
                "linkPortDS": data_set(shared.driver.instance.ports[number].port_ds),
                "counters": data_set(shared.driver.instance.ports[number].counters),
            }
            for interface, number in shared.number_of.items()
        }
        for shared in plant.shared_links
    }
    return {"linkDelayServices": services} if services else {}


def _steered_by_host(plant: Plant) -> list[str]:
    """Return the states of clocks that follow another or NTP; a reference shows in what its grandmaster serves."""
    states = [plant.clocks[word].arbiter.state.label for word in plant.host.followers]
    ntp_keeps = [driver for driver in plant.clocks.values() if driver.arbiter.may_steer(NTP)]
    return states + [driver.arbiter.state.label for driver in ntp_keeps]


def _drivers(plant: Plant) -> list[tuple[str, InstanceDriver | GptpDriver | TransparentDriver]]:
    """Return what drives each instance, by its name, in the order of the configuration."""
    drivers = {driver.name: driver for driver in plant.drivers()}
    return [(name, drivers[name]) for name in plant.resolved]


def _instance(plant: Plant, driver: InstanceDriver | GptpDriver | TransparentDriver) -> dict[str, Any]:
    resolved = plant.resolved[driver.name]
    if isinstance(driver, TransparentDriver):
        own = transparent_data_sets(driver.instance)
    else:
        own = {"clock": plant.clock_of[driver.name].clock.name, **instance_data_sets(driver.instance)}
        if clocks := plant.port_clocks.get(driver.name):
            own["portClocks"] = clocks.as_dict()
        if output := plant.smp_synch.get(driver.name):
            own["smpSynch"] = output.as_dict()
    return {
        "profile": resolved.profile.ident,
        "instanceType": resolved.values.instance_type,
        **own,
        "ports": [
            {
                "interface": port.interface,
                "transport": port.transport,
                "open": driver.ports[port.settings.port_number].is_open,
                **_port_clock(plant, driver.name, port.settings.port_number),
                "stamps": driver.ports[port.settings.port_number].granted,
                "stampLatency": driver.ports[port.settings.port_number].stamp_latency.as_dict(),
                "portDS": data_set(driver.instance.ports[port.settings.port_number].port_ds),
                "counters": data_set(driver.instance.ports[port.settings.port_number].counters),
                "socketCounters": dict(driver.ports[port.settings.port_number].counters),
                **_signal_fails(driver, port.settings.port_number),
                **_paired(driver, port.settings.port_number),
                **_unicast(driver, port.settings.port_number),
            }
            for port in resolved.ports
        ],
    }


def _paired(driver: InstanceDriver | GptpDriver | TransparentDriver, port_number: int) -> dict[str, Any]:
    """Return what a paired port measures while the other one follows."""
    waiting = driver.instance.ports[port_number].passive_slave if isinstance(driver, InstanceDriver) else None
    return {"pairedPort": waiting.as_dict(monotonic_now())} if waiting is not None and waiting.twin else {}


def _signal_fails(driver: InstanceDriver | GptpDriver | TransparentDriver, port_number: int) -> dict[str, Any]:
    """Return the masters of a port that are no use (PTSF), where there are any."""
    if not isinstance(driver, InstanceDriver):
        return {}
    fails = driver.instance.ports[port_number].signal_fails.as_list(monotonic_now())
    return {"signalFails": fails} if fails else {}


def _port_clock(plant: Plant, name: str, port_number: int) -> dict[str, Any]:
    """Return the clock that stamps a port, where the instance has several, and why it is not used, if it is not."""
    clocks = plant.port_clocks.get(name)
    if clocks is None:
        return {}
    return {"clock": clocks.of_port(port_number).clock.name, "clockProblem": clocks.problems.get(port_number, "")}


def _unicast(driver: InstanceDriver | GptpDriver | TransparentDriver, port_number: int) -> dict[str, Any]:
    """Return the unicast contracts of a port that negotiates."""
    port = driver.instance.ports[port_number]
    negotiation = port.negotiation if isinstance(port, Port) else None
    return {} if negotiation is None else {"unicast": unicast_status(negotiation, monotonic_now())}


def _holdover(driver: ClockDriver) -> dict[str, Any]:
    """Return how long the clock is in holdover (None: it is not), and what was learnt for it."""
    discipline = driver.discipline
    return {
        "seconds": discipline.holdover_seconds(monotonic_now()),
        "in_spec": driver.arbiter.state is ClockState.HOLDOVER_IN_SPEC,
        **discipline.prediction.as_dict(),
    }


def _uncertainty(plant: Plant, word: str) -> dict[str, Any] | None:
    """Return the parts of the bound on the clock's error, None while it is unknown."""
    bound = plant.time_bounds.of(word, monotonic_now()) if plant.time_bounds else None
    if bound is None:
        return None
    return {**bound._asdict(), "total_ns": bound.total_ns, "outside_probability": OUTSIDE_PROBABILITY}


def times(plant: Plant, clock: str | None = None) -> dict[str, Any]:
    """Return the bounds of the time now by each clock, or by *clock*: integers, ns since 1970, PTP time and UTC."""
    return {word: _time(plant, word, driver) for word, driver in plant.clocks.items() if clock in (None, word)}


def _time(plant: Plant, word: str, driver: ClockDriver) -> dict[str, Any]:
    answer: dict[str, Any] = {"state": driver.arbiter.state.label, "uncertainty": _uncertainty(plant, word)}
    try:
        reading_ns, utc_offset_s = int(driver.clock.time()) // NANOSECOND, driver.utc_offset_s()
    except HardwareError as error:
        return answer | {"uncertainty": None, "why": str(error)}
    if (uncertainty := answer["uncertainty"]) is None:
        return answer | {"why": f"it is {driver.arbiter.state.label}, and not known well enough to state a bound"}
    bound_ns = math.ceil(uncertainty["total_ns"])
    answer["ptp"] = {"earliest_ns": reading_ns - bound_ns, "latest_ns": reading_ns + bound_ns}
    if utc_offset_s is not None:
        answer["utc"] = {key: value - utc_offset_s * 1_000_000_000 for key, value in answer["ptp"].items()}
    return answer


def _why(plant: Plant, word: str, driver: ClockDriver) -> str:
    """Return why who steers the clock does; for a system clock that nobody has set, whose time it shows as well."""
    rule = driver.arbiter.rule
    if word != SYSTEM or driver.arbiter.writer is not None or plant.trust is None:
        return rule
    return "; ".join(filter(None, (rule, plant.trust.what_it_reads())))


def _clock(plant: Plant, word: str, driver: ClockDriver) -> dict[str, Any]:
    sample = driver.last_sample
    state: dict[str, Any] = {
        "name": driver.clock.name,
        "state": driver.arbiter.state.label,
        "state_why": driver.arbiter.state_rule,
        "writer": driver.arbiter.writer,
        "why": _why(plant, word, driver),
        "servo_state": driver.servo_state.name,
        "frequency_ppb": driver.frequency_ppb,
        "offset_ns": sample and sample.offset_ns,
        "mean_delay_ns": sample and sample.mean_delay_ns,
        "samples": driver.samples,
        "writes_phase": driver.discipline.phase_writing is not None,
        "holdover": _holdover(driver),
        "uncertainty": _uncertainty(plant, word),
    }
    among = (clocks.follower_of(word) for clocks in plant.port_clocks.values())
    if paths := driver.discipline.asymmetries.as_list():
        state["pathAsymmetries"] = paths
    if hot_standby := driver.arbiter.hot_standby:
        state["hotStandby"] = hot_standby.as_dict()
    if follower := plant.host.followers.get(word) or next(filter(None, among), None):
        state["follows"] = follower.as_dict()
    if isinstance(driver.clock, SoftClock):
        state["soft_clock"] = driver.clock.as_dict()
    return state
