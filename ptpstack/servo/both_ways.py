"""Both ways of an end-to-end path tell the offset: a Sync, and the Delay_Req that was answered beside it.

With the path delay known, t3 - t4 + delay is as good an offset as t2 - t1 - delay, and its noise is another one. Their
mean has half the variance where both ways are as quiet; in general each counts by the inverse of its own, which
is learnt. A longer path cancels in the mean where it is longer both ways.

What does not live here: the path delay (a delay filter); peer delay, which says nothing of the offset.
"""

from __future__ import annotations

from typing import NamedTuple

from ptpstack.servo.outliers import GATE, NoiseLevel
from ptpstack.time import NANOSECOND, SECOND, LocalTime, PtpTime, TimeInterval

LEAST_DIFFERENCES = 8
"""So many of each are needed before the noises are known."""
MOST_WEIGHT = 4.0
FIRST_VARIANCE = 50.0**2


class _Way:
    """One way's offsets, and the variance of their noise by how they differ from one to the next, in ns²."""

    def __init__(self) -> None:
        self.noise = NoiseLevel(FIRST_VARIANCE)
        self._last: tuple[LocalTime, float] | None = None

    def add(self, offset_ns: float, at: LocalTime, slew_ppb: float) -> None:
        if self._last is not None:
            last_at, last_ns = self._last
            difference_ns = offset_ns - last_ns - slew_ppb * (at - last_at) / SECOND
            self.noise.add(difference_ns * difference_ns / 2.0)
        self._last = at, offset_ns

    def forget(self) -> None:
        self._last = None


class Joined(NamedTuple):
    """The *offset* that both ways tell, and its *weight*: 1, or less where the Sync stands alone."""

    offset: TimeInterval
    weight: float = 1.0


class Reverse(NamedTuple):
    """The *offset* that a Delay_Req *sent* at an instant tells; *answered* (t4) tells it from the others."""

    offset: TimeInterval
    sent: LocalTime
    answered: PtpTime


class BothWays:
    """Offsets of Syncs in, offsets that both ways tell out."""

    def __init__(self) -> None:
        self._forward, self._reverse = _Way(), _Way()
        self._answered: PtpTime | None = None

    def forget(self) -> None:
        """The clock was moved, or another master is followed: the next offset does not follow the last one."""
        self._forward.forget()
        self._reverse.forget()

    def join(self, offset: TimeInterval, at: LocalTime, reverse: Reverse, slew_ppb: float) -> Joined:
        """Return the offset *at* which a Sync came, by it and by the newest Delay_Req.

        *slew_ppb* is how fast steering moves the offset.
        """
        forward_noise, reverse_noise = self._forward.noise, self._reverse.noise
        known = min(forward_noise.samples, reverse_noise.samples) >= LEAST_DIFFERENCES
        weight = min(forward_noise.variance / reverse_noise.variance, MOST_WEIGHT) if known else 0.0
        alone = Joined(offset, 1.0 / (1.0 + weight))
        if reverse.answered == self._answered:
            return alone
        self._answered = reverse.answered
        offset_ns, reverse_ns = offset / NANOSECOND, reverse.offset / NANOSECOND
        self._forward.add(offset_ns, at, slew_ppb)
        self._reverse.add(reverse_ns, reverse.sent, slew_ppb)
        apart_ns = reverse_ns + slew_ppb * (at - reverse.sent) / SECOND - offset_ns
        if apart_ns * apart_ns > GATE * GATE * (forward_noise.variance + reverse_noise.variance):
            return alone
        return Joined(offset + round(apart_ns * weight / (1.0 + weight) * NANOSECOND))
