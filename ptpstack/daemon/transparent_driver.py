"""One transparent clock and what it is wired to: it takes and gives no more than every engine does."""

from __future__ import annotations

from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.protocol_driver import ProtocolDriver


class TransparentDriver(ProtocolDriver[TransparentClock]):
    """Drives a transparent clock."""

    def set_clock_problem(self, port_number: int, problem: str) -> None:
        """Pass on why the stamps of a port are no use, or that they are ("")."""
        self._carry_out(self.instance.set_clock_problem(port_number, problem, monotonic_now()))
