"""What an NTP server says of a clock: stratum, reference, how far off it may be, and how stamps become its time.

What lives here: asking the clock, its arbiter and whatever steers it. What does not: telling the workers
(``ntp_server``), and the wire.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from hw.timestamping import Timestamping
from ntp.orphans import Orphans
from ntp.reference_identifier import reference_id_of
from ntp.server.smear import NOT_SMEARED, LeapSmear, Smear
from ntp.server.time_state import STALE_GROWTH_PPB, UNSYNCHRONIZED_STRATUM, Line, TimeState
from ntp.wire.packet import Leap
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.time_bound import TimeBound
from ptpstack.config.ntp_rules import NTP
from ptpstack.daemon.clock_comparison import CrossTimestamped
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.errors import HardwareError
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, interval_to_ns

if TYPE_CHECKING:
    from ptpstack.daemon.clock_driver import ClockDriver
    from ptpstack.daemon.host_clocks import HostClocks
    from ptpstack.daemon.instance_driver import InstanceDriver

PRIMARY_STRATUM = 1
UNTRACEABLE_STRATUM = 10
"""Below a grandmaster that does not say it is traceable: only those who have nothing better follow."""

PRIMARY_CLASSES = frozenset({6, 7, 13, 14})
"""clockClass of what is, or was just now, synchronized to a primary reference (IEEE 1588-2019 Table 4)."""

LOCAL_REFERENCE = b"LOCL"
FRESH_S = 5.0
PRECISION_LOG2 = -24
READINGS = 5


@dataclass(frozen=True, slots=True)
class Reference:
    """What a clock follows, as NTP has it; *why* is for people."""

    stratum: int
    reference_id: bytes
    root_delay_ns: float
    why: str


class ServedTime:
    """Of clock *word*; *bounds* knows how far off clocks are. *local_stratum* 0: only while it is synchronized."""

    def __init__(
        self,
        word: str,
        drivers: Mapping[str, ClockDriver],
        instances: Mapping[str, InstanceDriver],
        host: HostClocks,
        bounds: TimeBounds,
        *,
        local_stratum: int = 0,
        smears: bool = False,
    ) -> None:
        self.word = word
        self._drivers, self._instances, self._host, self._bounds = drivers, instances, host, bounds
        self._local_stratum = local_stratum
        self._smear = LeapSmear() if smears else None
        self._reference_ns = 0
        self._samples = -1
        self._last_line: Line | None = None
        self._locked: tuple[MonotonicTime, TimeBound] | None = None
        self._reference_told: Reference | None = None
        """What the clock followed last: in holdover that is still where its time comes from."""

        self.why = "nothing is known yet"
        """Why the stratum is what it is, for people."""

    @property
    def driver(self) -> ClockDriver:
        """The clock that is served."""
        return self._drivers[self.word]

    def state(self, now: MonotonicTime) -> TimeState:
        """Return what to tell the workers. Raises ``HardwareError``."""
        monotonic_ns, realtime_ns = _read_together()
        leap = self._leap(realtime_ns // 1_000_000_000)
        smear = self._smear.at(realtime_ns, leap, monotonic_ns) if self._smear else NOT_SMEARED
        line, uncertainty_ns = self._line(realtime_ns)
        served_ns = line.at(realtime_ns)
        if self.driver.samples != self._samples:
            self._samples, self._reference_ns = self.driver.samples, served_ns
        bound, growth_ppb = self._bound(now)
        if self.driver.arbiter.state is ClockState.LOCKED or self._reference_told is None:
            self._reference_told = self._reference(self.driver) or self._reference_told
        reference = self._reference_told
        orphans = self._update_orphans(now)
        hardware = self._hardware_line()
        state = TimeState(
            precision=PRECISION_LOG2,
            monotonic_ns=monotonic_ns,
            realtime_ahead_ns=realtime_ns - monotonic_ns,
            realtime=_smeared(line, realtime_ns, smear),
            hardware=_smeared(hardware, hardware.from_ns, smear) if hardware else Line(),
            has_hardware=hardware is not None,
        )
        if orphans is not None and orphans.leads:
            self.why = f"nothing was followed for {orphans.wait / SECOND:g} s: it leads the orphans"
            return self._local(state, uncertainty_ns, served_ns)
        if bound is not None and reference is not None:
            self.why = reference.why
            return state._replace(
                leap=Leap.NONE if self._smear else {1: Leap.INSERT, -1: Leap.DELETE}.get(leap, Leap.NONE),
                stratum=reference.stratum,
                reference_id=reference.reference_id,
                root_delay_ns=reference.root_delay_ns,
                root_dispersion_ns=_dispersion_ns(bound, reference) + uncertainty_ns + _smear_error_ns(smear),
                growth_ppb=growth_ppb,
                reference_ns=self._reference_ns,
            )
        if orphans is not None:
            self.why = f"not synchronized: it is {self.driver.arbiter.state.label}, and waits for a source or a leader"
        elif self._local_stratum:
            self.why = f"not synchronized ({self.driver.arbiter.state.label}); local_stratum is served"
            return self._local(state, uncertainty_ns, served_ns)
        else:
            self.why = f"not synchronized: it is {self.driver.arbiter.state.label}"
        return state

    def _local(self, state: TimeState, uncertainty_ns: float, served_ns: int) -> TimeState:
        """Return *state* of a clock that is served for what it is."""
        return state._replace(
            leap=Leap.NONE,
            stratum=self._local_stratum,
            reference_id=LOCAL_REFERENCE,
            root_dispersion_ns=uncertainty_ns,
            growth_ppb=STALE_GROWTH_PPB,
            reference_ns=served_ns,
        )

    def _update_orphans(self, now: MonotonicTime) -> Orphans | None:
        """Tell whoever judges the sources whether this server has one; return them, if it is to be an orphan."""
        if self._host.ntp is None or (orphans := self._host.ntp.ensemble.orphans) is None:
            return None
        follows = self.driver.discipline.steered_by == NTP and self._host.ntp.ensemble.follows_orphan
        orphans.update(now, is_locked=self.driver.arbiter.state is ClockState.LOCKED, follows_orphan=follows)
        return orphans

    def _bound(self, now: MonotonicTime) -> tuple[TimeBound | None, float]:
        """Return how far off the clock may be, and how fast that grows in ppb; None: nobody knows.

        A clock that was locked just now, of which too little is learnt to state a bound, is off by what was measured
        last and what its path may hide, and drifts as any clock may (RFC 5905 7.2).
        """
        bound, later = self._bounds.of(self.word, now), self._bounds.of(self.word, now, FRESH_S)
        if bound is not None and later is not None:
            return bound, max((later.total_ns - bound.total_ns) / FRESH_S, 0.0)
        state, sample = self.driver.arbiter.state, self.driver.last_sample
        if state is ClockState.LOCKED and sample is not None:
            self._locked = now, TimeBound(abs(sample.offset_ns), abs(sample.mean_delay_ns), None)
        if self._locked is None or not (state is ClockState.LOCKED or state.is_holdover):
            return None, 0.0
        at, last = self._locked
        drifted_ns = (now - at) / NANOSECOND * STALE_GROWTH_PPB * 1e-9
        return last._replace(measured_ns=last.measured_ns + drifted_ns), STALE_GROWTH_PPB

    # -- the clock -------------------------------------------------------------------------------------------

    def _line(self, realtime_ns: int) -> tuple[Line, float]:
        """Return served time by CLOCK_REALTIME, and how far off that may be."""
        clock, utc_offset_ns = self.driver.clock, self._utc_offset_ns()
        if isinstance(clock, RealtimeClock):
            return Line(), 0.0
        if isinstance(clock, SoftClock):
            segment = clock.segments()[-1]
            here_ns = int(segment.local_time(realtime_ns)) // NANOSECOND - utc_offset_ns
            return Line(realtime_ns, here_ns, segment.rate / (NANOSECOND << 32) - 1.0), 0.0
        if not isinstance(clock, CrossTimestamped):
            raise HardwareError("cannot be served", where=clock.name, why="it cannot be read beside the system clock")
        both = clock.cross_timestamp(READINGS)
        line = Line(int(both.system) // NANOSECOND, int(both.phc) // NANOSECOND - utc_offset_ns)
        before, self._last_line = self._last_line, line
        if before is not None and (passed_ns := line.from_ns - before.from_ns) > 0:
            rate = (line.to_ns - before.to_ns) / passed_ns - 1.0
            if abs(rate) < 1e-3:
                line = line._replace(rate=rate)
        return line, both.uncertainty_ns

    def _hardware_line(self) -> Line | None:
        """Return served time by stamps of the served clock's own NIC, if it has one."""
        clock = self.driver.clock
        if clock.stamping is not Timestamping.HARDWARE:
            return None
        return Line(0, -self._utc_offset_ns())

    def _utc_offset_ns(self) -> int:
        """Return by how much the clock is ahead of UTC; if nobody tells, as NTP took it."""
        offset_s = self.driver.utc_offset_s()
        if offset_s is None and self._host.ntp is not None:
            offset_s = self._host.ntp.utc_offset_s
        return (37 if offset_s is None else offset_s) * 1_000_000_000

    def _leap(self, utc_s: int) -> int:
        """Return the leap second at the end of the UTC day: 1, -1 or 0, by who steers, else by what this host knows."""
        properties = self.driver.time_properties
        told = properties.leap61 - properties.leap59 if properties else 0
        return told or self.driver.leap_seconds.change_s(utc_s)

    # -- what it follows ----------------------------------------------------------------------------------------

    def _reference(self, driver: ClockDriver) -> Reference | None:
        """Return what *driver* follows; None: nothing that anybody should follow in turn."""
        for word, follower in self._host.followers.items():
            if self._drivers[word] is driver:
                return self._reference(follower.followed) if follower.followed else None
        writer = driver.discipline.steered_by or ""
        if source := self._host.sources.get(writer.removeprefix("source.")):
            return Reference(PRIMARY_STRATUM, b"PPS\0", 0.0, f"kept by the pulses of {source.name}")
        if instance := self._instances.get(writer):
            return _reference_of_instance(writer, instance, driver)
        if writer == NTP and self._host.ntp is not None:
            return self._reference_of_ntp()
        return None

    def _reference_of_ntp(self) -> Reference | None:
        ntp = self._host.ntp
        assert ntp is not None
        name = ntp.ensemble.best
        if name is None:
            return None
        member = ntp.ensemble.members[name]
        if (association := ntp.associations.get(name)) is None:
            reference_id = member.reference_id.ljust(4, b"\0")[:4]
            return Reference(PRIMARY_STRATUM, reference_id, 0.0, f"kept by the reference {name}")
        newest = association.samples.newest
        if newest is None or not 1 <= association.stratum < UNSYNCHRONIZED_STRATUM - 1:
            return None
        host = ntp.address_of(name).host
        root_delay_ns = interval_to_ns(newest.root_delay)
        why = f"kept by NTP from {host}" + (", an orphan that leads" if ntp.ensemble.follows_orphan else "")
        return Reference(association.stratum + 1, reference_id_of(host), root_delay_ns, why)


