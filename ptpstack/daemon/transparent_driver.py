"""One transparent clock and what it is wired to: it takes and gives no more than every engine does."""

from __future__ import annotations

from ptpstack.core.transparent_clock import TransparentClock
from ptpstack.daemon.protocol_driver import ProtocolDriver


class TransparentDriver(ProtocolDriver[TransparentClock]):
    """Drives a transparent clock."""
