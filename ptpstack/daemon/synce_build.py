"""From `[synce]` to the objects that drive it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from hw.link import interface_mac, link_is_up
from hw.sockets.ethernet_group import EthernetGroupSocket
from ptpstack.config.synce_rules import own_level
from ptpstack.config.synce_table import SyncE
from ptpstack.daemon.dpll_control import DpllControl, open_dplls
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.synce_driver import SyncEDriver
from ptpstack.observe.recorder import Recorder
from ptpstack.synce.clock import FrequencyLock, SyncEClock
from ptpstack.synce.esmc_port import EsmcPort
from ptpstack.synce.quality_level import QualityLevel, quality_levels
from ptpstack.synce.selection import FrequencySource, Selection
from ptpstack.time import MILLISECOND, interval_from_seconds
from ptpstack.wire import esmc
from ptpstack.wire.types import ClockIdentity


def build_synce(
    config: SyncE,
    is_locked: Mapping[str, Callable[[], bool]],
    on_lock: Callable[[str], None],
    loop: Loop,
    recorder: Recorder,
) -> SyncEDriver:
    """Return what drives *config*; *is_locked* tells of each source of pulses whether its clock is locked to it.

    *on_lock* is told when the DPLL makes another frequency, where clocks run on it.
    """
    levels = quality_levels(config.network_option)
    sources = [FrequencySource(port.interface, port.priority) for port in config.port if port.priority]
    sources += [FrequencySource(one.name, one.priority, reason="not looked at yet") for one in config.input]
    selection = Selection(
        sources,
        levels,
        own_level(config),
        wait_to_restore=interval_from_seconds(config.wait_to_restore_s),
        hold_off=round(config.hold_off_ms * MILLISECOND),
    )
    interfaces = [port.interface for port in config.port]
    ports = [EsmcPort(name, levels, extends=config.extended) for name in interfaces]
    identity = ClockIdentity.from_mac(interface_mac(interfaces[0]))

    def tell(level: QualityLevel, source: str) -> tuple[QualityLevel | None, str]:
        if not source or is_locked[source]():
            return level, ""
        return None, f"source {source} does not steer a locked clock"

    labels = {one.name: one.pin for one in config.input if one.pin}
    return SyncEDriver(
        SyncEClock(identity, ports, selection),
        open_socket=partial(EthernetGroupSocket, ethertype=esmc.ETHERTYPE, group=esmc.MAC),
        link_is_up=link_is_up,
        inputs={one.name: partial(tell, levels.named(one.quality_level), one.source) for one in config.input},
        open_dpll=(lambda: DpllControl(open_dplls(), config.clock_id, interfaces, labels))
        if config.frequency == "dpll"
        else None,
        assumed_lock=FrequencyLock.LOCKED if config.frequency == "locked" else FrequencyLock.UNKNOWN,
        on_lock=on_lock if config.drives_hardware_clocks else lambda _reason: None,
        loop=loop,
        recorder=recorder,
    )
