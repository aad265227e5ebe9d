"""A virtual PHC over the kernel's software stamps, with its own frequency error and a known truth.

CLOCK_REALTIME is true time. The soft clock is a piecewise linear function of it: each change of the
frequency and each step begins a new segment, in integers, so that anybody who knows the segment
computes the very same reading. With it any Linux machine can run real sockets and independent clocks.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from hw.clock import check_frequency
from hw.events import SystemClockJumped
from hw.timestamping import Timestamping
from ptpstack.time import NANOSECOND, LocalTime, TimeInterval, interval_to_ns

_RATE_SHIFT = 32
_NOMINAL_RATE = NANOSECOND << _RATE_SHIFT
_MAX_FREQUENCY_PPB = 100_000.0
_SEGMENTS_KEPT = 256
_JUMP_FLOOR_NS = 100_000
_SLEW_DIVISOR = 1000
"""A slewed CLOCK_REALTIME moves by at most 500 ppm against the raw clock; twice that is a jump."""


class Segment(msgspec.Struct, frozen=True):
    """A stretch of constant rate: local = local_epoch + (true - true_epoch_ns) · rate / 2**32.

    ``local_epoch`` is in 2**-16 ns, ``rate`` in 2**-48 local ns per true ns; the division rounds down.
    """

    true_epoch_ns: int
    local_epoch: int
    rate: int

    def local_time(self, true_ns: int) -> LocalTime:
        """Return what the clock reads at the true instant."""
        return LocalTime(self.local_epoch + ((true_ns - self.true_epoch_ns) * self.rate >> _RATE_SHIFT))

    def true_offset_ns(self, true_ns: int) -> float:
        """Return local - true at the true instant."""
        return interval_to_ns(int(self.local_time(true_ns)) - true_ns * NANOSECOND)


class SoftClock:
    """A clock that is wrong by design: *offset_ns* now, and drifting by *frequency_error_ppb*.

    *state*, the ``as_dict()`` of an earlier run, lets it run on as a PHC does while nobody looks; then
    *offset_ns* does not count. *true_time_ns* and *raw_time_ns* stand in for the kernel's clocks in tests.
    """

    stamping = Timestamping.SOFTWARE
    max_frequency_ppb = _MAX_FREQUENCY_PPB

    def __init__(
        self,
        name: str,
        *,
        offset_ns: float = 0,
        frequency_error_ppb: float = 0,
        state: Mapping[str, Any] | None = None,
        true_time_ns: Callable[[], int] = time.time_ns,
        raw_time_ns: Callable[[], int] = lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW),
    ) -> None:
        self.name = name
        self._frequency_error_ppb = frequency_error_ppb
        self._true_time_ns = true_time_ns
        self._raw_time_ns = raw_time_ns
        self._frequency_ppb = 0.0
        now_ns = true_time_ns()
        if state is None:
            first = Segment(now_ns, now_ns * NANOSECOND + round(offset_ns * NANOSECOND), self._rate())
        else:
            self._frequency_ppb = float(state["frequency_ppb"])
            first = Segment(int(state["true_epoch_ns"]), int(state["local_epoch"]), int(state["rate"]))
        self._segments = deque([first], maxlen=_SEGMENTS_KEPT)
        if first.rate != self._rate():
            self._begin_segment()
        self._watched_raw_ns, self._watched_true_ns = self._raw_and_true_ns()

    def time(self) -> LocalTime:
        """Read the clock."""
        return self.local_time(self._true_time_ns())

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Return what the clock read at the true instant *stamp_ns*, by the segment that was in force then.

        256 segments are kept; an older stamp is read by the oldest of them.
        """
        for segment in reversed(self._segments):
            if stamp_ns >= segment.true_epoch_ns:
                return segment.local_time(stamp_ns)
        return self._segments[0].local_time(stamp_ns)

    def frequency_ppb(self) -> float:
        """Return the frequency adjustment in force, without the clock's own error."""
        return self._frequency_ppb

    def set_frequency(self, ppb: float) -> None:
        """Run *ppb* faster than the faulty oscillator would, from now on. Raises ``HardwareError``."""
        check_frequency(self, ppb)
        self._frequency_ppb = ppb
        self._begin_segment()

    def step(self, delta: TimeInterval) -> None:
        """Add *delta* to the clock at once."""
        self._begin_segment(delta)

    def close(self) -> None:
        """Nothing to release."""

    def true_offset_ns(self, at_ns: int | None = None) -> float:
        """Return local - true at the true instant *at_ns* (default: now)."""
        at_ns = self._true_time_ns() if at_ns is None else at_ns
        return interval_to_ns(int(self.local_time(at_ns)) - at_ns * NANOSECOND)

    def segments(self) -> tuple[Segment, ...]:
        """Return the segments that are kept, the current one last."""
        return tuple(self._segments)

    def as_dict(self) -> dict[str, Any]:
        """Return the current segment and settings as plain values: the truth for others, the state to resume from."""
        segment = self._segments[-1]
        return {
            "name": self.name,
            "frequency_error_ppb": self._frequency_error_ppb,
            "frequency_ppb": self._frequency_ppb,
            "true_epoch_ns": segment.true_epoch_ns,
            "local_epoch": segment.local_epoch,
            "rate": segment.rate,
        }

    def check_true_time(self) -> SystemClockJumped | None:
        """Return an event if CLOCK_REALTIME, and so this clock, was stepped since the last call."""
        raw_ns, true_ns = self._raw_and_true_ns()
        elapsed_ns = raw_ns - self._watched_raw_ns
        jump_ns = true_ns - self._watched_true_ns - elapsed_ns
        self._watched_raw_ns, self._watched_true_ns = raw_ns, true_ns
        if abs(jump_ns) <= _JUMP_FLOOR_NS + elapsed_ns // _SLEW_DIVISOR:
            return None
        return SystemClockJumped(clock=self.name, jump_ns=jump_ns)

    def _rate(self) -> int:
        return round(_NOMINAL_RATE * (1 + self._frequency_error_ppb * 1e-9) * (1 + self._frequency_ppb * 1e-9))

    def _begin_segment(self, step: TimeInterval = 0) -> None:
        now_ns = self._true_time_ns()
        local = int(self._segments[-1].local_time(now_ns)) + step
        self._segments.append(Segment(now_ns, local, self._rate()))

    def _raw_and_true_ns(self) -> tuple[int, int]:
        """Read both clocks at one instant: of five tries the one with the tightest bracket."""
        _, raw_ns, true_ns = min(self._bracketed() for _ in range(5))
        return raw_ns, true_ns

    def _bracketed(self) -> tuple[int, int, int]:
        before_ns, true_ns, after_ns = self._raw_time_ns(), self._true_time_ns(), self._raw_time_ns()
        return after_ns - before_ns, (before_ns + after_ns) // 2, true_ns
