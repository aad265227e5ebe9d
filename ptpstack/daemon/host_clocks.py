"""From the configuration's followers, sources and outputs to objects wired to the clocks that they concern."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from hw.clock import Clock
from hw.external_timestamps import ExternalTimestamps
from hw.phc import Phc
from hw.pins import PinFunction
from hw.realtime import RealtimeClock
from hw.time_of_day import TimeOfDay
from hw.time_of_day_gpsd import GpsdTimeOfDay
from hw.time_of_day_nmea import NmeaTimeOfDay
from hw.time_of_day_system import SystemTimeOfDay
from hw.time_of_day_ubx import UbxTimeOfDay
from ptpstack.config.clock_rules import AUTO, SYSTEM, real_clock
from ptpstack.config.clock_table import Clock as ClockConfig
from ptpstack.config.model import Config
from ptpstack.config.pulse_tables import PulseSource as PulseSourceConfig
from ptpstack.daemon.clock_comparison import CrossTimestamped
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.clock_follower import ClockFollower, FollowedClock
from ptpstack.daemon.gptp_driver import GptpDriver
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.pulse_output import PulseOutput, put_on_pin
from ptpstack.daemon.pulse_source import PulseSource, Served
from ptpstack.daemon.time_publisher import TimePublisher
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.errors import ConfigError
from ptpstack.observe.recorder import Recorder
from ptpstack.time import interval_from_ns

if TYPE_CHECKING:
    from ptpstack.daemon.ntp_driver import NtpDriver
    from ptpstack.daemon.ntp_server import NtpServer
    from ptpstack.daemon.time_sink import TimeSink


class Part(Protocol):
    """What runs beside the instances."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> None:
        """End."""


@dataclass(slots=True)
class HostClocks:
    """What keeps clocks beside the instances: followers by the clock that follows, the rest by its name."""

    followers: dict[str, ClockFollower] = field(default_factory=dict)
    sources: dict[str, PulseSource] = field(default_factory=dict)
    outputs: dict[str, PulseOutput] = field(default_factory=dict)
    sinks: dict[str, TimeSink] = field(default_factory=dict)
    publisher: TimePublisher | None = None
    ntp: NtpDriver | None = None
    ntp_server: NtpServer | None = None

    def parts(self) -> list[Part]:
        """Return everything that is to be started and stopped, in this order."""
        ntp: list[Part] = [self.ntp] if self.ntp else []
        publisher: list[Part] = [self.publisher] if self.publisher else []
        server: list[Part] = [self.ntp_server] if self.ntp_server else []
        pulses: list[Part] = [*self.outputs.values(), *self.sources.values()]
        return [*pulses, *self.followers.values(), *self.sinks.values(), *ntp, *publisher, *server]


def host_clocks(config: Config) -> list[str]:
    """Return the clocks that followers, sources, outputs, NTP and its server need."""
    words = [name for name, clock in config.clock.items() if clock.follows]
    words += [clock.follows for clock in config.clock.values() if clock.follows not in ("", AUTO)]
    words += [source.clock for source in config.source.values()]
    words += [output.clock for output in config.output.values()]
    words += [sink.clock for sink in config.sink.values()]
    words += [config.ntp.clock] if config.ntp.is_used else []
    words += [config.ntp.server.clock] if config.ntp.server.listen else []
    return list(dict.fromkeys(real_clock(word, config.clock) for word in words))


def host_writers(config: Config) -> dict[str, str]:
    """Return what beside instances steers a clock, by clock; the rules let it be one at most."""
    writers = {real_clock(source.clock, config.clock): f"source.{name}" for name, source in config.source.items()}
    followers = {
        real_clock(name, config.clock): f"clock.{name}" for name, clock in config.clock.items() if clock.follows
    }
    return writers | followers


def check_writers(word: str, config: Config, instances: Sequence[str]) -> None:
    """Refuse a follower on a clock that instances steer, which only here is known of ``auto``."""
    for name, clock in config.clock.items():
        if instances and clock.follows and real_clock(name, config.clock) == word:
            raise ConfigError(
                f"instance {instances[0]} steers this clock",
                where=f"clock.{name}.follows",
                why=f"{word} is the clock of its ports",
                next_step="let it follow nothing, or set free_running = true in the instance",
            )


def refuses_timescale_mismatch(word: str, clocks: Mapping[str, ClockConfig]) -> bool:
    """Whether clock *word* must not be taken from UTC to what looks like TAI: the system clock, unless allowed."""
    return word == SYSTEM and not any(clock.allow_timescale_mismatch for clock in clocks.values())


