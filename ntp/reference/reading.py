"""What an input of a reference clock says at one instant, and the inputs' common face."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from ntp.wire.packet import Leap
from ptpstack.time import MonotonicTime, TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """CLOCK_REALTIME read *system_ns* when it was *true_ns*, both ns of UTC since 1970, within ± *bound*.

    *is_pulse*: only the fraction of the second counts, and which one it is others must tell. Readings of a lower
    *rank* count while there are none of a higher. *kind* is a word for people.
    """

    system_ns: int
    true_ns: int
    bound: TimeInterval
    kind: str
    is_pulse: bool = False
    rank: int = 0
    leap: Leap = Leap.NONE


class ReferenceInput(Protocol):
    """Where readings come from. Nothing here blocks; what is wrong is said by ``fault``."""

    @property
    def name(self) -> str:
        """What people call it: a path, gpsd's address."""

    @property
    def fault(self) -> str:
        """Why no readings come; empty when nothing is known to be wrong."""

    @property
    def wake_at(self) -> MonotonicTime | None:
        """When to call ``receive`` even if nothing is readable."""

    @property
    def dropped(self) -> int:
        """How much of what came made no sense."""

    def fileno(self) -> int:
        """The descriptor to wait on, -1 while there is none; ``receive`` may change it."""

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return what has come."""

    def close(self) -> None:
        """Let go of it."""
