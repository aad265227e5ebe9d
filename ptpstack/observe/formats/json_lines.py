"""One JSON object a line: every event with all its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ptpstack.events import Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Record


class JsonFormat:
    """Call it with records; offset samples are written at any *severity*."""

    def __init__(self, severity: Severity = Severity.DEBUG) -> None:
        self._severity = severity

    def __call__(self, record: Record) -> Iterator[str]:
        """Yield the line of *record*."""
        if record.event.severity <= self._severity or isinstance(record.event, OffsetSample):
            yield json.dumps(record.as_dict(), ensure_ascii=False, separators=(",", ":"))
