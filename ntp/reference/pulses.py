"""Pulses of ``/dev/ppsN`` as readings of a reference clock."""

from __future__ import annotations

from hw.pps import Edge, PpsDevice
from hw.time_of_day import Backoff
from ntp.reference.reading import Reading
from ptpstack.errors import HardwareError
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, TimeInterval

_LOOK_EVERY: TimeInterval = SECOND // 4
_AFTER_PULSE: TimeInterval = SECOND + 20 * MILLISECOND
_SECOND_NS = 1_000_000_000


class PpsInput:
    """The device at *path*, opened again when it went away. Its stamps are the kernel's: when we look is no matter."""

    def __init__(self, path: str, now: MonotonicTime, *, bound: TimeInterval, edge: Edge = Edge.ASSERT) -> None:
        self.name = path
        self.fault = ""
        self.dropped = 0
        self.wake_at: MonotonicTime | None = None
        self._edge, self._bound = edge, bound
        self._backoff = Backoff()
        self._device: PpsDevice | None = None
        self._sequence: int | None = None
        self._open(now)

    def fileno(self) -> int:
        """Nothing to wait on: see ``hw.pps``."""
        return -1

    def receive(self, now: MonotonicTime) -> list[Reading]:
        """Return the pulse that came since the last look, if one did."""
        if self._device is None:
            if self.wake_at is not None and now >= self.wake_at:
                self._open(now)
            return []
        try:
            edge = self._device.fetch()
        except HardwareError as error:
            self._fail(error, now)
            return []
        if edge is None or edge.sequence == self._sequence:
            self.wake_at = now + _LOOK_EVERY
            return []
        first, self._sequence = self._sequence is None, edge.sequence
        self.wake_at = now + (_LOOK_EVERY if first else _AFTER_PULSE)
        if first:
            return []  # it may have come any time ago
        self._backoff.reset()
        true_ns = (edge.system_ns + _SECOND_NS // 2) // _SECOND_NS * _SECOND_NS
        return [Reading(system_ns=edge.system_ns, true_ns=true_ns, bound=self._bound, kind="kernel PPS", is_pulse=True)]

    def close(self) -> None:
        """Close the device for good."""
        self.wake_at = None
        if self._device is not None:
            self._device.close()
            self._device = None

    def _open(self, now: MonotonicTime) -> None:
        try:
            self._device = PpsDevice(self.name, self._edge)
        except HardwareError as error:
            self._fail(error, now)
            return
        self.fault, self.wake_at, self._sequence = "", now, None

    def _fail(self, error: HardwareError, now: MonotonicTime) -> None:
        self.close()
        self.fault = str(error)
        self.wake_at = self._backoff.next_try(now)
