"""Lines for people: local time of day, who, one sentence; offsets as one summary line a second."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ptpstack.events import Severity
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Record
from ptpstack.observe.statistics import SampleSummary
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime

_LABELS = {Severity.ERROR: "ERROR: ", Severity.WARNING: "warning: "}


class TextFormat:
    """Call it with records; it returns the lines to print."""

    def __init__(self, *, summary_interval_s: float = 1.0, severity: Severity = Severity.INFO) -> None:
        self._summary_interval = round(summary_interval_s * SECOND)
        self._severity = severity
        self._summaries: dict[tuple[str, str], tuple[MonotonicTime, SampleSummary]] = {}

    def __call__(self, record: Record) -> Sequence[str]:
        """Return the lines that follow from *record*."""
        event = record.event
        if isinstance(event, OffsetSample):
            return self._sample(record, event)
        if event.severity <= self._severity:
            return (_line(record, _LABELS.get(event.severity, "") + str(event)),)
        return ()

    def _sample(self, record: Record, sample: OffsetSample) -> Sequence[str]:
        key = (record.instance, sample.clock)
        known = self._summaries.get(key)
        if known is None:
            known = self._summaries[key] = (record.monotonic, SampleSummary.empty())
        since, summary = known
        summary.add(sample)
        until = since + self._summary_interval
        if record.monotonic < until:
            return ()
        lagging = record.monotonic - until >= self._summary_interval
        self._summaries[key] = (record.monotonic if lagging else until, SampleSummary.empty())
        line = _line(
            record,
            f"offset rms {_ns(summary.offset.rms)} max {_ns(summary.offset.max_abs)}, "
            f"frequency {summary.frequency.mean:+.1f} ppb, delay {_ns(summary.delay.mean)}"
            f"{'' if sample.steering else ' (not steering)'}",
        )
        return (line,)


def _line(record: Record, sentence: str) -> str:
    seconds, nanoseconds = divmod(int(record.utc) // NANOSECOND, 1_000_000_000)
    stamp = f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{nanoseconds // 1_000_000:03}"
    return f"{stamp} {record.instance}: {sentence}" if record.instance else f"{stamp} {sentence}"


def _ns(value_ns: float) -> str:
    """Return a magnitude in the largest unit that keeps it above 10: ``123 ns``, ``45.6 µs``, ``1.2 s``."""
    for limit, scale, unit in ((1e4, 1.0, "ns"), (1e7, 1e3, "µs"), (1e10, 1e6, "ms")):
        if abs(value_ns) < limit:
            return f"{value_ns / scale:.{0 if scale == 1.0 else 1}f} {unit}"
    return f"{value_ns / 1e9:.3f} s"
