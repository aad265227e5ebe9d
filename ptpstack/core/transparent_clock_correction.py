"""Adding to the correctionField of a message on its way (IEEE 1588-2019 13.3.2.9)."""

from __future__ import annotations

from typing import TypeVar

from msgspec.structs import replace

from ptpstack.engine.port_messages import CORRECTION_OVERFLOW
from ptpstack.time import TimeInterval
from ptpstack.wire.message import Message

M = TypeVar("M", bound=Message)


def corrected(message: M, correction: TimeInterval) -> M:
    """Return *message* with *correction* added; a field that says "too big" goes on saying so."""
    total = message.correction_field + correction
    if message.correction_field == CORRECTION_OVERFLOW or abs(total) > CORRECTION_OVERFLOW:
        total = CORRECTION_OVERFLOW
    return replace(message, correction_field=total)
