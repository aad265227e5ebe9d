"""The filter of path delays that a driver gives an engine."""

from __future__ import annotations

from typing import Protocol

from ptpstack.time import TimeInterval


class DelayFilter(Protocol):
    """A filter of path delays, injected by the driver (``ptpstack.servo.filters``)."""

    def update(self, value: TimeInterval) -> TimeInterval:
        """Take one raw delay and return the filtered one."""

    def path_changed(self, value: TimeInterval) -> TimeInterval:
        """Take the first raw delay of another path and return the filtered one."""

    def reset(self) -> None:
        """Forget all samples."""
