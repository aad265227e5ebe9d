"""The transmit stamps of frames that were sent, matched to who waits for them, until each comes or counts as lost."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hw.sockets import TransmitStamp
from ptpstack.daemon.attachment import Attachment
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.stamp_latency import StampLatency
from ptpstack.time import MILLISECOND, MonotonicTime, TimeInterval

TRANSMIT_STAMP_TIMEOUT: TimeInterval = 500 * MILLISECOND
"""A transmit stamp that has not come by then is lost: one exchange, nothing more. Nobody waits, so it may be long."""


class _Awaited(NamedTuple):
    attachment: Attachment
    context: int
    sent: MonotonicTime


class AwaitedStamps:
    """The stamps of one port's sockets; *counters* counts those that came too late and those that were lost."""

    def __init__(self, loop: Loop, counters: Counter[str]) -> None:
        self.latency = StampLatency()
        self._counters = counters
        self._awaited: dict[int, _Awaited] = {}
        """By the key that the socket gave, in the order of sending."""
        self._timer = loop.timer(self.give_up)

    def __len__(self) -> int:
        """How many are awaited."""
        return len(self._awaited)

    def sent(self, key: int, attachment: Attachment, context: int) -> None:
        """Await the stamp *key* of a frame that was sent just now."""
        now = monotonic_now()
        self._awaited[key] = _Awaited(attachment, context, now)
        if self._timer.deadline is None:
            self._timer.set(now + TRANSMIT_STAMP_TIMEOUT)

    def came(self, stamp: TransmitStamp) -> None:
        """Hand *stamp* to who waits for it."""
        if (sent := self._awaited.pop(stamp.key, None)) is None:
            self._counters["late transmit stamp"] += 1
            return
        self.latency.add(monotonic_now() - sent.sent)
        sent.attachment.receiver.transmitted(sent.attachment.port_number, sent.context, stamp.stamp_ns)

    def lost(self, attachment: Attachment, context: int | None) -> None:
        """Report that there will be no stamp, if one was asked for."""
        if context is not None:
            self._counters["transmit stamp lost"] += 1
            attachment.receiver.transmitted(attachment.port_number, context, None)

    def give_up(self) -> None:
        """Report the stamps that did not come in time."""
        sent_before = monotonic_now() - TRANSMIT_STAMP_TIMEOUT
        overdue = [key for key, sent in self._awaited.items() if sent.sent <= sent_before]
        for key in overdue:
            sent = self._awaited.pop(key)
            self.lost(sent.attachment, sent.context)
        oldest = next(iter(self._awaited.values()), None)
        self._timer.set(oldest and oldest.sent + TRANSMIT_STAMP_TIMEOUT)

    def give_up_all(self) -> None:
        """Report every stamp as lost: the sockets are closed."""
        awaited, self._awaited = self._awaited, {}
        self._timer.set(None)
        for sent in awaited.values():
            self.lost(sent.attachment, sent.context)

    def close(self) -> None:
        """Await nothing any more."""
        self._timer.close()
