"""Offsets out of text: what time programs and instruments write, read line by line.

What lives here: one module for each family of formats, and how a format is told by its content. Every offset
comes out as local - master in ns, whatever sign and unit the file has. What does not: opening files (``cli``).
"""

from __future__ import annotations

from collections.abc import Iterable

from ptpstack.stability.records.chrony import MEASUREMENTS, REFCLOCKS, STATISTICS, TRACKING
from ptpstack.stability.records.columns import COLUMNS
from ptpstack.stability.records.events import EVENTS
from ptpstack.stability.records.linuxptp import LINUXPTP
from ptpstack.stability.records.phase import PHASE
from ptpstack.stability.records.reading import Extremes, Format, Record, RecordError, read_as, read_detected

__all__ = ["FORMATS", "Extremes", "Format", "Record", "RecordError", "read"]

FORMATS: dict[str, Format] = {
    form.name: form for form in (EVENTS, LINUXPTP, TRACKING, MEASUREMENTS, STATISTICS, REFCLOCKS, COLUMNS, PHASE)
}


def read(lines: Iterable[str], source: str, form: str | None = None, *, tau0_s: float | None = None) -> list[Record]:
    """Return the records in *lines* of the file called *source*, as format *form* or as what they look like.

    *tau0_s* is the sampling interval of formats that have no times. Raises :class:`RecordError` with file and line.
    """
    if form is not None:
        return read_as(FORMATS[form], lines, source, tau0_s)
    return read_detected(FORMATS.values(), lines, source, tau0_s)
