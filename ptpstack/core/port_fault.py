"""What makes a port FAULTY, and what ends that: no link, or several peers on it (IEEE 1588-2019 9.2.5, 11.4.2)."""

from __future__ import annotations

from collections.abc import Callable

from ptpstack.core.port_states import PortEvent
from ptpstack.core.timers import Timer, Timers
from ptpstack.time import SECOND, MonotonicTime, TimeInterval

FAULT_RESET_INTERVAL: TimeInterval = 16 * SECOND
"""How long a port stays FAULTY for what its link brought, before it looks again."""


class PortFault:
    """The faults of one port; *apply* moves it, *decide* asks for a state decision."""

    def __init__(
        self,
        timers: Timers,
        apply: Callable[[PortEvent, MonotonicTime, str], object],
        decide: Callable[[MonotonicTime], None],
    ) -> None:
        self._timers = timers
        self._apply = apply
        self._decide = decide

    def link_changed(self, up: bool, now: MonotonicTime) -> None:
        """Take the state of the link: without one a port waits for nothing else."""
        self._timers.stop(Timer.FAULT_RESET)
        if up:
            self._apply(PortEvent.FAULT_CLEARED, now, "link up")
        else:
            self._apply(PortEvent.FAULT_DETECTED, now, "link down")

    def several_peers(self, now: MonotonicTime) -> bool:
        """Stop a port whose link has several peers, which is none of peer delay's; it looks again after a while."""
        self._apply(PortEvent.FAULT_DETECTED, now, "several clocks answer each Pdelay_Req")
        self._timers.start(Timer.FAULT_RESET, now + FAULT_RESET_INTERVAL)
        self._decide(now)
        return True

    def on_reset(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Look again."""
        self._apply(PortEvent.FAULT_CLEARED, now, "another look")
