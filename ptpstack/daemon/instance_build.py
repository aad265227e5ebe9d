"""The instances on their clocks, and what tells others how they are. What does not live here: gPTP (``gptp_build``)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import partial

from hw.link import interface_mac
from profiles.loader import ReferenceName
from ptpstack.config.model import Config
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.config.rules import is_transparent
from ptpstack.config.servo_table import Servo as ServoConfig
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.announce_tlvs import AnnounceTlvs
from ptpstack.daemon.announced_worth import AnnouncedWorth
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.gptp_build import gptp_driver
from ptpstack.daemon.gptp_driver import GptpDriver
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.plant import Plant
from ptpstack.daemon.port_clocks import PortClocks
from ptpstack.daemon.smp_synch_output import SmpSynchOutput
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.transparent_driver import TransparentDriver
from ptpstack.gptp.link_port import LinkPort
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.registry import make_filter
from ptpstack.time import interval_from_ns
from ptpstack.wire.types import ClockIdentity


def clock_of_instance(
    instance: ResolvedInstance, words: Mapping[int, str], plant: Plant, loop: Loop, recorder: Recorder
) -> ClockDriver | PortClocks:
    """Return the clock of *instance*, or those of its ports as one where they are several."""
    drivers = {word: plant.clocks[word] for word in words.values()}
    if len(drivers) == 1:
        return next(iter(drivers.values()))
    bound = interval_from_ns(instance.values.clock_alignment_ns)
    clocks = PortClocks(instance.name, drivers, words, bound, loop=loop, recorder=recorder)
    plant.port_clocks[instance.name] = clocks
    return clocks


def instance_driver(
    resolved: ResolvedInstance,
    clock: ClockDriver | PortClocks,
    plant: Plant,
    links: Mapping[int, LinkPort],
    servo: ServoConfig,
    *,
    store: StateStore,
    loop: Loop,
    recorder: Recorder,
) -> InstanceDriver | GptpDriver | TransparentDriver:
    """Return what drives an instance on *clock* and shared *links*, which is put where *plant* keeps its kind."""
    name = resolved.name
    if is_transparent(resolved.values):
        transparent = plant.transparent_clocks[name] = _transparent_driver(resolved, clock, servo, loop, recorder)
        return transparent
    plant.clock_of[name] = clock
    if resolved.is_gptp:
        gptp = plant.gptp[name] = gptp_driver(resolved, links, clock, servo, store=store, loop=loop, recorder=recorder)
        return gptp
    driver = plant.instances[name] = _ordinary_driver(resolved, clock, servo, loop, recorder)
    if (tlvs := _announce_tlvs(resolved, driver.instance, clock, loop)) is not None:
        plant.announce_tlvs.append(tlvs)
        driver.on_local_quality = tlvs.renew
    return driver


def smp_synch_outputs(plant: Plant, loop: Loop, recorder: Recorder) -> Iterator[SmpSynchOutput]:
    """Yield what tells merging units about the clock, of instances of power profiles and where a file is named."""
    for name, driver in plant.instances.items():
        values, profile, clock = plant.resolved[name].values, plant.resolved[name].profile, plant.clock_of[name]
        if values.smp_synch_file or profile.tells_smp_synch:
            yield SmpSynchOutput(
                name,
                driver.instance,
                clock,
                state=lambda clock=clock: clock.arbiter.state,  # type: ignore[misc]
                path=values.smp_synch_file,
                loop=loop,
                recorder=recorder,
            )


def announced_worth(config: Config, plant: Plant, loop: Loop, recorder: Recorder) -> Iterator[AnnouncedWorth]:
    """Yield what tells an instance the worth of its clock, where its profile has a table and anything may steer it."""
    references: dict[str, ReferenceName] = {
        f"source.{name}": source.reference_grade for name, source in config.source.items()
    }
    references |= dict.fromkeys(plant.instances, "ptp")
    for name, driver in plant.instances.items():
        profile, clock = plant.resolved[name].profile, plant.clock_of[name]
        if (rows := profile.clock_qualities()) and clock.arbiter.has_candidates:
            yield AnnouncedWorth(
                driver,
                clock,
                profile.ident,
                rows,
                references=references,
                frequency=plant.synce.frequency if plant.synce else lambda: "none",
                loop=loop,
                recorder=recorder,
            )


def _ordinary_driver(
    resolved: ResolvedInstance, clock: ClockDriver | PortClocks, servo: ServoConfig, loop: Loop, recorder: Recorder
) -> InstanceDriver:
    instance = PtpInstance(
        _settings(resolved),
        [port.settings for port in resolved.ports],
        random=random.random,
        delay_filter=partial(make_filter, servo.delay_filter, servo.delay_filter_length),
    )
    return InstanceDriver(resolved.name, instance, clock, loop, recorder)


def _transparent_driver(
    resolved: ResolvedInstance, clock: ClockDriver | PortClocks, servo: ServoConfig, loop: Loop, recorder: Recorder
) -> TransparentDriver:
    instance = TransparentClock(
        _settings(resolved),
        [port.settings for port in resolved.ports],
        delay_filter=partial(make_filter, servo.delay_filter, servo.delay_filter_length),
    )
    return TransparentDriver(resolved.name, instance, clock, loop, recorder)


def _announce_tlvs(
    resolved: ResolvedInstance, instance: PtpInstance, clock: ClockDriver | PortClocks, loop: Loop
) -> AnnounceTlvs | None:
    """Return what renews the TLVs of a grandmaster, if its profile or configuration wants any."""
    profile, values = resolved.profile, resolved.values
    word = values.local_time or ("UTC" if profile.requires_announce_tlvs else "")
    if not word and profile.announce_tlv is None:
        return None
    from zoneinfo import ZoneInfo  # noqa: PLC0415 (few configurations name a zone)

    zone = ZoneInfo(word) if word else None
    return AnnounceTlvs(
        instance, values, profile.announce_tlv, zone, clock=lambda: clock.clock, drifted_ns=clock.drifted_ns, loop=loop
    )


def _settings(resolved: ResolvedInstance) -> InstanceSettings:
    return resolved.instance_settings(ClockIdentity.from_mac(interface_mac(resolved.ports[0].interface)))
