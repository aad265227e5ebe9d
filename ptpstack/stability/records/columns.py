"""Two columns of numbers, ``unix_seconds,offset_seconds``: what Calnex Sentinel exports, and many scripts.

A header in front is passed over. The offset is taken as measured - reference, which is local - master
(time error x(t) of ITU-T G.810); an instrument that writes reference - measured needs ``--negate``.
"""

from __future__ import annotations

import re

from ptpstack.stability.records.reading import Format, LineReader, Sample, finite

_SEPARATOR = re.compile(r"\s*[,;\t]\s*|\s+")


def _reader(_tau0_s: float | None) -> LineReader:
    begun = False

    def read_line(line: str) -> Sample | None:
        nonlocal begun
        text = line.strip()
        if not text or text.startswith("#"):
            return None
        try:
            time_s, offset_s = (finite(part) for part in _SEPARATOR.split(text))
        except ValueError:
            if begun:
                raise
            return None  # the header
        begun = True
        return Sample("offset", time_s, offset_s * 1e9)

    return read_line


COLUMNS = Format("columns", "two columns: seconds, offset in seconds", "taken as local - master, s", _reader)
