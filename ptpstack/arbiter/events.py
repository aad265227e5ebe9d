"""What was decided about who steers a clock, and about measurements that may not."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.events import Event, Severity
from ptpstack.wire.types import PortIdentity


class WriterChosen(Event, frozen=True, kw_only=True):
    """Another instance, source or followed clock, or nobody, steers *clock* from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    writer: str | None
    previous: str | None
    rule: str

    def __str__(self) -> str:
        who = f"{self.writer} steers it" if self.writer else "nobody steers it"
        return f"{self.clock}: {who}: {self.rule}"


class ClockStateChanged(Event, frozen=True, kw_only=True):
    """A clock is acquiring, locked, in holdover or free-running now."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    previous: ClockState
    state: ClockState
    rule: str

    def __str__(self) -> str:
        return f"{self.clock}: {self.previous.label} to {self.state.label}: {self.rule}"


class MeasurementRejected(Event, frozen=True, kw_only=True):
    """A measurement that no clock may follow."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    port_number: int
    offset_ns: float
    mean_delay_ns: float
    reason: str

    def __str__(self) -> str:
        return (
            f"port {self.port_number}: offset {self.offset_ns:+.0f} ns (local - master), "
            f"delay {self.mean_delay_ns:.0f} ns not used for {self.clock}: {self.reason}"
        )


class SourceDeparted(Event, frozen=True, kw_only=True):
    """The alarm that what steers a clock tells another time than the majority of the servers that watch it."""

    severity: ClassVar[Severity] = Severity.ERROR

    clock: str
    source: str
    watcher: str
    departure_ns: float
    """The time of *source* minus that of the majority."""
    bound_ns: float
    limit_ns: float
    refused: bool

    def __str__(self) -> str:
        follows = (
            "it is refused until it agrees again" if self.refused else "it is followed all the same, as configured"
        )
        return (
            f"{self.clock}: {self.source} departs from what {self.watcher} says: {self.departure_ns:+.0f} ns "
            f"(source - majority, known within {self.bound_ns:.0f} ns), beyond {self.limit_ns:.0f} ns: {follows}; "
            "next: check the grandmaster's reference, and that nobody else plays grandmaster"
        )


class SourceAgreesAgain(Event, frozen=True, kw_only=True):
    """What had departed from the majority of the servers tells the same time again."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    source: str
    watcher: str
    departure_ns: float
    bound_ns: float
    limit_ns: float
    refused: bool

    def __str__(self) -> str:
        may = ", and may steer" if self.refused else ""
        return (
            f"{self.clock}: {self.source} agrees with what {self.watcher} says again{may}: {self.departure_ns:+.0f} ns "
            f"(source - majority), within {self.limit_ns:.0f} ns"
        )


class TimescaleMismatch(Event, frozen=True, kw_only=True):
    """The alarm that a clock is as far off as TAI is from UTC: one of the two is read on the wrong timescale."""

    severity: ClassVar[Severity] = Severity.ERROR

    clock: str
    offset_ns: float

    def __str__(self) -> str:
        return (
            f"timescale mismatch: {self.clock} is {self.offset_ns / 1e9:+.3f} s off (local - master), which looks "
            "like TAI against UTC: not followed; next: check what the source says of its timescale and "
            "currentUtcOffset, or set the clock"
        )


class TimescaleTaken(Event, frozen=True, kw_only=True):
    """A clock that nothing else reads as UTC, such as a PHC that its driver began on UTC, is taken to TAI, or back."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    offset_ns: float

    def __str__(self) -> str:
        return (
            f"{self.clock} is {self.offset_ns / 1e9:+.3f} s off (local - master), which looks like TAI against UTC: "
            "followed, as it may, but make sure that nothing reads it on the other timescale"
        )


