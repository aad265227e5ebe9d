"""A name that stands for several servers with NTS: each has keys of its own, so each is a source of its own.

They are called by the name and a number, ``pool.example.net#2``, which no host can be called.
"""

from __future__ import annotations

from msgspec.structs import replace

from ptpstack.config.ntp_table import NtpSource

_MARK = "#"


def places_of(source: NtpSource, count: int) -> list[NtpSource]:
    """Return the sources that *source* stands for when *count* of its servers are asked: one, unless it has NTS."""
    if not source.nts or count == 1:
        return [source]
    return [replace(source, address=f"{source.address}{_MARK}{number}", count=1) for number in range(1, count + 1)]


def host_and_place(name: str) -> tuple[str, int]:
    """Return the host to ask, and from which of its addresses on, counted from 0."""
    host, _, number = name.partition(_MARK)
    return host, int(number) - 1 if number else 0
