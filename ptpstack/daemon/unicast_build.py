"""Which ports serve their unicast clients slot by slot, and what they get for it. numpy is loaded for these alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import msgspec

from hw.ethtool import link_speed_mbps
from hw.timestamping import Timestamping
from ptpstack.config.resolve import ResolvedInstance, ResolvedPort
from ptpstack.daemon.batched_port_io import BatchedPortIo
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.port_io import PortIo
from ptpstack.daemon.protocol_driver import StampingClock

BATCHES_PER_SECOND, CLIENTS_TOGETHER = 64, 128
"""So that there is something to be sent at once, yet the last of it waits less than 0.1 ms for a gigabit link."""

ATTOSECONDS_PER_MICROSECOND = 10**12
"""A bit at 1 Mbit/s."""


def with_batches(
    resolved: Sequence[ResolvedInstance], stamping_of: Callable[[str, int], Timestamping]
) -> list[ResolvedInstance]:
    """Return *resolved* with the speeds of links, and with batches for unicast services over UDP.

    There is one service by batches for each interface and transport; others there serve message by message. With
    hardware stamps Syncs are kept a millisecond apart as long as clients are few enough for that, since some NICs hold
    a single transmit stamp. *stamping_of* tells what stamps a port, by instance and number.
    """
    taken: set[tuple[str, str]] = set()
    return [
        replace(
            instance,
            ports=tuple(
                _with_batches(_with_bit_period(port), stamping_of(instance.name, port.settings.port_number), taken)
                for port in instance.ports
            ),
        )
        for instance in resolved
    ]


def _with_bit_period(port: ResolvedPort) -> ResolvedPort:
    """Return *port* with the speed of its link, where that is told and known."""
    speed_mbps = link_speed_mbps(port.interface) if port.settings.interface_rate_tlv else None
    if not speed_mbps:
        return port
    bit_period = ATTOSECONDS_PER_MICROSECOND // speed_mbps
    return replace(port, settings=msgspec.structs.replace(port.settings, interface_bit_period=bit_period))


def _with_batches(port: ResolvedPort, stamping: Timestamping, taken: set[tuple[str, str]]) -> ResolvedPort:
    service, place = port.settings.unicast_service, (port.interface, port.transport)
    fits = port.transport != "l2" and port.settings.two_step_flag
    if service is None or not fits or place in taken:
        return port
    taken.add(place)
    slots = {"slots_per_second": BATCHES_PER_SECOND, "together": CLIENTS_TOGETHER}
    batched = msgspec.structs.replace(service, batched=True, **(slots if stamping is Timestamping.SOFTWARE else {}))
    return replace(port, settings=msgspec.structs.replace(port.settings, unicast_service=batched))


def serve_in_batches(driver: InstanceDriver, port: ResolvedPort, port_io: PortIo, clock: StampingClock) -> None:
    """Let *port* of *driver* serve by batches over *port_io*, if that was chosen for it."""
    service, number = port.settings.unicast_service, port.settings.port_number
    engine_port = driver.instance.ports[number]
    if service is None or not service.batched or not isinstance(port_io, BatchedPortIo):
        return
    from ptpstack.daemon.unicast_batches import UnicastBatches  # noqa: PLC0415 (numpy)

    assert engine_port.negotiation is not None
    port_io.serve(UnicastBatches(engine_port.negotiation.batch_codec(engine_port), clock.local_time))
    driver.serve_batches(number, port_io)
