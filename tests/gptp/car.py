"""Cars in virtual time: systems whose roles are set, with the settings of AVnu Automotive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.servo.interface import Servo
from ptpstack.sim.gptp import add_gptp_instance
from ptpstack.sim.host import Host
from ptpstack.sim.world import World
from tests.gptp.network import JITTER, PPM
from tests.gptp.rig import Rig

LINK: dict[str, Any] = {
    "as_capable_on_link_up": True,
    "oper_log_pdelay_req_interval": 2,
    "log_pdelay_retry_interval": -5,
}
PORT: dict[str, Any] = {
    "gptp_capable_state_machines_enabled": False,
    "log_sync_interval": -5,
    "oper_log_sync_interval": 0,
    "obeys_only_sync_interval": True,
    "verifies_source_port_identity": False,
    "sends_without_sync": True,
}
INSTANCE: dict[str, Any] = {"external_port_configuration_enabled": True, "announces": False}


def slave_rig(*, link: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **rig: Any) -> Rig:
    """The one port of an end station."""
    return _rig(PortState.SLAVE, link, settings, rig)


def master_rig(*, link: dict[str, Any] | None = None, settings: dict[str, Any] | None = None, **rig: Any) -> Rig:
    """The one port of a grandmaster."""
    return _rig(PortState.MASTER, link, settings, rig)


def relay_rig(**rig: Any) -> Rig:
    """A relay at eight Syncs a second: its slave port before the neighbour, and a master port, number 2."""
    port = PORT | {"log_sync_interval": -3}
    link = LINK | rig.get("link", {})
    second = GptpPortSettings(link=LinkSettings(port_number=2, **link), desired_state=PortState.MASTER, **port)
    return slave_rig(more_ports=[second], **(port | rig))


def _rig(role: PortState, link: dict[str, Any] | None, settings: dict[str, Any] | None, rig: dict[str, Any]) -> Rig:
    return Rig(settings=INSTANCE | (settings or {}), link=LINK | (link or {}), desired_state=role, **(PORT | rig))


def add_static(
    world: World,
    name: str,
    roles: Sequence[PortState],
    *,
    frequency_error_ppm: float = 0.0,
    offset_ns: float = 0.0,
    servo: Servo | None = None,
    settings: dict[str, Any] | None = None,
    **port_settings: Any,
) -> Host:
    """Add a system with one port for each of *roles*."""
    host = world.add_host(
        name,
        frequency_error_ppb=frequency_error_ppm * PPM,
        offset_ns=offset_ns,
        servo=servo,
        stamping=JITTER,
        clock_domains=(0,),
    )
    ports = [
        GptpPortSettings(link=LinkSettings(port_number=number, **LINK), desired_state=role, **(PORT | port_settings))
        for number, role in enumerate(roles, start=1)
    ]
    instance = GptpSettings(clock_identity=host.clock_identity, **(INSTANCE | (settings or {})))
    add_gptp_instance(host, instance, ports)
    return host
