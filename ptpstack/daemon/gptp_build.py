"""From gPTP instances of the configuration to engines and drivers, and to the link delay service that they share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from msgspec.structs import replace

from hw.link import interface_mac
from hw.sockets.ethernet_group import EthernetGroupSocket
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.gptp_resolve import hot_standby_settings
from ptpstack.config.hot_standby_table import HotStandby
from ptpstack.config.instance_table import Instance
from ptpstack.config.resolve import ResolvedInstance, ResolvedPort
from ptpstack.config.servo_table import Servo as ServoConfig
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.gptp_driver import GptpDriver, KeptDelays, LinkDelayDriver
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.port_clocks import PortClocks
from ptpstack.daemon.state_store import StateStore
from ptpstack.daemon.station_status_output import StationStatusOutput
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.engine.port_state import PortState
from ptpstack.gptp.hot_standby import HotStandbySystem
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_delay_service import LinkDelayService
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.settings import GptpPortSettings
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.registry import make_filter
from ptpstack.time import NANOSECOND
from ptpstack.wire import station_status as station_status_message
from ptpstack.wire.types import ClockIdentity

COMMON_MECHANISM = "common-p2p"


class SharedLinks:
    """The common mean link delay service on *ports* by interface, called *name* in events, stamped by *clock*."""

    def __init__(
        self,
        name: str,
        ports: Mapping[str, ResolvedPort],
        clock: ClockDriver,
        servo: ServoConfig,
        *,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.ports = ports
        self.clock = clock
        self.number_of = {interface: number for number, interface in enumerate(ports, start=1)}
        settings = [
            replace(port.gptp.link, port_number=self.number_of[interface])
            for interface, port in ports.items()
            if port.gptp is not None
        ]
        identity = ClockIdentity.from_mac(interface_mac(next(iter(ports))))
        service = LinkDelayService(identity, settings, delay_filter=delay_filter(servo))
        self.driver = LinkDelayDriver(name, service, clock, loop, recorder)


def shared_links(
    resolved: Sequence[ResolvedInstance],
    words: Mapping[str, Mapping[int, str]],
    clocks: Mapping[str, ClockDriver],
    servo: ServoConfig,
    *,
    loop: Loop,
    recorder: Recorder,
) -> list[SharedLinks]:
    """Return the services that *resolved* need, one for each clock; *words* tells the clock of each of their ports."""
    ports: dict[str, dict[str, ResolvedPort]] = {}
    for instance in resolved:
        for port in _common_ports(instance):
            word = words[instance.name][port.settings.port_number]
            ports.setdefault(word, {}).setdefault(port.interface, port)
    services: list[SharedLinks] = []
    for word, on_clock in ports.items():
        name = f"cmlds.{word}" if services else "cmlds"
        services.append(SharedLinks(name, on_clock, clocks[word], servo, loop=loop, recorder=recorder))
        clocks[word].users.append(services[-1].driver)
    return services


def _common_ports(resolved: ResolvedInstance) -> list[ResolvedPort]:
    ports = zip(resolved.ports, resolved.values.port, strict=True)
    return [port for port, values in ports if resolved.is_gptp and values.delay_mechanism == COMMON_MECHANISM]


def links_of(resolved: ResolvedInstance, services: Sequence[SharedLinks]) -> dict[int, LinkPort]:
    """Return the links of an instance's ports by their numbers there, where a service measures them."""
    return {
        port.settings.port_number: service.driver.instance.ports[service.number_of[port.interface]]
        for port in _common_ports(resolved)
        for service in services
        if port.interface in service.number_of
    }


def gptp_driver(
    resolved: ResolvedInstance,
    links: Mapping[int, LinkPort],
    clock: ClockDriver | PortClocks,
    servo: ServoConfig,
    *,
    store: StateStore,
    loop: Loop,
    recorder: Recorder,
) -> GptpDriver:
    """Return what drives the instance that *resolved* describes; a port that is not in *links* measures by itself."""
    kept = KeptDelays(store, {port.settings.port_number: port.interface for port in resolved.ports}, recorder)
    identity = ClockIdentity.from_mac(interface_mac(resolved.ports[0].interface))
    instance = GptpInstance(
        resolved.gptp_settings(identity),
        [_begins_at_kept_delay(port.gptp, kept) for port in resolved.ports if port.gptp is not None],
        delay_filter=delay_filter(servo),
        links=links,
    )
    driver = GptpDriver(resolved.name, instance, clock, loop, recorder)
    driver.kept_delays = kept
    for number, link in links.items():
        link.listeners.append(partial(driver.link_delay_changed, number))
    return driver


def _begins_at_kept_delay(settings: GptpPortSettings, kept: KeptDelays) -> GptpPortSettings:
    """Return the settings of a port that believes in its link before it measured it, with the delay from last time."""
    if not settings.link.as_capable_on_link_up:
        return settings
    delay = kept.of(settings.port_number)
    return replace(settings, link=replace(settings.link, kept_mean_link_delay=delay))


def primary_first(steering: Sequence[str], table: HotStandby) -> list[str]:
    """Return the instances that steer a clock with the primary one of a hot standby before the secondary one."""
    pair = [name for name in (table.primary, table.secondary) if name in steering]
    return [pair.pop(0) if name in (table.primary, table.secondary) else name for name in steering]


def hot_standby(table: HotStandby, steering: Mapping[str, Instance]) -> HotStandbySystem | None:
    """Return the hot standby of the clock that *steering* instances steer, None where it is not theirs."""
    if not {table.primary, table.secondary} <= steering.keys():
        return None
    settings = hot_standby_settings(table, steering)
    return HotStandbySystem(settings) if settings is not None else None


def station_status(
    drivers: Mapping[str, GptpDriver],
    resolved: Mapping[str, ResolvedInstance],
    clocks: Mapping[str, ClockDriver | PortClocks],
    loop: Loop,
    recorder: Recorder,
) -> Iterator[StationStatusOutput]:
    """Yield what tells AVnu's Test Status on the ports that want it."""
    for name, driver in drivers.items():
        for port, values in zip(resolved[name].ports, resolved[name].values.port, strict=True):
            if values.test_status:
                clock = clocks[name]
                yield StationStatusOutput(
                    name,
                    driver.instance,
                    port.settings.port_number,
                    interface_mac(port.interface),
                    open_socket=partial(
                        EthernetGroupSocket,
                        port.interface,
                        ethertype=station_status_message.ETHERTYPE,
                        group=station_status_message.MAC,
                    ),
                    is_synced=partial(_is_synced, driver.instance, clock),
                    clock_ns=partial(_reading_ns, clock),
                    loop=loop,
                    recorder=recorder,
                )


def _is_synced(instance: GptpInstance, clock: ClockDriver | PortClocks) -> bool:
    serves = instance.is_grandmaster and any(port.state is PortState.MASTER for port in instance.ports.values())
    return serves or clock.arbiter.state is ClockState.LOCKED


def _reading_ns(clock: ClockDriver | PortClocks) -> int:
    return int(clock.clock.time()) // NANOSECOND


def delay_filter(servo: ServoConfig) -> Callable[[], DelayFilter]:
    """Return what makes the filter of one link's delays."""
    return partial(make_filter, servo.delay_filter, servo.delay_filter_length)
