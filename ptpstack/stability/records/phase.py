"""One phase value in seconds a line at a fixed sampling interval: TimeLab's ASCII export, Stable32's .dat.

The interval is what a comment or header line calls ``tau`` (``# tau0 = 0.1``, ``Tau: 1.0e+00``), or ``--tau0``.
"""

from __future__ import annotations

import re

from ptpstack.stability.records.reading import Format, LineReader, Sample, finite

_TAU0 = re.compile(r"\btau_?0?\b\s*(?:\(s\))?\s*[:=]?\s*([\d.]+(?:e[+-]?\d+)?)", re.IGNORECASE)


def _reader(tau0_s: float | None) -> LineReader:
    interval_s = tau0_s
    count = 0

    def read_line(line: str) -> Sample | None:
        nonlocal interval_s, count
        text = line.strip()
        if tau0_s is None and (match := _TAU0.search(text)):
            interval_s = finite(match[1])
        if not text or text.startswith("#"):
            return None
        try:
            phase_s = finite(text)
        except ValueError:
            if count:
                raise
            return None  # the header
        if not interval_s:
            raise ValueError("the sampling interval is not in the file: say it with --tau0 SECONDS")
        count += 1
        return Sample("phase", (count - 1) * interval_s, phase_s * 1e9)

    return read_line


PHASE = Format("phase", "a list of phase values in seconds", "taken as local - master, s", _reader)
