"""The sockets of the ports: which they share, and how they are opened."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from hw.link import link_is_up
from hw.sockets import PortSocket
from hw.timestamping import Timestamping
from profiles.loader import TransportName
from ptpstack.config.resolve import ResolvedInstance, ResolvedPort
from ptpstack.daemon.batched_port_io import BatchedPortIo
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.gptp_driver import GptpDriver
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.port_io import PortIo
from ptpstack.daemon.transparent_driver import TransparentDriver
from ptpstack.daemon.transports import open_port_socket
from ptpstack.daemon.unicast_build import serve_in_batches
from ptpstack.errors import ConfigError
from ptpstack.observe.recorder import Recorder


def attach_ports(
    driver: InstanceDriver | TransparentDriver | GptpDriver,
    instance: ResolvedInstance,
    words: Mapping[int, str],
    clocks: Mapping[str, ClockDriver],
    shared: dict[tuple[object, ...], PortIo],
    *,
    loop: Loop,
    recorder: Recorder,
) -> None:
    """Let the frames of each port go by sockets, which ports that agree in all that concerns them share."""
    for port in instance.ports:
        number = port.settings.port_number
        port_clock = clocks[words[number]]
        key = socket_key(port, port_clock.clock.stamping)
        if key not in shared:
            shared[key] = _port_io(port, port_clock, loop, recorder)
        driver.attach(number, shared[key], refuses=instance.profile.refuses, clock=port_clock)
        if isinstance(driver, InstanceDriver):
            serve_in_batches(driver, port, shared[key], port_clock)


def socket_key(port: ResolvedPort, stamping: Timestamping) -> tuple[object, ...]:
    """Ports that agree in all of these share their sockets."""
    sends = port.destination_mac, port.vlan_tag, port.udp_ttl, port.dscp_event, port.dscp_general
    return (port.interface, port.transport, stamping, *sends)


def _port_io(port: ResolvedPort, clock: ClockDriver, loop: Loop, recorder: Recorder) -> PortIo:
    stamping = clock.clock.stamping
    if port.timestamping not in ("auto", stamping.value):
        raise ConfigError(
            f"timestamping is {port.timestamping}",
            where=f"port on {port.interface}",
            why=f"the clock of its instance is stamped in {stamping.value}",
            next_step="leave timestamping open, or choose another clock for the instance",
        )
    transport: TransportName = port.transport

    def open_socket() -> PortSocket:
        clock.revive()  # an interface that was gone took its clock along
        return open_port_socket(
            port.interface,
            transport,
            stamping,
            ttl=port.udp_ttl,
            dscp_event=port.dscp_event,
            dscp_general=port.dscp_general,
            vlan_tag=port.vlan_tag,
            one_step_sync=not port.settings.two_step_flag,
        )

    kind = PortIo if transport == "l2" else BatchedPortIo
    return kind(
        loop,
        recorder,
        port.interface,
        transport,
        port.destination_mac,
        open_socket=open_socket,
        link_is_up=partial(link_is_up, port.interface),
        vlan_id=(port.vlan_tag or 0) & 0xFFF,
    )
