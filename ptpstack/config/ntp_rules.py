"""What a well-formed `[ntp]` must not say."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.ntp_table import Ntp
from ptpstack.config.problems import Path, Problem
from ptpstack.config.rules import unknown_clock
from ptpstack.config.source import Source

NTP = "ntp"
"""What the servers together are called where something steers a clock."""


def ntp_writers(config: Config, word: str) -> list[str]:
    """Return the name under which NTP may steer clock *word*, after everything else, if it may."""
    ntp = config.ntp
    steers = bool(ntp.source) and not ntp.free_running and real_clock(ntp.clock, config.clock) == word
    return [NTP] if steers else []


def ntp_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what `[ntp]` of *config* says that cannot all be true."""
    ntp = config.ntp
    if not ntp.source:
        if ntp != Ntp():
            yield source.problem(
                ("ntp",), "has no source", next_step='write [[ntp.source]] and address = "NAME" below it'
            )
        return
    if ntp.clock == "auto":
        yield source.problem(("ntp", "clock"), '"auto" is no clock here', next_step='write "system" or name the clock')
    else:
        yield from unknown_clock(ntp.clock, config.clock, ("ntp", "clock"), source)
    seen: dict[tuple[str, int], int] = {}
    for index, server in enumerate(ntp.source):
        path: Path = ("ntp", "source", index)
        first = seen.setdefault((server.address, server.port), index)
        if first != index:
            yield source.problem(
                (*path, "address"), "is asked already", why=f"by ntp.source[{first}]", next_step="raise count there"
            )
        if server.key and not ntp.key_file:
            yield source.problem((*path, "key"), "there are no keys", next_step="write key_file below [ntp]")
        least, most = server.min_poll, server.max_poll
        if least is not UNSET and most is not UNSET and least > most:
            yield source.problem((*path, "min_poll"), f"{least} is above max_poll, {most}")
    if ntp.authentication == "require" and not any(server.key for server in ntp.source):
        yield source.problem(
            ("ntp", "authentication"), "no source has a key", why='"require" means that only such count'
        )
