"""HotStandbySystem: two instances in two domains, of which one takes over when the other fails (IEEE 802.1ASdm-2024).

Hot standby of IEEE 802.1AS-2025 clause 18, whose states and conditions are those of the published data model (14.19).
What lives here: what the system is worth, and why. What does not: which instance steers the clock meanwhile; both
measure it all the time, and the arbiter lets the second one on as soon as the first one's Syncs are overdue.
"""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec

from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.gptp.events import HotStandbyStateChanged
from ptpstack.gptp.instance_sync import InstanceSync, InstanceSyncSettings
from ptpstack.gptp.machine import Machine, earliest
from ptpstack.time import (
    MICROSECOND,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
)

IMMEDIATELY = -128
"""hotStandbySystemLogSyncTimeThresh that waits for nothing."""
OFFSET_WEIGHT = 1 / 8
"""Of each new difference in primarySecondaryOffset: stamps of two Syncs are noisy."""


class HotStandbySettings(msgspec.Struct, frozen=True, kw_only=True):
    """hotStandbySystemDS; *primary* and *secondary* are names of instances."""

    primary: str
    secondary: str
    primary_secondary_offset_thresh: TimeInterval = MICROSECOND
    log_sync_time_thresh: int = 0
    sync_receipt_timeout: int = 3
    """Sync intervals of silence; the larger one, should those of both instances differ."""
    instance_sync: InstanceSyncSettings = msgspec.field(default_factory=InstanceSyncSettings)


class HotStandbyState(Enum):
    """hotStandbySystemState, by its numbers."""

    INIT = 0
    REDUNDANT = 1
    NOT_REDUNDANT = 2
    OUT_OF_SYNC = 3


