"""For one clock: which instance may steer it, and what the clock is worth while it does.

Exactly one steers a clock: an instance, a source of pulses, or a follower of another clock. It is the first of the
candidates, in the order of the configuration or of quality, whose measurements come; the others measure only. One that
falls silent gives way.

What does not live here: servos (they only see samples that were let through) and clocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum, auto

from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.events import (
    ClockStateChanged,
    MeasurementRejected,
    TimescaleMismatch,
    TimescaleTaken,
    WriterChosen,
)
from ptpstack.arbiter.majority_watch import MajorityWatch
from ptpstack.arbiter.new_time import NewTime
from ptpstack.arbiter.sanity import implausible, is_timescale_mismatch
from ptpstack.engine.outputs import GrandmasterRank, Measurement
from ptpstack.events import Event
from ptpstack.gptp.hot_standby import HotStandbySystem
from ptpstack.servo.interface import ServoState
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
    interval_to_seconds,
)

SILENCE_INTERVALS = 8
SILENCE_MIN: TimeInterval = 2 * SECOND
"""An instance counts as silent after this many Sync intervals, at least 2 s, without a usable measurement."""


class Verdict(Enum):
    """What a measurement is good for."""

    STEER = auto()
    MEASURE = auto()
    REJECT = auto()


class ClockArbiter:
    """The decisions about *clock*; *candidates* may steer it, the preferred one first.

    *refuses_timescale_mismatch*: a clock that other programs read as UTC is never taken to what looks like TAI.
    *watch*: who compares what steers with a majority of others. *hot_standby*: two of the candidates, of which the
    second takes over as soon as the first one's Syncs are overdue. *settings*: by the order of ``quality`` those that
    tell their grandmaster's rank change places among themselves, the best one first; a hot standby has its own order.
    """

    def __init__(
        self,
        clock: str,
        candidates: Sequence[str],
        *,
        refuses_timescale_mismatch: bool = False,
        watch: MajorityWatch | None = None,
        hot_standby: HotStandbySystem | None = None,
        settings: ArbiterSettings | None = None,
    ) -> None:
        self.clock = clock
        settings = settings or ArbiterSettings()
        self.new_time = NewTime(clock, settings.new_time)
        self._return_after = 0 if hot_standby is not None else settings.return_after
        self._by_quality = settings.order == "quality" and hot_standby is None
        self._ranks: dict[str, GrandmasterRank] = {}
        self._ranked_since: MonotonicTime | None = None
        """Since when the order by rank is what it is."""
        self._measures_since: dict[str, MonotonicTime] = {}
        self._candidates = tuple(candidates)
        self._refuses_timescale_mismatch = refuses_timescale_mismatch
        self._watch = watch
        self.hot_standby = hot_standby
        self._mismatched = False
        self._silent_after: dict[str, MonotonicTime] = {}
        self.state = ClockState.FREE_RUNNING
        self.writer: str | None = None
        self.rule = "no measurement yet" if candidates else "nothing is configured to steer it"
        self.state_rule = "nothing has measured it yet"
        """Why the clock is worth what it is."""

    @property
    def has_candidates(self) -> bool:
        """Whether anything is configured to steer the clock."""
        return bool(self._candidates)

    def may_steer(self, instance: str) -> bool:
        """Whether *instance* is one that may steer the clock at all."""
        return instance in self._candidates

    def leaves(self, instance: str, seconds: float) -> list[Event]:
        """Say once why *instance*, which measures, does not steer a clock that nobody steers."""
        others = " and ".join(name for name in self._candidates if name != instance)
        rule = f"{instance} measures, and leaves it to {others} in the first {seconds:g} s"
        if self.writer is not None or rule == self.rule:
            return []
        self.rule = rule
        return [WriterChosen(clock=self.clock, writer=None, previous=None, rule=rule)]

    def is_refused(self, instance: str | None) -> bool:
        """Whether *instance* may not steer now, as it departs from a majority of others."""
        return self._watch is not None and instance is not None and self._watch.refused == instance

    def judge(
        self, instance: str, measurement: Measurement, local_now: LocalTime, now: MonotonicTime
    ) -> tuple[Verdict, list[Event]]:
        """Say what *measurement* of *instance* is good for, and what was decided on the way."""
        if reason := implausible(measurement, local_now):
            return Verdict.REJECT, [
                MeasurementRejected(
                    clock=self.clock,
                    port_number=measurement.port_number,
                    offset_ns=interval_to_ns(measurement.offset_from_master),
                    mean_delay_ns=interval_to_ns(measurement.mean_delay),
                    reason=reason,
                )
            ]
        events = self._watch.take(self.clock, instance, measurement, self.writer) if self._watch else []
        if not self.may_steer(instance):
            return Verdict.MEASURE, events + (self._choose(now) if events else [])
        if not measurement.is_utc and (self._mismatched or is_timescale_mismatch(measurement.offset_from_master)):
            events += self._watch_timescale(measurement)
        if self._mismatched and self._refuses_timescale_mismatch and not measurement.is_utc:
            return Verdict.REJECT, events
        refused, told = self.new_time.refuses(instance, measurement)
        if refused:
            return Verdict.REJECT, events + told
        if self.hot_standby is not None:
            events += self.hot_standby.take(instance, measurement, now)
        if instance not in self._silent_after:
            self._measures_since[instance] = now
        if self._by_quality:
            self._rank(instance, measurement.rank, now)
        self._silent_after[instance] = now + self._silence(instance, measurement)
        is_first = instance == self._candidates[0] and not self._by_quality
        if instance != self.writer or not is_first or self.is_refused(instance):
            events += self._choose(now)
        return Verdict.STEER if self.writer == instance else Verdict.MEASURE, events

    def _rank(self, name: str, rank: GrandmasterRank | None, now: MonotonicTime) -> None:
        if rank is None or self._ranks.get(name) == rank:
            return
        before = self._in_order(self._candidates)
        self._ranks[name] = rank
        if self._in_order(self._candidates) != before:
            self._ranked_since = now

    def _in_order(self, heard: Sequence[str]) -> list[str]:
        """Return *heard* with those of a rank sorted by it, in the places that they have together."""
        if not self._by_quality:
            return [*heard]
        ranked = iter(sorted((name for name in heard if name in self._ranks), key=self._ranks.__getitem__))
        return [next(ranked) if name in self._ranks else name for name in heard]

    def _silence(self, instance: str, measurement: Measurement) -> TimeInterval:
        interval = interval_from_log2_seconds(measurement.log_sync_interval)
        if self.hot_standby is not None and instance in self.hot_standby.instances:
            return self.hot_standby.settings.sync_receipt_timeout * interval
        return max(SILENCE_MIN, SILENCE_INTERVALS * interval)

    def _watch_timescale(self, measurement: Measurement) -> list[Event]:
        """Raise the alarm when an offset looks like TAI against UTC; once, and again when it was over."""
        before, self._mismatched = self._mismatched, is_timescale_mismatch(measurement.offset_from_master)
        if before or not self._mismatched:
            return []
        offset_ns = interval_to_ns(measurement.offset_from_master)
        if not self._refuses_timescale_mismatch:
            return [TimescaleTaken(clock=self.clock, offset_ns=offset_ns)]
        alarm = TimescaleMismatch(clock=self.clock, offset_ns=offset_ns)
        if self.writer is None:
            self.rule = str(alarm)
        return [alarm]

    def servo_moved(self, state: ServoState, rule: str = "") -> list[Event]:
        """Take the state of the writer's servo after a sample, or because of *rule*."""
        locked = state in (ServoState.LOCKED, ServoState.LOCKED_STABLE)
        worth = ClockState.LOCKED if locked else ClockState.ACQUIRING
        return [] if worth is self.state else self._become(worth, rule or f"the servo is {state.name}")

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`check_silence` should be called, if ever."""
        deadlines = list(self._silent_after.values())
        if self.hot_standby is not None and (deadline := self.hot_standby.next_deadline()) is not None:
            deadlines.append(deadline)
        return min(deadlines, default=None)

    def forget(self, name: str) -> None:
        """Take that *name* follows nobody any more: :meth:`check_silence` need not wait for its silence."""
        self._silent_after.pop(name, None)

    def check_silence(
        self, now: MonotonicTime, holdover: ClockState = ClockState.HOLDOVER_IN_SPEC, rule: str = "measurements stopped"
    ) -> list[Event]:
        """Let silent instances go; without any the clock is in *holdover*, or runs free if it never was locked."""
        for instance in [name for name, deadline in self._silent_after.items() if deadline <= now]:
            del self._silent_after[instance]
        events = self._choose(now)
        if self.hot_standby is not None:
            events += self.hot_standby.check(now)
        if self.writer is not None:
            return events
        if self.state is ClockState.LOCKED or self.state.is_holdover:
            return events + self._become(holdover, rule)
        return events + self._become(ClockState.FREE_RUNNING, "measurements stopped before it was locked")

    def clock_moved(self, delta: TimeInterval) -> None:
        """Take a step of the clock by *delta*."""
        if self.hot_standby is not None:
            self.hot_standby.clock_moved(delta)

    def clock_lost(self, rule: str) -> list[Event]:
        """Take that nobody knows any more where the clock is."""
        return self._become(ClockState.FREE_RUNNING if self.writer is None else ClockState.ACQUIRING, rule)

    def _choose(self, now: MonotonicTime) -> list[Event]:
        heard = self._in_order([name for name in self._candidates if self._silent_after.get(name, now) > now])
        writer = next((name for name in heard if not self.is_refused(name) and self._may_take(name, heard, now)), None)
        if writer == self.writer:
            return []
        previous, self.writer = self.writer, writer
        if previous is not None and self.is_refused(previous):
            self.rule = f"{previous} departs from the majority and is refused"
        elif writer is None:
            self.rule = f"no usable measurement of {previous}, and no other has one"
        elif len(self._candidates) == 1:
            self.rule = "nothing else may steer this clock"
        elif better := self._better(writer, previous, heard):
            self.rule = better
        elif previous is None:
            self.rule = "it is the first of the configuration that measures"
        elif previous in heard:
            self.rule = f"it measures again and stands before {previous}{self._for_long_enough}"
        else:
            self.rule = f"{previous} fell silent"
        return [WriterChosen(clock=self.clock, writer=writer, previous=previous, rule=self.rule)]

    @property
    def _for_long_enough(self) -> str:
        return f", for {interval_to_seconds(self._return_after):g} s without a break" if self._return_after else ""

    def _better(self, writer: str, previous: str | None, heard: Sequence[str]) -> str:
        """Return the rule if *writer* is chosen by the rank of its grandmaster."""
        rank = self._ranks.get(writer)
        if rank is None:
            return ""
        if previous is None:
            ranked = [name for name in heard if name in self._ranks]
            return f"its grandmaster is the best of {len(ranked)} that are measured: {rank}" if len(ranked) > 1 else ""
        if previous not in heard or previous not in self._ranks or rank == self._ranks[previous]:
            return ""
        than = f"is better than that of {previous} ({self._ranks[previous]})"
        return f"its grandmaster ({rank}) {than}{self._for_long_enough}"

    def _may_take(self, name: str, heard: Sequence[str], now: MonotonicTime) -> bool:
        """Whether *name* measures for long enough to take the clock from what keeps it well."""
        writer = self.writer
        if name == writer or self.state is not ClockState.LOCKED or writer not in heard or self.is_refused(writer):
            return True
        since = self._measures_since.get(name, now)
        if self._ranked_since is not None:
            since = max(since, self._ranked_since)
        return now - since >= self._return_after

    def _become(self, state: ClockState, rule: str) -> list[Event]:
        if state is self.state:
            return []
        previous, self.state, self.state_rule = self.state, state, rule
        return [ClockStateChanged(clock=self.clock, previous=previous, state=state, rule=rule)]
