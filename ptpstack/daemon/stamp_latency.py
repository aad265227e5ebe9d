"""How long after a frame was sent its transmit stamp came."""

from __future__ import annotations

from collections import deque
from typing import Any

from ptpstack.time import MICROSECOND, TimeInterval

KEPT = 256


class StampLatency:
    """The newest latencies for their median, and the largest ever; this program's own slowness is in them."""

    def __init__(self) -> None:
        self._newest: deque[TimeInterval] = deque(maxlen=KEPT)
        self._largest: TimeInterval = 0

    def add(self, latency: TimeInterval) -> None:
        """Take one."""
        self._newest.append(latency)
        self._largest = max(self._largest, latency)

    def as_dict(self) -> dict[str, Any]:
        """Return ``median_us`` of the newest and ``max_us`` of all, ``None`` before the first."""
        if not self._newest:
            return {"median_us": None, "max_us": None}
        median = sorted(self._newest)[len(self._newest) // 2]
        return {"median_us": round(median / MICROSECOND), "max_us": round(self._largest / MICROSECOND)}
