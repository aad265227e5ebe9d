"""What a clock is worth now."""

from __future__ import annotations

from enum import IntEnum


class ClockState(IntEnum):
    """Ordered by worth; the numbers mean nothing else."""

    FREE_RUNNING = 0
    """Nothing steers it, and nothing has."""
    ACQUIRING = 1
    """Measurements come, the servo is not locked yet."""
    HOLDOVER_OUT_OF_SPEC = 2
    """It was locked; without measurements for too long, or not known well enough."""
    HOLDOVER_IN_SPEC = 3
    """It was locked; without measurements it is steered along what was learnt, within the configured bound and time."""
    LOCKED = 4

    @property
    def label(self) -> str:
        """As people write it: ``free-running``, ``holdover in-spec``."""
        return self.name.lower().replace("_", "-").replace("holdover-", "holdover ")

    @property
    def is_holdover(self) -> bool:
        """Whether it was locked, and runs on without measurements."""
        return self in (ClockState.HOLDOVER_IN_SPEC, ClockState.HOLDOVER_OUT_OF_SPEC)