def build_host_clocks(
    config: Config,
    drivers: Mapping[str, ClockDriver],
    instances: Mapping[str, InstanceDriver | GptpDriver],
    clock_of: Mapping[str, str],
    *,
    announce_by_profile: Container[str] = (),
    trust: TimeTrust,
    loop: Loop,
    recorder: Recorder,
) -> HostClocks:
    """Return what *config* describes, on the clocks *drivers*; *clock_of* tells the clock of each of *instances*.

    Those of *announce_by_profile* need not be told by a source of pulses what its clock is worth.
    Raises ``HardwareError`` or ``ConfigError``.
    """
    host = HostClocks()
    for name, clock in config.clock.items():
        if clock.follows:
            word = real_clock(name, config.clock)
            host.followers[word] = ClockFollower(
                f"clock.{name}",
                drivers[word],
                _followed_clocks(name, config, drivers, clock_of),
                log_interval=clock.log_interval,
                readings=clock.readings,
                loop=loop,
                recorder=recorder,
            )
    for name, source in config.source.items():
        word = real_clock(source.clock, config.clock)
        served = [
            Served(
                instances[instance],
                instances[instance].instance.default_ds.clock_quality,
                instances[instance].instance.time_properties_ds,
                announces_by_profile=instance in announce_by_profile,
            )
            for instance, clock in clock_of.items()
            if clock == word
        ]
        host.sources[name] = _pulse_source(name, source, drivers[word], served, loop=loop, recorder=recorder)
    for name, output in config.output.items():
        driver = drivers[real_clock(output.clock, config.clock)]
        host.outputs[name] = PulseOutput(f"output.{name}", output, driver, loop, recorder)
        driver.users.append(host.outputs[name])
    for name, sink in config.sink.items():
        from ptpstack.daemon.time_sink import TimeSink, make_writer  # noqa: PLC0415 (few configurations have any)

        host.sinks[name] = TimeSink(
            f"sink.{name}",
            sink,
            drivers[real_clock(sink.clock, config.clock)],
            open_writer=partial(make_writer, sink),
            loop=loop,
            recorder=recorder,
        )
    if config.ntp.is_used:
        from ptpstack.daemon.ntp_build import build_ntp  # noqa: PLC0415 (10 ms that PTP alone does not need)

        host.ntp = build_ntp(config.ntp, drivers[real_clock(config.ntp.clock, config.clock)], trust, loop, recorder)
    return host


def _followed_clocks(
    name: str, config: Config, drivers: Mapping[str, ClockDriver], clock_of: Mapping[str, str]
) -> list[FollowedClock]:
    """Return what clock *name* may follow, the preferred one first."""
    follows = real_clock(config.clock[name].follows, config.clock)
    words = [follows] if follows != AUTO else list(dict.fromkeys(clock_of.values()))
    references = {real_clock(key, config.clock) for key, clock in config.clock.items() if clock.reference}
    for word in words:
        clock = drivers[word].clock
        if word == real_clock(name, config.clock) or not isinstance(clock, RealtimeClock | CrossTimestamped):
            raise ConfigError(
                f"cannot follow {clock.name}",
                where=f"clock.{name}.follows",
                why="it is this clock" if isinstance(clock, RealtimeClock | CrossTimestamped) else "it is a soft clock",
                next_step="name another clock, or give the instance a hardware clock",
            )
    return [FollowedClock(drivers[word], word in references) for word in words]


def _pulse_source(
    name: str,
    config: PulseSourceConfig,
    driver: ClockDriver,
    served: Sequence[Served],
    *,
    loop: Loop,
    recorder: Recorder,
) -> PulseSource:
    def open_inputs(clock: Clock) -> ExternalTimestamps:
        assert isinstance(clock, Phc)  # the rules of the configuration saw to it
        put_on_pin(clock, config.pin, PinFunction.EXTTS, config.channel)
        return ExternalTimestamps(clock)

    source = PulseSource(
        f"source.{name}",
        config,
        driver,
        _time_of_day(config),
        open_inputs=open_inputs,
        kernel_tai_offset_s=RealtimeClock(tai_offset_s=0).kernel_tai_offset_s,
        served=served,
        loop=loop,
        recorder=recorder,
    )
    driver.users.append(source)
    return source


def _time_of_day(config: PulseSourceConfig) -> TimeOfDay:
    now, delay = monotonic_now(), interval_from_ns(config.time_of_day_delay_ns)
    match config.time_of_day:
        case "gpsd":
            return GpsdTimeOfDay(now, host=config.gpsd_host, port=config.gpsd_port, delay=delay)
        case "nmea":
            return NmeaTimeOfDay(config.serial_port, now, baud_rate=config.baud_rate, delay=delay)
        case "ubx":
            return UbxTimeOfDay(config.serial_port, now, baud_rate=config.baud_rate, delay=delay)
        case "system":
            return SystemTimeOfDay()
