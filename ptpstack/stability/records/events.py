"""ptpstack's own events as JSON lines (``log.format = "json"``, ``log.event_file``) or from the control socket.

``OffsetSample.offset_ns`` is local - master. Times are those of CLOCK_MONOTONIC: no step of a clock moves them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ptpstack.stability.records.reading import Format, Sample, finite

LOCKED = ("LOCKED", "LOCKED_STABLE")


def sample_of(event: Mapping[str, Any]) -> Sample | None:
    """Return the sample in *event*, a record as JSON; ``None`` of other events. Raises ``ValueError``."""
    if event.get("event") != "OffsetSample":
        return None
    try:
        series = ", ".join(filter(None, (str(event["instance"]), f"clock {event['clock']}")))
        return Sample(
            series,
            int(event["monotonic_ns"]) * 1e-9,
            finite(event["offset_ns"]),
            event["state"] in LOCKED,
            str(event.get("utc", "")),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"OffsetSample without a usable {error.args[0]}") from error


def _read_line(line: str) -> Sample | None:
    if not line.strip():
        return None
    try:
        event = json.loads(line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if not isinstance(event, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 (of the text, not of a caller's type)
    inner = event.get("event")
    return sample_of(inner if isinstance(inner, dict) else event)  # as it stands, or as the control socket sends it


EVENTS = Format("events", "ptpstack events (JSON lines)", "local - master, ns", lambda _tau0_s: _read_line)