class TimescaleChanged(Event, frozen=True, kw_only=True):
    """What would steer *clock* is on another timescale than the clock kept so far."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    source: str
    ptp_timescale: bool
    offset_ns: float
    refused: bool

    def __str__(self) -> str:
        old, new = ("its grandmaster's own", "TAI") if self.ptp_timescale else ("TAI", "its grandmaster's own")
        then = (
            'refused, as timescale_change says; next: timescale_change = "step", or ptp_timescale at the grandmaster'
            if self.refused
            else "the clock may be stepped to it (beyond first_step_threshold_ns)"
        )
        return (
            f"{self.clock}: {self.source} is on another timescale: {new} after {old}, {self.offset_ns / 1e9:+.6f} s "
            f"off (local - master): {then}"
        )


class NewTimeDoubted(Event, frozen=True, kw_only=True):
    """One offset looks like another time, and the clock goes on as it does until a second one agrees."""

    clock: str
    source: str
    offset_ns: float

    def __str__(self) -> str:
        return (
            f"{self.clock}: {self.offset_ns:+.0f} ns off {self.source} (local - master), soon after a change of "
            "grandmaster or timescale or by as much as TAI is from UTC: counts only if the next offset agrees"
        )


class StepAllowedAgain(Event, frozen=True, kw_only=True):
    """Another grandmaster is followed, and ``first_step_threshold`` counts for it as for the first."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    previous: str
    grandmaster: str
    offset_ns: float
    rule: str

    def __str__(self) -> str:
        why = "as always" if self.rule == "always" else "as the clock was never locked to a traceable one"
        return (
            f"{self.clock}: grandmaster {self.grandmaster} after {self.previous}, {self.offset_ns:+.0f} ns off "
            f"(local - master): it may be stepped to beyond first_step_threshold_ns, {why}"
        )


class ClockHeld(Event, frozen=True, kw_only=True):
    """A clock without measurements runs on at the frequency that it had on average."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    frequency_ppb: float
    last_command_ppb: float

    def __str__(self) -> str:
        return (
            f"{self.clock}: held at the mean frequency {self.frequency_ppb:+.1f} ppb; "
            f"the last command, with the noise of one sample, was {self.last_command_ppb:+.1f} ppb"
        )


class FrequencyRestored(Event, frozen=True, kw_only=True):
    """The frequency learnt before a restart, or before the clock went away, is in force again."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    frequency_ppb: float

    def __str__(self) -> str:
        return f"{self.clock}: runs at {self.frequency_ppb:+.1f} ppb as learnt before"


class EarlierOffsetCounted(Event, frozen=True, kw_only=True):
    """What the master had sent before its first usable Sync tells the frequency of the clock with that Sync."""

    clock: str
    offset_ns: float
    elapsed_s: float
    """Of the clock, from then until the Sync, at *frequency_ppb* as it was found."""
    frequency_ppb: float

    def __str__(self) -> str:
        before = f"{self.elapsed_s:.3f} s before its first usable Sync"
        return (
            f"{self.clock}: what the master sent {before} says {self.offset_ns:+.0f} ns: so the frequency is known too"
        )


class AsymmetryLearnt(Event, frozen=True, kw_only=True):
    """A path was watched for long enough, while a reference steered the clock, to know how asymmetric it is."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    instance: str
    port_identity: PortIdentity
    asymmetry_ns: float
    bound_ns: float
    mean_delay_ns: float

    def __str__(self) -> str:
        return (
            f"{self.clock}: the path of {self.instance} to {self.port_identity} is asymmetric by "
            f"{self.asymmetry_ns:+.0f} ns, within {self.bound_ns:.0f} ns (mean delay {self.mean_delay_ns:.0f} ns): "
            "taken off its measurements from now on"
        )


class AsymmetryUsed(Event, frozen=True, kw_only=True):
    """An instance steers the clock by what was learnt of its path."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    instance: str
    port_identity: PortIdentity
    asymmetry_ns: float
    bound_ns: float

    def __str__(self) -> str:
        return (
            f"{self.clock}: {self.instance} keeps it by {self.port_identity}, less the learnt asymmetry "
            f"{self.asymmetry_ns:+.0f} ns, known within {self.bound_ns:.0f} ns"
        )


class AssistedPathChanged(Event, frozen=True, kw_only=True):
    """A path takes another time than while its asymmetry was learnt, and nothing can learn it anew now."""

    severity: ClassVar[Severity] = Severity.WARNING

    clock: str
    instance: str
    port_identity: PortIdentity
    learnt_delay_ns: float
    mean_delay_ns: float
    bound_ns: float

    def __str__(self) -> str:
        return (
            f"{self.clock}: the path of {self.instance} to {self.port_identity} takes {self.mean_delay_ns:.0f} ns now, "
            f"and took {self.learnt_delay_ns:.0f} ns while its asymmetry was learnt: known within {self.bound_ns:.0f} "
            "ns only; next: restore the path, or the reference"
        )


class OscillatorForgotten(Event, frozen=True, kw_only=True):
    """What was learnt for holdover holds no more, as something else makes the clock's frequency."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    reason: str

    def __str__(self) -> str:
        return f"{self.clock}: what was learnt of its frequency is forgotten, and its bound unknown: {self.reason}"
