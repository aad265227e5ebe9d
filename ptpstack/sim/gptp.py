"""gPTP as what a host runs: instances of several domains, and the link delay service that they share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from ptpstack.config.resolve import ResolvedInstance, ResolvedPort
from ptpstack.core.instance import PtpInstance
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.link_delay_service import LinkDelayService
from ptpstack.gptp.link_port import LinkPort
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.servo.filters import MovingMedian
from ptpstack.sim.host import Host
from ptpstack.time import MonotonicTime

LINK_DELAY_SERVICE = -1
"""The service's place among a host's instances: no domain."""


def add_link_delay_service(
    host: Host, ports: Sequence[LinkSettings], *, delay_filter: Callable[[], DelayFilter] = MovingMedian
) -> LinkDelayService:
    """Give *host* the common mean link delay service on *ports*; its instances are to be made with it."""
    service = LinkDelayService(host.clock_identity, ports, delay_filter=delay_filter)
    host.instances[LINK_DELAY_SERVICE] = cast(PtpInstance, service)  # it has the same inputs and outputs
    return service


def add_gptp_instance(
    host: Host,
    settings: GptpSettings,
    ports: Sequence[GptpPortSettings],
    *,
    links: Mapping[int, LinkPort] | None = None,
    delay_filter: Callable[[], DelayFilter] = MovingMedian,
) -> GptpInstance:
    """Give *host* an end station or relay for the domain in *settings*, on the *links* of the service if it has any."""
    instance = GptpInstance(settings, ports, delay_filter=delay_filter, links=links)
    host.instances[settings.domain_number] = cast(PtpInstance, instance)  # it has the same inputs and outputs
    for number, link in (links or {}).items():
        if number in instance.ports:
            link.listeners.append(_listener(host, settings.domain_number, number))
    return instance


def add_resolved(
    host: Host, resolved: Sequence[ResolvedInstance], *, delay_filter: Callable[[], DelayFilter] = MovingMedian
) -> None:
    """Give *host* the gPTP instances of a configuration, and the service if any of their ports names it."""
    common: dict[int, LinkSettings] = {}
    for instance in resolved:
        common |= {port.settings.port_number: port.gptp.link for port in _common_ports(instance) if port.gptp}
    links = add_link_delay_service(host, list(common.values()), delay_filter=delay_filter).ports if common else {}
    for instance in resolved:
        shared = {port.settings.port_number for port in _common_ports(instance)}
        add_gptp_instance(
            host,
            instance.gptp_settings(host.clock_identity),
            [port.gptp for port in instance.ports if port.gptp is not None],
            links={number: link for number, link in links.items() if number in shared},
            delay_filter=delay_filter,
        )


def _common_ports(resolved: ResolvedInstance) -> list[ResolvedPort]:
    ports = zip(resolved.ports, resolved.values.port, strict=True)
    return [port for port, values in ports if values.delay_mechanism == "common-p2p" and port.gptp is not None]


def _listener(host: Host, domain: int, port_number: int) -> Callable[[MonotonicTime], None]:
    def changed(now: MonotonicTime) -> None:
        instance = cast(GptpInstance, host.instances.get(domain))
        if instance is not None:
            host.carry_out(domain, instance.link_delay_changed(port_number, now))

    return changed
