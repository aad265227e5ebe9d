"""From `[[ntp.reference]]` of the configuration to inputs and the sources that they make."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import UNSET

from hw.gpsd import GpsdConnection
from hw.pps import Edge
from ntp.reference.clock import ReferenceClock
from ntp.reference.pulses import PpsInput
from ntp.reference.reading import ReferenceInput
from ntp.reference.receivers import GpsdInput, SerialInput
from ntp.reference.shm import ShmInput
from ntp.reference.sock import SockInput
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.reference_inputs import Reference
from ptpstack.time import MICROSECOND, MILLISECOND, TimeInterval, interval_from_ns

PULSE_BOUND: TimeInterval = 10 * MICROSECOND
"""What an interrupt may be late on a machine that does other things too: unverified, `accuracy_ns` says better."""

MESSAGE_DELAY = MESSAGE_BOUND = 250 * MILLISECOND
"""Receivers begin to speak of a second within half a second: unverified, `delay_ns` and `accuracy_ns` say better."""

_IDS = {"gpsd": "GPS", "sock": "SOCK", "shm": "SHM", "pps": "PPS", "nmea": "NMEA", "ubx": "GPS"}


def build_references(configs: Sequence[NtpReference]) -> list[Reference]:
    """Return the reference clocks of *configs*, not yet read. Raises ``HardwareError``."""
    return [Reference(config, _input(config), _clock(config)) for config in configs]


def _clock(config: NtpReference) -> ReferenceClock:
    reference_id = (config.reference_id or _IDS[config.type]).encode().ljust(4, b"\0")
    return ReferenceClock(
        config.name,
        log_interval=config.log_interval,
        offset_correction=interval_from_ns(config.offset_ns),
        reference_id=reference_id,
    )


def _input(config: NtpReference) -> ReferenceInput:
    now = monotonic_now()
    stated = None if config.accuracy_ns is UNSET else interval_from_ns(config.accuracy_ns)
    pulse_bound, message_bound = stated or PULSE_BOUND, stated or MESSAGE_BOUND
    if config.type == "gpsd":  # gives either, of which nobody knows messages well without their delay
        pulse_bound, message_bound = _gpsd_bounds(stated, knows_delay=config.delay_ns is not UNSET)
    delay = MESSAGE_DELAY if config.delay_ns is UNSET else interval_from_ns(config.delay_ns)
    match config.type:
        case "gpsd":
            gpsd = GpsdConnection(now, port=config.gpsd_port, device=config.device or None)
            return GpsdInput(gpsd, pulse_bound=pulse_bound, delay=delay, bound=message_bound)
        case "sock":
            return SockInput(config.path, now, bound=pulse_bound, mode=config.mode, group=config.group)
        case "shm":
            return ShmInput(config.unit, now, bound=pulse_bound, mode=config.mode)
        case "pps":
            return PpsInput(config.path, now, bound=pulse_bound, edge=Edge[config.edge.upper()])
        case "nmea" | "ubx":
            return SerialInput(
                config.path,
                now,
                speaks_ubx=config.type == "ubx",
                baud_rate=config.baud_rate,
                delay=delay,
                bound=message_bound,
            )


def _gpsd_bounds(stated: TimeInterval | None, *, knows_delay: bool) -> tuple[TimeInterval, TimeInterval]:
    """Return how wrong pulses and messages may be: what is *stated* is of messages where their delay is set too."""
    if stated is None:
        return PULSE_BOUND, MESSAGE_BOUND
    return (min(stated, PULSE_BOUND), stated) if knows_delay else (stated, MESSAGE_BOUND)
