"""chrony's logs. Each file has its own sign (chrony.conf(5), ``log``); all are in seconds, times are UTC.

| file | column | positive means | local - master |
|---|---|---|---|
| tracking.log | 7 | the local clock is fast | as written |
| statistics.log | 5 | the local clock is fast | as written |
| measurements.log, rawmeasurements.log | 12 | the local clock is slow (theta of RFC 5905) | negated |
| refclocks.log | 8, with corrections | the local clock is slow | negated |

tracking.log has one estimate for each update of the clock, not one for each packet.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ptpstack.stability.records.reading import Format, LineReader, Sample, finite

_NUMBER = r"[+-]?\d[\d.]*(?:e[+-]?\d+)?"
_STAMP = r"(?P<date>\d{4}-\d\d-\d\d) (?P<time>\d\d:\d\d:\d\d(?:\.\d+)?)"
_OFFSET = rf"(?P<offset>{_NUMBER})"


def _line(*columns: str) -> re.Pattern[str]:
    return re.compile(r"\s+".join((_STAMP, *columns)) + r"(?:\s|$)")


_TRACKING = _line(r"\S+", r"\d+", _NUMBER, _NUMBER, _OFFSET, r"(?P<leap>[N+?-])", r"\d+", _NUMBER)
_STATISTICS = _line(r"(?P<source>\S+)", _NUMBER, _OFFSET, _NUMBER, _NUMBER, _NUMBER, _NUMBER, r"\d+", r"\d+", r"\d+")
_MEASUREMENTS = _line(
    r"(?P<source>\S+)", "[N+?-]", r"\d+", *["[01]{3,4}"] * 3, r"-?\d+", r"-?\d+", r"[\d.]+", _OFFSET, _NUMBER, _NUMBER
)
_REFCLOCKS = _line(r"(?P<source>\S+)", r"(?:\d+|-)", r"[N+?-]", r"[01-]", rf"(?:{_NUMBER}|-)", _OFFSET, _NUMBER)
_DATED = re.compile(_STAMP)


def _reader(pattern: re.Pattern[str], sign: int, series: str = "") -> LineReader:
    def read_line(line: str) -> Sample | None:
        if not _DATED.match(line):
            return None  # the banner
        match = pattern.match(line)
        if match is None:
            raise ValueError("its columns are other ones")
        columns = match.groupdict()
        if columns.get("leap") == "?":
            return None  # not synchronized: the column holds no estimate
        moment = datetime.fromisoformat(f"{match['date']}T{match['time']}").replace(tzinfo=UTC)
        utc = f"{match['date']}T{match['time']}Z"
        return Sample(series or match["source"], moment.timestamp(), sign * finite(match["offset"]) * 1e9, utc=utc)

    return read_line


TRACKING = Format(
    "chrony-tracking",
    "chrony's tracking.log",
    "column 7, positive: local fast; as written",
    lambda _tau0_s: _reader(_TRACKING, 1, "system clock"),
)
MEASUREMENTS = Format(
    "chrony-measurements",
    "chrony's measurements.log",
    "column 12, positive: local slow; negated",
    lambda _tau0_s: _reader(_MEASUREMENTS, -1),
)
STATISTICS = Format(
    "chrony-statistics",
    "chrony's statistics.log",
    "column 5, positive: local fast; as written",
    lambda _tau0_s: _reader(_STATISTICS, 1),
)
REFCLOCKS = Format(
    "chrony-refclocks",
    "chrony's refclocks.log",
    "column 8, positive: local slow; negated",
    lambda _tau0_s: _reader(_REFCLOCKS, -1),
)
