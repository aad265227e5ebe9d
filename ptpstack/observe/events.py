"""The event every accepted Sync ends in: what was measured and what the clock was told."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.arbiter.outputs import Sampled
from ptpstack.events import Event, Severity
from ptpstack.servo.interface import ServoState
from ptpstack.time import interval_to_ns


class OffsetSample(Event, frozen=True, kw_only=True):
    """One measurement: the offset is local - master, the frequency what *clock* runs at after it.

    *steering* is false when the arbiter lets another instance, or nobody, steer the clock. Port 0: no port measured,
    the clock was compared with another of the host, or with pulses.
    """

    severity: ClassVar[Severity] = Severity.DEBUG

    clock: str
    port_number: int
    offset_ns: float
    mean_delay_ns: float
    frequency_ppb: float
    state: ServoState
    log_sync_interval: int
    steering: bool = True
    joined_offset_ns: float | None = None
    """What the servo was told where a Sync and a Delay_Req told it together, and its weight beside others."""
    weight: float = 1.0

    @classmethod
    def of(cls, sampled: Sampled, clock: str, frequency_ppb: float) -> OffsetSample:
        """Return what is told of *sampled*, after which *clock* runs at *frequency_ppb*."""
        measurement, joined = sampled.measurement, sampled.joined
        return cls(
            clock=clock,
            port_number=measurement.port_number,
            offset_ns=interval_to_ns(measurement.offset_from_master),
            mean_delay_ns=interval_to_ns(measurement.mean_delay),
            frequency_ppb=frequency_ppb,
            state=sampled.state,
            log_sync_interval=measurement.log_sync_interval,
            steering=sampled.steering,
            joined_offset_ns=interval_to_ns(joined.offset) if joined else None,
            weight=joined.weight if joined else 1.0,
        )

    def __str__(self) -> str:
        port = f"port {self.port_number}: " if self.port_number else ""
        return (
            f"{port}offset {self.offset_ns:+.0f} ns (local - master), "
            f"{self.clock} {self.frequency_ppb:+.1f} ppb, delay {self.mean_delay_ns:.0f} ns"
        )
