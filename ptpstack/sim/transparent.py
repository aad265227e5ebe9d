"""A transparent clock as what a host runs, beside or instead of its PTP instances."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import InstanceSettings, PortSettings
from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.engine.delay_filter import DelayFilter
from ptpstack.servo.filters import MovingMedian
from ptpstack.sim.host import Host


def add_transparent_clock(
    host: Host,
    settings: InstanceSettings,
    ports: Sequence[PortSettings],
    *,
    delay_filter: Callable[[], DelayFilter] = MovingMedian,
) -> TransparentClock:
    """Give *host* a transparent clock for the domain in *settings*, in which it has no other instance."""
    clock = TransparentClock(settings, ports, delay_filter=delay_filter)
    host.instances[settings.domain_number] = cast(PtpInstance, clock)  # it has the same inputs and outputs
    return clock