def _reference_of_instance(name: str, instance: InstanceDriver, driver: ClockDriver) -> Reference:
    parent = instance.instance.parent_ds
    clock_class = parent.grandmaster_clock_quality.clock_class
    properties = instance.instance.time_properties_ds
    traceable = properties.time_traceable or clock_class in PRIMARY_CLASSES
    delay_ns = 2 * abs(driver.last_sample.mean_delay_ns) if driver.last_sample else 0.0
    why = f"instance {name} follows grandmaster {parent.grandmaster_identity} of class {clock_class}"
    if not traceable:
        why += ", which is not traceable"
    return Reference(PRIMARY_STRATUM if traceable else UNTRACEABLE_STRATUM, b"PTP\0", delay_ns, why)


def _dispersion_ns(bound: TimeBound, reference: Reference) -> float:
    """Return what half the root delay leaves of the bound: both together are what a client adds up to."""
    return max(bound.total_ns - reference.root_delay_ns / 2, 0.0)


def _smear_error_ns(smear: Smear) -> float:
    """Return how far the smeared time is from UTC, which a client that does not know of it should."""
    return abs(smear.offset_ns)


def _smeared(line: Line, at_ns: int, smear: Smear) -> Line:
    """Return *line* with *smear*, as it is when the stamping clock reads *at_ns*."""
    if smear == NOT_SMEARED:
        return line
    return Line(at_ns, line.at(at_ns) + smear.offset_ns, line.rate + smear.rate)


def _read_together() -> tuple[int, int]:
    """Return CLOCK_MONOTONIC and CLOCK_REALTIME at one instant: the narrowest of some readings."""
    readings = []
    for _ in range(5):
        before_ns = time.monotonic_ns()
        realtime_ns = time.time_ns()
        after_ns = time.monotonic_ns()
        readings.append((after_ns - before_ns, (before_ns + after_ns) // 2, realtime_ns))
    return min(readings)[1:]
