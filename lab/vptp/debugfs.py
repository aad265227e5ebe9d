"""The truth about the virtual clocks, and the knobs that make their world worse.

What lives here: reading and writing the module's files. What does not: what they mean (``README.md``).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/sys/kernel/debug/vptp")


@dataclass(frozen=True)
class ClockTruth:
    """What one hardware clock showed: whole ns and a fraction in 2^-32 ns; how wrong its frequency is."""

    ns: int
    fraction: int
    frequency_error_ppb: float
    device: str

    def minus_ns(self, other: ClockTruth) -> float:
        """This clock minus another, in ns."""
        return self.ns - other.ns + (self.fraction - other.fraction) * 2**-32


@dataclass(frozen=True)
class Truth:
    """All clocks at one instant: true time (it starts at boot), CLOCK_REALTIME (to 1 ns), the hardware clocks."""

    true_ns: int
    realtime_ns: int
    clocks: tuple[ClockTruth, ...]


def read_truth() -> Truth:
    """Read all clocks at one instant. Raises FileNotFoundError where the module is not loaded."""
    true, realtime, *clocks = (line.split() for line in (ROOT / "truth").read_text().splitlines())
    return Truth(
        int(true[1]),
        int(realtime[1]),
        tuple(
            ClockTruth(int(ns), int(fraction), int(error_ppt) / 1000, f"/dev/{device}")
            for _, ns, fraction, error_ppt, device in clocks
        ),
    )


def set_knob(name: str, value: int) -> None:
    """Turn a knob, such as ``port0/loss_ppm``. Raises OSError for a value out of its range."""
    (ROOT / name).write_text(f"{value}\n")
