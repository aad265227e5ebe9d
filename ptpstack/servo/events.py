"""What a servo and the checks around it decided.

Offsets and steps are in ns and signed local - master; a clock's frequency is in ppb, positive: faster.
"""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity
from ptpstack.servo.interface import ServoState


class ServoStateChanged(Event, frozen=True, kw_only=True):
    """The servo went from one state to another."""

    severity: ClassVar[Severity] = Severity.NOTICE

    previous: ServoState
    state: ServoState
    offset_ns: float
    frequency_ppb: float
    rule: str

    def __str__(self) -> str:
        return (
            f"servo {self.previous.name} -> {self.state.name} at offset {self.offset_ns:+.0f} ns (local - master), "
            f"clock frequency {self.frequency_ppb:+.1f} ppb: {self.rule}"
        )


class ClockStepped(Event, frozen=True, kw_only=True):
    """The servo moves the clock at once instead of changing its rate."""

    severity: ClassVar[Severity] = Severity.WARNING

    step_ns: float
    offset_ns: float
    rule: str

    def __str__(self) -> str:
        direction = "forward" if self.step_ns > 0 else "back"
        return (
            f"clock stepped {direction} by {abs(self.step_ns):.0f} ns, "
            f"offset was {self.offset_ns:+.0f} ns (local - master): {self.rule}"
        )


class FrequencyClamped(Event, frozen=True, kw_only=True):
    """The servo wants a frequency that the clock cannot run at. Told once, until it has fitted for 256 samples."""

    severity: ClassVar[Severity] = Severity.WARNING

    wanted_ppb: float
    limit_ppb: float
    offset_ns: float

    def __str__(self) -> str:
        return (
            f"servo wants {self.wanted_ppb:+.0f} ppb, the limit is ±{self.limit_ppb:.0f} ppb, "
            f"at offset {self.offset_ns:+.0f} ns (local - master); the integral is frozen until it fits"
        )


class ChangeFollowed(Event, frozen=True, kw_only=True):
    """Samples the servo took for outliers kept coming and agreed: the offset, or its rate, did change."""

    severity: ClassVar[Severity] = Severity.NOTICE

    samples: int
    phase_ns: float
    frequency_change_ppb: float

    def __str__(self) -> str:
        rate = (
            f" and its frequency changed by {self.frequency_change_ppb:+.1f} ppb" if self.frequency_change_ppb else ""
        )
        return (
            f"the last {self.samples} offsets were far from expected and agree: "
            f"the clock is {self.phase_ns:+.0f} ns from where it was thought{rate}; following"
        )


class SurpriseHalfFollowed(Event, frozen=True, kw_only=True):
    """After long quiet one offset is far off, a step or an outlier: it is followed in part until the next one tells."""

    severity: ClassVar[Severity] = Severity.NOTICE

    phase_ns: float
    share: float

    def __str__(self) -> str:
        return (
            f"one offset is {self.phase_ns:+.0f} ns from where the clock was thought, after long quiet and beyond "
            f"every outlier so far: followed by {self.share:.0%} until the next one tells whether it is a step"
        )


class SanityFailed(Event, frozen=True, kw_only=True):
    """The clock did not advance as its set frequency says, seen from the monotonic raw clock."""

    severity: ClassVar[Severity] = Severity.WARNING

    interval_s: float
    raw_interval_s: float
    error_ppb: float
    limit_ppb: float

    def __str__(self) -> str:
        what = "forward or runs too fast" if self.error_ppb > 0 else "backward or runs too slow"
        return (
            f"clock jumped {what}: it advanced {self.interval_s:.6f} s in {self.raw_interval_s:.6f} s "
            f"of the raw clock, {self.error_ppb:+.0f} ppb beyond what was set, the limit is ±{self.limit_ppb:.0f} ppb"
        )


class FrequencyChangedElsewhere(Event, frozen=True, kw_only=True):
    """The clock does not run at the frequency that was last set: someone else steers it too."""

    severity: ClassVar[Severity] = Severity.WARNING

    expected_ppb: float
    found_ppb: float

    def __str__(self) -> str:
        return (
            f"clock frequency was set to {self.expected_ppb:+.1f} ppb and reads {self.found_ppb:+.1f} ppb: "
            "another program steers this clock; stop it or let it alone do so"
        )
