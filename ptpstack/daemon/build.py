"""From a checked configuration to objects that are wired together and not yet started."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET

from hw.realtime import RealtimeClock
from hw.timestamping import Timestamping
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.daemon.clock_build import build_clock
from ptpstack.daemon.clocks import clock_words
from ptpstack.daemon.gptp_build import links_of, shared_links, station_status
from ptpstack.daemon.host_clocks import build_host_clocks, host_clocks
from ptpstack.daemon.instance_build import announced_worth, clock_of_instance, instance_driver, smp_synch_outputs
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.plant import Plant
from ptpstack.daemon.port_clocks import PortClocks
from ptpstack.daemon.port_io import PortIo
from ptpstack.daemon.ports_build import attach_ports, socket_key
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.daemon.time_publisher import TimePublisher
from ptpstack.daemon.time_trust import FILES, TimeTrust
from ptpstack.daemon.unicast_build import with_batches
from ptpstack.errors import HardwareError
from ptpstack.observe.recorder import Recorder

if TYPE_CHECKING:
    from ptpstack.daemon.synce_driver import SyncEDriver


def build(config: Config, resolved: Sequence[ResolvedInstance], loop: Loop, recorder: Recorder) -> Plant:
    """Return what *config* and its *resolved* instances describe. Raises ``HardwareError`` or ``ConfigError``."""
    trust = _time_trust(config)
    plant = Plant(trust=trust, leap_seconds=_leap_seconds(config, recorder))
    store = StateStore(config.state.directory)
    words = {instance.name: clock_words(instance, config.clock) for instance in resolved}
    for word in dict.fromkeys([word for its in words.values() for word in its.values()] + host_clocks(config)):
        plant.clocks[word] = build_clock(
            word, config, resolved, words, store=store, leap_seconds=plant.leap_seconds, loop=loop, recorder=recorder
        )
    _build_instances(plant, config, resolved, words, store, loop=loop, recorder=recorder)
    plant.smp_synch = {output.name: output for output in smp_synch_outputs(plant, loop, recorder)}
    plant.station_status = list(station_status(plant.gptp, plant.resolved, plant.clock_of, loop, recorder))
    plant.synce = _synce(config, plant, loop, recorder)
    plant.announced_worth = list(announced_worth(config, plant, loop, recorder))
    plant.host = build_host_clocks(
        config,
        plant.clocks,
        plant.following(),
        {name: next(iter(words[name].values())) for name in plant.following()},
        announce_by_profile=[worth.name for worth in plant.announced_worth],
        trust=trust,
        loop=loop,
        recorder=recorder,
    )
    plant.time_bounds = TimeBounds(plant.clocks, plant.following(), plant.host, config.time, plant.port_clocks)
    plant.host.publisher = TimePublisher(
        plant.time_bounds, plant.clocks, config.time, beside=config.control.socket, loop=loop, recorder=recorder
    )
    if config.ntp.server.listen:
        from ptpstack.daemon.ntp_build import read_key_file  # noqa: PLC0415 (10 ms that PTP alone does not need)
        from ptpstack.daemon.ntp_server_build import Clocks, build_ntp_server  # noqa: PLC0415 (as above)

        clocks = Clocks(plant.clocks, plant.instances, plant.host, plant.time_bounds)
        keys = read_key_file(config.ntp)
        plant.host.ntp_server = build_ntp_server(config, clocks, keys, loop=loop, recorder=recorder)
    return plant


def _build_instances(
    plant: Plant,
    config: Config,
    resolved: Sequence[ResolvedInstance],
    words: Mapping[str, Mapping[int, str]],
    store: StateStore,
    *,
    loop: Loop,
    recorder: Recorder,
) -> None:
    """Put the instances of every kind, on their clocks, and their sockets into *plant*."""
    shared: dict[tuple[object, ...], PortIo] = {}
    resolved = with_batches(resolved, lambda name, number: plant.clocks[words[name][number]].clock.stamping)
    plant.shared_links = shared_links(resolved, words, plant.clocks, config.servo, loop=loop, recorder=recorder)
    for instance in resolved:
        clock = clock_of_instance(instance, words[instance.name], plant, loop, recorder)
        links = links_of(instance, plant.shared_links)
        driver = instance_driver(instance, clock, plant, links, config.servo, store=store, loop=loop, recorder=recorder)
        attach_ports(driver, instance, words[instance.name], plant.clocks, shared, loop=loop, recorder=recorder)
        if isinstance(clock, PortClocks):
            clock.user = driver
        else:
            clock.users.append(driver)
        plant.resolved[instance.name] = instance
    for service in plant.shared_links:
        for interface, port in service.ports.items():
            socket = shared[socket_key(port, service.clock.clock.stamping)]
            service.driver.attach(service.number_of[interface], socket)
    plant.port_ios = list(shared.values())


def _synce(config: Config, plant: Plant, loop: Loop, recorder: Recorder) -> SyncEDriver | None:
    """Return what drives `[synce]`, if there is any."""
    if not config.synce.port:
        return None
    from ptpstack.daemon.synce_build import build_synce  # noqa: PLC0415 (pyroute2 costs 20 MB that others do not need)

    def is_locked(name: str) -> bool:
        arbiter = plant.clocks[real_clock(config.source[name].clock, config.clock)].arbiter
        return arbiter.state is ClockState.LOCKED and arbiter.writer == f"source.{name}"

    def forget_oscillators(reason: str) -> None:
        for driver in plant.clocks.values():
            if driver.clock.stamping is Timestamping.HARDWARE:
                for event in driver.discipline.oscillator_changed(reason):
                    recorder.record(event)

    locked = {name: partial(is_locked, name) for name in config.source}
    return build_synce(config.synce, locked, forget_oscillators, loop, recorder)


def _time_trust(config: Config) -> TimeTrust:
    files = FILES if config.state.floor_files is UNSET else [Path(file) for file in config.state.floor_files]
    return TimeTrust(
        config.state.directory,
        now_s=time.time,
        monotonic_s=time.monotonic,
        kernel_says_kept=_kernel_says_kept,
        files=files,
        has_floor=config.state.time_floor,
    )


def _kernel_says_kept() -> bool:
    """Whether some program keeps the system clock; no, where a container forbids to ask."""
    try:
        return RealtimeClock(tai_offset_s=0).is_synchronized()
    except HardwareError:
        return False


def _leap_seconds(config: Config, recorder: Recorder) -> LeapSeconds:
    file = config.leap_seconds.file
    known = LeapSeconds() if file is UNSET else LeapSeconds([Path(file)] if file else [])
    for event in known.look(int(time.time())):
        recorder.record(event)
    return known