class HotStandbySystem(Machine):
    """Watches the measurements of both instances of one clock."""

    def __init__(self, settings: HotStandbySettings) -> None:
        super().__init__(HotStandbyState.INIT)
        self.settings = settings
        self.instances = {name: InstanceSync(settings.instance_sync) for name in (settings.primary, settings.secondary)}
        self.primary_secondary_offset: TimeInterval | None = None
        """By how much the time of the primary instance is ahead of the secondary one's; None: not known."""
        self._offsets: dict[str, TimeInterval] = {}
        self._redundant_since: MonotonicTime | None = None
        self._synced_since: MonotonicTime | None = None
        self._events: list[Event] = []

    def take(self, name: str, measurement: Measurement, now: MonotonicTime) -> list[Event]:
        """Take a measurement of instance *name*; another's than these two is nothing to it."""
        if name not in self.instances:
            return []
        timeout = self.settings.sync_receipt_timeout * interval_from_log2_seconds(measurement.log_sync_interval)
        self.instances[name].take(measurement.offset_from_master, timeout, now)
        self._offsets[name] = measurement.offset_from_master
        self._compare()
        return self.check(now)

    def clock_moved(self, delta: TimeInterval) -> None:
        """Take a step of the clock by *delta*: what was measured before it compares with what follows."""
        self._offsets = {name: offset + delta for name, offset in self._offsets.items()}

    def check(self, now: MonotonicTime) -> list[Event]:
        """Take that time passes; return what changed."""
        for name, instance in self.instances.items():
            instance.run_if_due(now)
            if not instance.is_synced and instance.deadline is None:
                self._offsets.pop(name, None)
                self.primary_secondary_offset = None
        self._redundant_since = _since(self._redundant_since, now, holds=self._may_be_redundant())
        self._synced_since = _since(self._synced_since, now, holds=self._synced > 0)
        self.run(now)
        waits = [since + self._wait for since in (self._redundant_since, self._synced_since) if since is not None]
        self.deadline = earliest(*(end for end in waits if end > now))
        taken, self._events = self._events, []
        return taken

    def next_deadline(self) -> MonotonicTime | None:
        """Return when :meth:`check` wants to be called."""
        return earliest(self.deadline, *(instance.deadline for instance in self.instances.values()))

    def as_dict(self) -> dict[str, Any]:
        """Return hotStandbySystemDS and isSynced of both, as plain values."""
        offset = self.primary_secondary_offset
        return {
            "state": HotStandbyState(self.state.value).name,
            "primary_secondary_offset_ns": None if offset is None else round(interval_to_ns(offset), 3),
            "instances": {
                name: {"is_synced": instance.is_synced, "why": instance.rule}
                for name, instance in self.instances.items()
            },
        }

    @property
    def _wait(self) -> TimeInterval:
        log_wait = self.settings.log_sync_time_thresh
        return 0 if log_wait == IMMEDIATELY else interval_from_log2_seconds(log_wait)

    def _compare(self) -> None:
        if len(self._offsets) < len(self.instances):
            return
        # local − secondary less local − primary is primary − secondary
        difference = self._offsets[self.settings.secondary] - self._offsets[self.settings.primary]
        known = self.primary_secondary_offset
        self.primary_secondary_offset = (
            difference if known is None else known + round(OFFSET_WEIGHT * (difference - known))
        )

    # -- conditions --------------------------------------------------------------------------------------

    @property
    def _synced(self) -> int:
        return sum(instance.is_synced for instance in self.instances.values())

    def _agrees(self) -> bool:
        offset = self.primary_secondary_offset
        return offset is not None and abs(offset) <= self.settings.primary_secondary_offset_thresh

    def _may_be_redundant(self) -> bool:
        return self._synced == len(self.instances) and self._agrees()

    def _is_redundant_long_enough(self) -> bool:
        return self._redundant_since is not None and self.now >= self._redundant_since + self._wait

    def _is_synced_long_enough(self) -> bool:
        return self._synced_since is not None and self.now >= self._synced_since + self._wait

    def _is_redundant_no_more(self) -> bool:
        return not self._may_be_redundant()

    def _none_is_synced(self) -> bool:
        return self._synced == 0

    # -- what is told ------------------------------------------------------------------------------------

    def run(self, now: MonotonicTime) -> None:
        """Follow the rows, and tell another state."""
        before = self.state
        super().run(now)
        if self.state is before:
            return
        offset = self.primary_secondary_offset
        self._events.append(
            HotStandbyStateChanged(
                old_state=HotStandbyState(before.value).name,
                new_state=HotStandbyState(self.state.value).name,
                primary=self.settings.primary,
                secondary=self.settings.secondary,
                primary_is_synced=self.instances[self.settings.primary].is_synced,
                secondary_is_synced=self.instances[self.settings.secondary].is_synced,
                primary_rule=self.instances[self.settings.primary].rule,
                secondary_rule=self.instances[self.settings.secondary].rule,
                primary_secondary_offset_ns=None if offset is None else interval_to_ns(offset),
                primary_secondary_offset_thresh_ns=interval_to_ns(self.settings.primary_secondary_offset_thresh),
            )
        )

    ROWS = (
        (HotStandbyState.INIT, _may_be_redundant, HotStandbyState.REDUNDANT),
        (HotStandbyState.REDUNDANT, _none_is_synced, HotStandbyState.OUT_OF_SYNC),
        (HotStandbyState.REDUNDANT, _is_redundant_no_more, HotStandbyState.NOT_REDUNDANT),
        (HotStandbyState.NOT_REDUNDANT, _none_is_synced, HotStandbyState.OUT_OF_SYNC),
        (HotStandbyState.NOT_REDUNDANT, _is_redundant_long_enough, HotStandbyState.REDUNDANT),
        (HotStandbyState.OUT_OF_SYNC, _is_redundant_long_enough, HotStandbyState.REDUNDANT),
        (HotStandbyState.OUT_OF_SYNC, _is_synced_long_enough, HotStandbyState.NOT_REDUNDANT),
    )
    ENTRY = {}  # noqa: RUF012 (declared in the base)


def _since(since: MonotonicTime | None, now: MonotonicTime, *, holds: bool) -> MonotonicTime | None:
    """Return since when something holds."""
    if not holds:
        return None
    return now if since is None else since
