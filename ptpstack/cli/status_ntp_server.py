"""What `ptpstack status` says of the NTP server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ptpstack.words import counted

_COUNTS = {
    "answered": "answered",
    "interleaved": "interleaved",
    "authenticated": "by a key",
    "nts": "by NTS",
    "nts_naks": "NTS NAK",
    "denied": "denied",
    "limited": "limited",
    "kisses": "told to ask less",
    "not_a_request": "no requests",
    "malformed": "malformed",
    "not_authentic": "not authentic",
    "not_sent": "not sent",
    "stepped": "held over a step",
    "lost": "lost by the kernel",
    "defects": "batches given up for a defect",
}
_ALWAYS = ("answered",)
_SHOWN_CLIENTS = 5


def ntp_server_lines(server: dict[str, Any]) -> Iterator[str]:
    """Yield what is served where, to whom, and what came of requests."""
    yield ""
    where = ", ".join(server["listen"])
    yield f"NTP server, {where}, port {server['port']}"
    if server["leap"] == "UNSYNCHRONIZED":
        yield f"  serves          {server['clock']}, which it says is not synchronized"
    elif server["is_local"]:
        yield f"  serves          {server['clock']} as stratum {server['stratum']} for what it is: it states no bound"
    else:
        distance_us = (server["root_dispersion_ns"] + server["root_delay_ns"] / 2) / 1000
        yield (
            f"  serves          {server['clock']} as stratum {server['stratum']}, reference {server['reference']}, "
            f"within {distance_us:.1f} µs"
        )
    yield f"  because         {server['why']}"
    workers = server.get("workers", [])
    running = sum(1 for pid in workers if pid)
    started = counted(server["starts"], "time")
    yield f"  processes       {running} of {counted(len(workers), 'worker')}, started {started}"
    counts = server.get("counts", {})
    told = [
        f"{counts[name]} {text}" for name, text in _COUNTS.items() if counts.get(name) or (name in _ALWAYS and counts)
    ]
    yield f"  requests        {', '.join(told) or 'none yet'}"
    if counts.get("stamps"):
        yield f"  departures      foretold within {counts['departure_error_ns'] / 1000:.1f} µs, by the kernel's stamps"
    if nts := server.get("nts"):
        process = f"process {nts['pid']}" if nts["pid"] else "no process now"
        yield f"  NTS keys        port {nts['port']}, {process}, certificate {nts['certificate']}"
    for client in server.get("clients", [])[:_SHOWN_CLIENTS]:
        limited = f", {client['limited']} beyond the limit" if client["limited"] else ""
        yield f"  client          {client['client']}: {client['requests']} requests{limited}"
