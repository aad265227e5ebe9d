"""Packet timing signal fail (PTSF): masters that announce well and are no use, and when they may be chosen again.

ITU-T G.8275.1 and G.8275.2 let these be inputs to the alternate best master clock algorithm: a master that fails is
not compared. What lives here: which masters of one port fail, why, and for how long. What does not: noticing it
(``slave.py``, ``delay_e2e.py``, ``announce_receiver.py``).

A failure ends when what failed has been in order for the time to restore. Syncs and Announces are heard from any
master, but whether Delay_Reqs are answered and offsets are steady shows only on a parent: for these the time simply
passes. A master that soon fails again waits twice as long, up to 64 times.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from enum import Enum
from statistics import median, pstdev
from typing import Any

import msgspec

from ptpstack.core.context import PortContext
from ptpstack.core.events import SignalFailed, SignalRestored
from ptpstack.core.foreign_masters import FOREIGN_MASTER_TIME_WINDOW
from ptpstack.core.settings import SignalFailSettings
from ptpstack.core.timers import Timer
from ptpstack.time import (
    SECOND,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
    interval_to_seconds,
)
from ptpstack.wire.types import PortIdentity

CAPACITY = 32
DOUBLINGS_MAX = 6
SOON: TimeInterval = 60 * SECOND
"""Or ten times the time to restore, if that is more: a failure after this is a first one again."""
JITTER_SAMPLES = 32
OFFSET_SAMPLES = 8


class SignalFail(Enum):
    """What fails, as ITU-T names it."""

    LOSS_SYNC = "lossSync"
    LOSS_DELAY_RESP = "lossDelayResp"
    LOSS_ANNOUNCE = "lossAnnounce"
    UNUSABLE = "unusable"
    SYNCHRONIZATION_UNCERTAIN = "synchronizationUncertain"


HEARD_FROM_ANY_MASTER = (SignalFail.LOSS_SYNC, SignalFail.LOSS_ANNOUNCE, SignalFail.SYNCHRONIZATION_UNCERTAIN)


class _Failing(msgspec.Struct):
    kind: SignalFail
    reason: str
    failures: int
    healthy_since: MonotonicTime | None
    heard: MonotonicTime | None = None


class SignalFails:
    """The failing masters of one port; without *settings* none ever fails."""

    def __init__(self, context: PortContext, settings: SignalFailSettings | None) -> None:
        self.settings = settings
        self._context = context
        self._failing: dict[PortIdentity, _Failing] = {}
        self._restored: dict[PortIdentity, tuple[int, MonotonicTime]] = {}
        """How often a master failed before, and when it was restored last."""
        self._offsets_ns: deque[float] = deque(maxlen=JITTER_SAMPLES)
        self._was_near = False
        self._changed = False

    def __contains__(self, sender: object) -> bool:
        return sender in self._failing

    def failing(self, kind: SignalFail) -> list[PortIdentity]:
        """Return the masters that fail by *kind*."""
        return [sender for sender, failing in self._failing.items() if failing.kind is kind]

    def clear(self) -> None:
        """Forget all: the link was down."""
        self._failing.clear()
        self._offsets_ns.clear()
        self._context.timers.stop(Timer.WAIT_TO_RESTORE)

    def take_change(self) -> bool:
        """Return whether a state decision is due since this was asked last."""
        changed, self._changed = self._changed, False
        return changed

    def as_list(self, now: MonotonicTime) -> list[dict[str, Any]]:
        """Return what `ptpstack status` shows; the time until it is restored is None while it still fails."""
        return [
            {
                "portIdentity": str(sender),
                "signalFail": failing.kind.value,
                "reason": failing.reason,
                "restored_in_s": None
                if (at := self._restore_at(failing)) is None
                else max(0.0, interval_to_seconds(at - now)),
            }
            for sender, failing in self._failing.items()
        ]

    # -- failing -------------------------------------------------------------------------------------

    def fail(self, sender: PortIdentity, kind: SignalFail, reason: str, now: MonotonicTime) -> None:
        """Take that *sender* fails; the first failure is the one that is told."""
        if self.settings is None or sender in self._failing:
            return
        failures, restored_at = self._restored.pop(sender, (0, now))
        if now - restored_at > max(SOON, 10 * self.settings.wait_to_restore):
            failures = 0
        if len(self._failing) >= CAPACITY:
            self._failing.pop(next(iter(self._failing)))
        healthy_since = None if kind in HEARD_FROM_ANY_MASTER else now
        self._failing[sender] = failing = _Failing(kind, reason, failures + 1, healthy_since)
        self._offsets_ns.clear()
        self._changed = True
        self._context.tell(
            SignalFailed,
            port_identity=sender,
            signal_fail=kind.value,
            reason=reason,
            wait_to_restore_s=interval_to_seconds(self._wait(failing)),
        )
        self._arm(now)

    def offset_measured(self, sender: PortIdentity, offset: TimeInterval, now: MonotonicTime, *, locked: bool) -> None:
        """Look whether the offsets of a locked clock are so steady and small that *sender* is of use."""
        settings = self.settings
        if settings is None or not (settings.jitter_limit_ns or settings.offset_limit_ns):
            return
        if not locked:
            self._offsets_ns.clear()
            return
        self._offsets_ns.append(interval_to_ns(offset))
        offsets = list(self._offsets_ns)
        if settings.jitter_limit_ns and len(offsets) == JITTER_SAMPLES:
            deviation_ns = pstdev(offsets)
            if deviation_ns > settings.jitter_limit_ns:
                reason = f"offsets deviate by {deviation_ns:.0f} ns, the limit is {settings.jitter_limit_ns:g} ns"
                self.fail(sender, SignalFail.UNUSABLE, reason, now)
                return
        if settings.offset_limit_ns and len(offsets) >= OFFSET_SAMPLES:
            offset_ns = median(offsets[-OFFSET_SAMPLES:])
            if abs(offset_ns) < settings.offset_limit_ns:
                self._was_near = True
            elif self._was_near:  # a clock that comes out of holdover is farther away, and that is no fault of a master
                reason = f"the offset is {offset_ns:+.0f} ns, the limit is {settings.offset_limit_ns:g} ns"
                self.fail(sender, SignalFail.UNUSABLE, reason, now)

    def parent_changed(self) -> None:
        """Take that offsets are measured against another master from now on."""
        self._offsets_ns.clear()
        self._was_near = False

    # -- being restored --------------------------------------------------------------------------------

    def heard(self, sender: PortIdentity, kind: SignalFail, now: MonotonicTime) -> None:
        """Take a sign that what failed of *sender* is in order."""
        failing = self._failing.get(sender)
        if failing is None or failing.kind is not kind:
            return
        if failing.healthy_since is None or (failing.heard is not None and now - failing.heard > self._patience()):
            failing.healthy_since = now
        failing.heard = now
        self._arm(now)

    def still_fails(self, sender: PortIdentity, kind: SignalFail) -> None:
        """Take a sign that *sender* fails as before."""
        failing = self._failing.get(sender)
        if failing is not None and failing.kind is kind:
            failing.healthy_since = None

    def on_timer(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Let every master whose time is over be compared again."""
        for sender, failing in list(self._due(now)):
            del self._failing[sender]
            while len(self._restored) >= CAPACITY:
                self._restored.pop(next(iter(self._restored)))
            self._restored[sender] = failing.failures, now
            self._changed = True
            self._context.tell(SignalRestored, port_identity=sender, signal_fail=failing.kind.value)
        self._arm(now)

    def _due(self, now: MonotonicTime) -> Iterator[tuple[PortIdentity, _Failing]]:
        for sender, failing in self._failing.items():
            at = self._restore_at(failing)
            if at is None or at > now:
                continue
            if failing.heard is not None and now - failing.heard > self._patience():
                failing.healthy_since = failing.heard = None  # it fell silent again
            else:
                yield sender, failing

    def _patience(self) -> TimeInterval:
        """Return how long a sign of health lasts."""
        window = FOREIGN_MASTER_TIME_WINDOW * interval_from_log2_seconds(self._context.port_ds.log_announce_interval)
        return max(self.settings.sync_timeout if self.settings else 0, SECOND, window)

    def _wait(self, failing: _Failing) -> TimeInterval:
        assert self.settings is not None
        return self.settings.wait_to_restore << min(failing.failures - 1, DOUBLINGS_MAX)

    def _restore_at(self, failing: _Failing) -> MonotonicTime | None:
        return None if failing.healthy_since is None else failing.healthy_since + self._wait(failing)

    def _arm(self, now: MonotonicTime) -> None:
        times = [at for failing in self._failing.values() if (at := self._restore_at(failing)) is not None]
        if times:
            self._context.timers.start(Timer.WAIT_TO_RESTORE, max(now, min(times)))
        else:
            self._context.timers.stop(Timer.WAIT_TO_RESTORE)
