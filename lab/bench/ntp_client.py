"""NTP clients side by side: memory and CPU of a process that only asks, also with NTS, between two key exchanges.

What lives here: the window that is watched. What does not: the programs (``ntp_programs``), how well each knows the
time (``ntp_accuracy``), a server's throughput (``ntp``).
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from lab.bench import bed
from lab.bench.ntp_programs import WITH_NTS, all_of_them, served
from lab.bench.rows import Row
from ptpstack.errors import PtpstackError

POLL = 6
SETTLE_S, WINDOW_S = 75, 130
"""After the burst of the start intervals double up to the poll interval; then two of them are watched."""

LIMIT_MB, LIMIT_WITH_NTS_MB, LIMIT_SHARE = 30.0, 45.0, 0.1
"""What ours may take. The row's limit is a ratio to the peer, so these stand in its name."""


def measure(rounds: int) -> Iterator[Row]:
    """Yield the rows of this case; a round takes some four minutes."""
    memory: dict[str, list[float]] = {}
    share: dict[str, list[float]] = {}
    for _ in range(rounds):
        _watch(memory, share)
    yield from _rows(f"resident memory, limit {LIMIT_MB:g}", "MB", memory, "")
    yield from _rows(f"resident memory, NTS, limit {LIMIT_WITH_NTS_MB:g}", "MB", memory, WITH_NTS)
    yield from _rows(f"CPU of one core, limit {LIMIT_SHARE:g}", "%", share, "")
    yield from _rows(f"CPU of one core, NTS, limit {LIMIT_SHARE:g}", "%", share, WITH_NTS)


def _rows(metric: str, unit: str, values: Mapping[str, Sequence[float]], suffix: str) -> Iterator[Row]:
    """Yield a row for each peer that runs as ours does: all with NTS (*suffix*), or all without."""
    for peer in ("chronyd", "ntpd-rs", "timesyncd"):
        if f"{peer}{suffix}" in values:
            yield Row("ntp_client", metric, unit, values[f"ours{suffix}"], values[f"{peer}{suffix}"], peer)


def _watch(memory: dict[str, list[float]], share: dict[str, list[float]]) -> None:
    with served() as place:
        programs = all_of_them(place, POLL)
        bed.settle(SETTLE_S)
        before = {name: bed.cpu_s(program.pid) for name, program in programs.items()}
        begin = time.monotonic()
        bed.settle(WINDOW_S)
        took_s = time.monotonic() - begin
        for name, program in programs.items():
            try:
                used_s, resident_mb = bed.cpu_s(program.pid) - before[name], bed.resident_mb(program.pid)
            except OSError as error:
                raise PtpstackError("a client ended meanwhile", where=name, why=str(error)) from error
            share.setdefault(name, []).append(100 * used_s / took_s)
            memory.setdefault(name, []).append(resident_mb)
        for program in programs.values():
            program.end()
