"""Offsets steered away by the hardware's own phase control (adjphase), where a clock has one.

A servo steers an offset away by running the clock faster or slower until the next sample. Hardware that takes a phase
moves the clock by just so much, however late the next sample is, and the frequency set stays the one that holds it.

What lives here: parting a servo's command in the two. What does not: the ioctl (``hw.phc``), and whether the
configuration wants it.
"""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.time import NANOSECOND, TimeInterval


class Parted(NamedTuple):
    """The frequency to set, and the phase to write; 0: none."""

    frequency_ppb: float
    phase: TimeInterval


class PhaseWriting:
    """Whether and how the phase of one clock is written; *most* is the largest that its driver takes, 0: unlimited."""

    def __init__(self, most: TimeInterval = 0) -> None:
        self._most = most

    def part(self, frequency_ppb: float, slew_ppb: float, interval: TimeInterval) -> Parted:
        """Part a command of *frequency_ppb*, of which *slew_ppb* steers an offset away within *interval*.

        The hardware counts nanoseconds; what is left of one stays in the frequency. What is too much for it does, too.
        """
        wanted = slew_ppb * 1e-9 * interval
        phase = round(wanted / NANOSECOND) * NANOSECOND
        if not phase or (self._most and abs(phase) > self._most):
            return Parted(frequency_ppb, 0)
        return Parted(frequency_ppb - phase / interval * 1e9, phase)


def equivalent_ppb(frequency_ppb: float, phase: TimeInterval, interval: TimeInterval) -> float:
    """Return the frequency that moves a clock as far within *interval* as *frequency_ppb* and *phase* together."""
    return frequency_ppb + (phase / interval * 1e9 if phase else 0.0)
