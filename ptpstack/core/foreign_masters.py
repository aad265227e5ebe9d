"""The foreign master data set of one port: who announces, how often, and who is fit to be compared.

IEEE 1588-2019 9.3.2.4 and 9.3.2.5. A record qualifies with FOREIGN_MASTER_THRESHOLD Announces within
FOREIGN_MASTER_TIME_WINDOW announce intervals. The set is bounded: a flood of identities evicts the
record that is silent for longest and not qualified, never the parent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container

import msgspec
from msgspec.structs import replace

from ptpstack.core.comparison import ComparisonSet, compare
from ptpstack.core.settings import AcceptableMaster
from ptpstack.time import MonotonicTime, TimeInterval
from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.types import PortIdentity

FOREIGN_MASTER_TIME_WINDOW = 4
FOREIGN_MASTER_THRESHOLD = 2
CAPACITY = 32


class ForeignMaster(msgspec.Struct):
    """One record: the newest Announce of a sender and when the last ones came."""

    announce: Announce
    arrivals: deque[MonotonicTime] = msgspec.field(default_factory=lambda: deque(maxlen=FOREIGN_MASTER_THRESHOLD))
    qualified: bool = False
    local_priority: int | None = None

    def has_threshold(self, now: MonotonicTime, window: TimeInterval) -> bool:
        """Enough Announces came within the *window* that ends now."""
        return len(self.arrivals) == FOREIGN_MASTER_THRESHOLD and now - self.arrivals[0] < window


class ForeignMasters:
    """The records of one port."""

    def __init__(
        self,
        receiver: PortIdentity,
        local_priority: int | None = None,
        acceptable: Callable[[PortIdentity], AcceptableMaster | None] = lambda _sender: None,
        *,
        by_quality_level: bool = False,
    ) -> None:
        self._receiver = receiver
        self._local_priority = local_priority
        self._acceptable = acceptable
        self._by_quality_level = by_quality_level
        self._records: dict[PortIdentity, ForeignMaster] = {}

    def __contains__(self, sender: PortIdentity) -> bool:
        return sender in self._records

    def __len__(self) -> int:
        return len(self._records)

    def get(self, sender: PortIdentity) -> ForeignMaster | None:
        """Return the record of *sender*, if there is one."""
        return self._records.get(sender)

    def record(
        self, announce: Announce, now: MonotonicTime, window: TimeInterval, local_priority: int | None = None
    ) -> ForeignMaster:
        """Enter *announce* and return its record, made if this sender is new.

        *local_priority* goes before that of the port.
        """
        sender = announce.source_port_identity
        record = self._records.get(sender)
        if record is None:
            if len(self._records) >= CAPACITY:
                self._evict()
            record = self._records[sender] = ForeignMaster(announce)
        record.announce = announce
        record.local_priority = self._local_priority if local_priority is None else local_priority
        record.arrivals.append(now)
        record.qualified = record.has_threshold(now, window)
        return record

    def _evict(self) -> None:
        """Make room: drop the unqualified record that is silent for longest, else the worst of all."""
        unqualified = [
            (record.arrivals[-1], sender) for sender, record in self._records.items() if not record.qualified
        ]
        if unqualified:
            self.drop(min(unqualified, key=lambda item: item[0])[1])
            return
        worst, *others = self._records.values()
        for other in others:
            if compare(self.comparison_set(worst), self.comparison_set(other)).better:
                worst = other
        self.drop(worst.announce.source_port_identity)

    def drop(self, sender: PortIdentity) -> None:
        """Forget *sender*, known or not."""
        self._records.pop(sender, None)

    def clear(self) -> None:
        """Forget all."""
        self._records.clear()

    def expire(self, now: MonotonicTime, window: TimeInterval) -> list[PortIdentity]:
        """Forget the records whose last Announce left the *window* and return their senders."""
        expired = [sender for sender, record in self._records.items() if now - record.arrivals[-1] >= window]
        for sender in expired:
            self.drop(sender)
        return expired

    def next_expiry(self, window: TimeInterval) -> MonotonicTime | None:
        """Return when :meth:`expire` will next find something."""
        return min((record.arrivals[-1] + window for record in self._records.values()), default=None)

    def comparison_set(self, record: ForeignMaster) -> ComparisonSet:
        """Return *record* as a side of the data set comparison."""
        own = ComparisonSet.of_announce(
            record.announce, self._receiver, record.local_priority, by_quality_level=self._by_quality_level
        )
        entry = self._acceptable(record.announce.source_port_identity)
        if entry is None or not entry.alternate_priority1:
            return own
        return replace(own, grandmaster_priority1=entry.alternate_priority1)

    def qualified(self, failing: Container[PortIdentity] = ()) -> list[ComparisonSet]:
        """Return every record that may be compared (9.3.2.5), but for those of *failing* masters."""
        return [
            self.comparison_set(record)
            for sender, record in self._records.items()
            if record.qualified and sender not in failing
        ]

    def best(self, failing: Container[PortIdentity] = ()) -> ComparisonSet | None:
        """Return Erbest, the best qualified record of this port, if any (9.3.2.3), but for *failing* masters."""
        best: ComparisonSet | None = None
        for candidate in self.qualified(failing):
            if best is None or compare(candidate, best).better:
                best = candidate
        return best
