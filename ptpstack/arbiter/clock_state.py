"""What a clock is worth now."""

from __future__ import annotations

from enum import IntEnum


class ClockState(IntEnum):
    """Ordered by worth; the numbers mean nothing else."""

    FREE_RUNNING = 0
    """Nothing steers it, and nothing has."""
    ACQUIRING = 1
    """Measurements come, the servo is not locked yet."""
    HOLDOVER = 2
    """It was locked; without measurements it runs on at the frequency learnt."""
    LOCKED = 3

    @property
    def label(self) -> str:
        """As people write it: ``free-running``."""
        return self.name.lower().replace("_", "-")
