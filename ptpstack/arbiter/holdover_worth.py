"""What a clock in holdover is worth: in spec by bound and by time, and how far it is degraded after that."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from profiles.loader import DegradationName, Profile
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.holdover_table import Holdover as HoldoverTable


class HoldoverSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Holdover is in spec while the clock is off by less than *bound_ns*, but for at most *seconds*.

    Out of spec it is degraded by alternative A while it is off by less than *degraded_bound_ns*, but for at most
    *degraded_seconds* since the last measurement; then by alternative B.
    """

    bound_ns: float = 1500.0
    seconds: float = 14_400.0
    degraded_bound_ns: float = 10_000.0
    degraded_seconds: float = 86_400.0

    def degradation(self, bound_ns: float | None, since_s: float) -> DegradationName:
        """Return by which alternative a clock is degraded that is off by *bound_ns* (None: not known) at most."""
        known = bound_ns is not None and bound_ns < self.degraded_bound_ns
        return "a" if known and since_s < self.degraded_seconds else "b"

    def worth(self, bound_ns: float | None, since_s: float) -> tuple[ClockState, str]:
        """Return what holdover is worth *since_s* after the last measurement, and why."""
        if bound_ns is None:
            return (
                ClockState.HOLDOVER_OUT_OF_SPEC,
                "measurements stopped before enough was learnt to say how far off it may be; it keeps its frequency",
            )
        if bound_ns >= self.bound_ns:
            return (
                ClockState.HOLDOVER_OUT_OF_SPEC,
                f"off by up to {bound_ns:.0f} ns after {since_s:.0f} s, the limit is {self.bound_ns:.0f} ns",
            )
        if since_s >= self.seconds:
            return (
                ClockState.HOLDOVER_OUT_OF_SPEC,
                f"no measurement for {since_s:.0f} s, the limit is {self.seconds:.0f} s",
            )
        return (
            ClockState.HOLDOVER_IN_SPEC,
            f"measurements stopped; steered along what was learnt, off by up to {bound_ns:.0f} ns now",
        )


def holdover_settings(limits: HoldoverTable, profiles: Sequence[Profile]) -> HoldoverSettings:
    """Return the limits of holdover; where the file gives no bound, the strictest of the *profiles* holds."""
    bounds_ns = [profile.holdover_bound_ns for profile in profiles]
    return HoldoverSettings(
        bound_ns=min(bounds_ns, default=HoldoverSettings().bound_ns) if limits.bound_ns is UNSET else limits.bound_ns,
        seconds=limits.seconds,
        degraded_bound_ns=limits.degraded_bound_ns,
        degraded_seconds=limits.degraded_seconds,
    )
