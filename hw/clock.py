"""What every clock of this package can do, whether it is a PHC, CLOCK_REALTIME or a soft clock.

What does not live here: who steers which clock (``ptpstack.arbiter``) and how (``ptpstack.servo``).
"""

from __future__ import annotations

from typing import Protocol

from hw.timestamping import Timestamping
from ptpstack.errors import HardwareError
from ptpstack.time import LocalTime, TimeInterval


class Clock(Protocol):
    """A clock that stamps frames and can be steered. Every method raises ``HardwareError``."""

    @property
    def name(self) -> str:
        """What people call it: ``/dev/ptp0``, ``CLOCK_REALTIME``, a soft clock's given name."""

    @property
    def stamping(self) -> Timestamping:
        """Which kind of socket stamps belong to this clock."""

    @property
    def max_frequency_ppb(self) -> float:
        """The largest absolute value that ``set_frequency`` takes."""

    def time(self) -> LocalTime:
        """Read the clock."""

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a stamp that a socket delivered for this clock into this clock's timescale."""

    def frequency_ppb(self) -> float:
        """Return the frequency adjustment in force (positive: runs faster)."""

    def set_frequency(self, ppb: float) -> None:
        """Run *ppb* faster than the oscillator would, from now on."""

    def step(self, delta: TimeInterval) -> None:
        """Add *delta* to the clock at once."""

    def close(self) -> None:
        """Release the device. The clock runs on with the frequency last set."""


def check_frequency(clock: Clock, ppb: float) -> None:
    """Raise ``HardwareError`` if *clock* cannot run *ppb* faster; not a number is no frequency either."""
    if not abs(ppb) <= clock.max_frequency_ppb:
        raise HardwareError(
            f"cannot set a frequency of {ppb} ppb",
            where=clock.name,
            why=f"the limit is ±{clock.max_frequency_ppb:.0f} ppb",
            next_step="clamp the servo to the clock's max_frequency_ppb",
        )
