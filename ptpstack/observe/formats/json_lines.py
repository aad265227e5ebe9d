"""One JSON object a line: every event with all its fields."""

from __future__ import annotations

import json
from collections.abc import Iterator

from ptpstack.observe.recorder import Record


def json_line(record: Record) -> Iterator[str]:
    """Yield the one line of *record*."""
    yield json.dumps(record.as_dict(), ensure_ascii=False, separators=(",", ":"))
