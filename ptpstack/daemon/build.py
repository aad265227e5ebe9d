"""From a checked configuration to objects that are wired together and not yet started."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import UNSET

from hw.clock import Clock
from hw.link import interface_mac
from hw.realtime import RealtimeClock
from hw.temperature import TemperatureSensor
from hw.timestamping import Timestamping
from profiles.loader import ReferenceName
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.holdover_worth import holdover_settings
from ptpstack.arbiter.majority_watch import MajorityWatch
from ptpstack.arbiter.new_time import NewTime, NewTimeSettings
from ptpstack.arbiter.path_asymmetry import PathAsymmetries
from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.ntp_rules import NTP, ntp_writers
from ptpstack.config.ntp_table import accuracy_of
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.config.rules import is_transparent, steers
from ptpstack.config.servo_table import Servo as ServoConfig
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.announce_tlvs import AnnounceTlvs
from ptpstack.daemon.announced_worth import AnnouncedWorth
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.clocks import clock_word, clock_words, contests, open_clock
from ptpstack.daemon.gptp_build import (
    gptp_driver,
    hot_standby,
    links_of,
    primary_first,
    shared_links,
    station_status,
)
from ptpstack.daemon.gptp_driver import GptpDriver
from ptpstack.daemon.host_clocks import (
    build_host_clocks,
    check_writers,
    host_clocks,
    host_writers,
    refuses_timescale_mismatch,
)
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.plant import Plant
from ptpstack.daemon.port_clocks import PortClocks, follower_name
from ptpstack.daemon.port_io import PortIo
from ptpstack.daemon.ports_build import attach_ports, socket_key
from ptpstack.daemon.servo_settings import servo_for
from ptpstack.daemon.smp_synch_output import SmpSynchOutput
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.daemon.time_publisher import TimePublisher
from ptpstack.daemon.time_trust import FILES, TimeTrust
from ptpstack.daemon.transparent_driver import TransparentDriver
from ptpstack.daemon.unicast_build import with_batches
from ptpstack.errors import HardwareError
from ptpstack.gptp.link_port import LinkPort
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.registry import make_filter
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import interval_from_ns, interval_from_seconds
from ptpstack.wire.types import ClockIdentity

if TYPE_CHECKING:
    from ptpstack.daemon.synce_driver import SyncEDriver


def build(config: Config, resolved: Sequence[ResolvedInstance], loop: Loop, recorder: Recorder) -> Plant:
    """Return what *config* and its *resolved* instances describe. Raises ``HardwareError`` or ``ConfigError``."""
    trust = _time_trust(config)
    plant = Plant(trust=trust, leap_seconds=_leap_seconds(config, recorder))
    store = StateStore(config.state.directory)
    kept = KeptState(store)
    words = {instance.name: clock_words(instance, config.clock) for instance in resolved}
    host = host_writers(config)
    for word in dict.fromkeys([word for its in words.values() for word in its.values()] + host_clocks(config)):
        users = [instance for instance in resolved if word in words[instance.name].values()]
        clock = open_clock(word, users, config.clock, store)
        steering = primary_first([user.name for user in users if steers(user.values)], config.hot_standby)
        among = [follower_name(user.name) for user in users if len(set(words[user.name].values())) > 1]
        steered_by = [*([host[word]] if word in host else []), *steering, *among, *ntp_writers(config, word)]
        check_writers(word, config, [*steering, *among])
        kept_ppb = kept.frequency_ppb(clock) if steered_by else None
        begins_at_ppb = clock.frequency_ppb() if kept_ppb is None else kept_ppb
        for contest in contests(clock) if steered_by else ():
            recorder.record(contest)
        plant.clocks[word] = ClockDriver(
            clock,
            servo_for(config.servo, clock, begins_at_ppb, by_host=word in host),
            ClockArbiter(
                clock.name,
                steered_by,
                refuses_timescale_mismatch=refuses_timescale_mismatch(word, config.clock),
                watch=_majority_watch(config, word),
                new_time=NewTime(clock.name, _new_time(config)),
                return_after=interval_from_seconds(config.arbiter.return_after_s),
                hot_standby=hot_standby(config.hot_standby, steering),
                order=config.arbiter.order or "configuration",
            ),
            ClockCheck(config.servo.sanity_freq_limit_ppb),
            kept=kept,
            loop=loop,
            recorder=recorder,
            learnt_ppb=kept_ppb,
            reopen=partial(_reopen, word, users, config, store),
            holdover=holdover_settings(config.holdover, [user.profile for user in users]),
            sensor=TemperatureSensor(config.holdover.temperature) if config.holdover.temperature else None,
            step_threshold=interval_from_ns(config.servo.step_threshold_ns),
            leap_seconds=plant.leap_seconds,
            write_phase=config.servo.write_phase,
            asymmetries=_asymmetries(users, host.get(word, ""), store.load(clock.name).get("asymmetries")),
        )
    shared: dict[tuple[object, ...], PortIo] = {}
    resolved = with_batches(resolved, lambda name, number: plant.clocks[words[name][number]].clock.stamping)
    plant.shared_links = shared_links(resolved, words, plant.clocks, config.servo, loop=loop, recorder=recorder)
    for instance in resolved:
        clock_driver = _instance_clock(instance, words[instance.name], plant, loop, recorder)
        links = links_of(instance, plant.shared_links)
        driver = _driver(instance, clock_driver, plant, links, config.servo, store=store, loop=loop, recorder=recorder)
        attach_ports(driver, instance, words[instance.name], plant.clocks, shared, loop=loop, recorder=recorder)
        if isinstance(clock_driver, PortClocks):
            clock_driver.user = driver
        else:
            clock_driver.users.append(driver)
        plant.resolved[instance.name] = instance
    for service in plant.shared_links:
        for interface, port in service.ports.items():
            socket = shared[socket_key(port, service.clock.clock.stamping)]
            service.driver.attach(service.number_of[interface], socket)
    plant.port_ios = list(shared.values())
    plant.smp_synch = {output.name: output for output in _smp_synch(plant, loop, recorder)}
    plant.station_status = list(station_status(plant.gptp, plant.resolved, plant.clock_of, loop, recorder))
    plant.synce = _synce(config, plant, loop, recorder)
    plant.announced_worth = list(_announced_worth(config, plant, loop, recorder))
    served = {name: next(iter(words[name].values())) for name in plant.following()}
    plant.host = build_host_clocks(
        config,
        plant.clocks,
        plant.following(),
        served,
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


def _instance_clock(
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


def _driver(
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
    driver = plant.instances[name] = _instance_driver(resolved, clock, servo, loop, recorder)
    if (tlvs := _announce_tlvs(resolved, driver.instance, clock, loop)) is not None:
        plant.announce_tlvs.append(tlvs)
    return driver


def _kernel_says_kept() -> bool:
    """Whether some program keeps the system clock; no, where a container forbids to ask."""
    try:
        return RealtimeClock(tai_offset_s=0).is_synchronized()
    except HardwareError:
        return False


def _new_time(config: Config) -> NewTimeSettings:
    return NewTimeSettings(
        timescale_change=config.arbiter.timescale_change,
        step_on_new_grandmaster=config.arbiter.step_on_new_grandmaster,
        first_step_threshold=interval_from_ns(config.servo.first_step_threshold_ns),
    )


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


def _leap_seconds(config: Config, recorder: Recorder) -> LeapSeconds:
    file = config.leap_seconds.file
    known = LeapSeconds() if file is UNSET else LeapSeconds([Path(file)] if file else [])
    for event in known.look(int(time.time())):
        recorder.record(event)
    return known


def _majority_watch(config: Config, word: str) -> MajorityWatch | None:
    """Return what compares whoever steers clock *word* with the NTP servers, if that is wanted."""
    ntp = config.ntp
    if not ntp.watch or not ntp.is_used or real_clock(ntp.clock, config.clock) != word:
        return None
    return MajorityWatch(NTP, accuracy_of(ntp.watch), refuses=ntp.refuse_departed)


def _instance_driver(
    resolved: ResolvedInstance, clock: ClockDriver | PortClocks, servo: ServoConfig, loop: Loop, recorder: Recorder
) -> InstanceDriver:
    instance = PtpInstance(
        _settings(resolved),
        [port.settings for port in resolved.ports],
        random=random.random,
        delay_filter=partial(make_filter, servo.delay_filter, servo.delay_filter_length),
    )
    return InstanceDriver(resolved.name, instance, clock, loop, recorder)


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


def _smp_synch(plant: Plant, loop: Loop, recorder: Recorder) -> Iterator[SmpSynchOutput]:
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


def _asymmetries(users: Sequence[ResolvedInstance], writer: str, kept: object) -> PathAsymmetries:
    """Return what learns the paths of assisted *users* while *writer*, a source, steers their clock."""
    assisted = frozenset(user.name for user in users if user.values.learn_asymmetry)
    asymmetries = PathAsymmetries(assisted, frozenset([writer] if writer.startswith("source.") else []))
    asymmetries.restore(kept)
    return asymmetries


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


def _announced_worth(config: Config, plant: Plant, loop: Loop, recorder: Recorder) -> Iterator[AnnouncedWorth]:
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


def _transparent_driver(
    resolved: ResolvedInstance, clock: ClockDriver | PortClocks, servo: ServoConfig, loop: Loop, recorder: Recorder
) -> TransparentDriver:
    instance = TransparentClock(
        _settings(resolved),
        [port.settings for port in resolved.ports],
        delay_filter=partial(make_filter, servo.delay_filter, servo.delay_filter_length),
    )
    return TransparentDriver(resolved.name, instance, clock, loop, recorder)


def _settings(resolved: ResolvedInstance) -> InstanceSettings:
    return resolved.instance_settings(ClockIdentity.from_mac(interface_mac(resolved.ports[0].interface)))


def _reopen(word: str, users: Sequence[ResolvedInstance], config: Config, store: StateStore) -> Clock:
    """Open the clock *word* of *users* again, which ``auto`` may find by another name now."""
    found = word
    if users and len(set(clock_words(users[0], config.clock).values())) == 1:
        found = clock_word(users[0], config.clock)
    return open_clock(found, users, config.clock, store)
