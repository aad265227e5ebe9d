"""What a well-formed `[ntp]` must not say."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET

from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.ntp_reference_rules import reference_problems
from ptpstack.config.ntp_table import Ntp, NtpSource
from ptpstack.config.problems import Path, Problem
from ptpstack.config.rules import unknown_clock
from ptpstack.config.source import Source

NTP = "ntp"
"""What the servers together are called where something steers a clock."""


def ntp_writers(config: Config, word: str) -> list[str]:
    """Return the name under which NTP may steer clock *word*, after everything else, if it may."""
    ntp = config.ntp
    steers = ntp.is_used and not ntp.free_running and real_clock(ntp.clock, config.clock) == word
    return [NTP] if steers else []


def ntp_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what `[ntp]` of *config* says that cannot all be true."""
    ntp = config.ntp
    if not ntp.is_used:
        if ntp not in (Ntp(server=ntp.server), Ntp(server=ntp.server, key_file=ntp.key_file)):
            yield source.problem(
                ("ntp",), "has no source", next_step='write [[ntp.source]] and address = "NAME" below it'
            )
        return
    yield from reference_problems(config, source)
    if ntp.clock == "auto":
        yield source.problem(("ntp", "clock"), '"auto" is no clock here', next_step='write "system" or name the clock')
    else:
        yield from unknown_clock(ntp.clock, config.clock, ("ntp", "clock"), source)
    if ntp.refuse_departed and not ntp.watch:
        yield source.problem(
            ("ntp", "refuse_departed"), "nothing is watched", next_step='write watch = "10ms" beside it'
        )
    seen: dict[str, int] = {}
    for index, server in enumerate(ntp.source):
        path = ("ntp", "source", index)
        first = seen.setdefault(server.address, index)
        if first != index:
            yield source.problem(
                (*path, "address"), "is asked already", why=f"by ntp.source[{first}]", next_step="raise count there"
            )
        if server.key and not ntp.key_file:
            yield source.problem((*path, "key"), "there are no keys", next_step="write key_file below [ntp]")
        yield from ntp_source_problems(server, path, source)
    if ntp.authentication == "require" and ntp.source and not any(server.key or server.nts for server in ntp.source):
        yield source.problem(
            ("ntp", "authentication"), "no source has a key or nts", why='"require" means that only such count'
        )


def ntp_source_problems(server: NtpSource, path: Path, source: Source) -> Iterator[Problem]:
    """Yield what *server* by itself, at *path* of *source*, says that cannot all be true."""
    least, most = server.min_poll, server.max_poll
    if least is not UNSET and most is not UNSET and least > most:
        yield source.problem((*path, "min_poll"), f"{least} is above max_poll, {most}")
    yield from _nts_problems(server, path, source)


def _nts_problems(server: NtpSource, path: Path, source: Source) -> Iterator[Problem]:
    """Yield what *server* says of NTS that cannot all be true."""
    if not server.nts:
        for key, default in (("nts_port", 4460), ("ca_file", "")):
            if getattr(server, key) != default:
                yield source.problem((*path, key), "means nothing without NTS", next_step="write nts = true beside it")
        return
    if server.key:
        yield source.problem((*path, "key"), "is one proof too many", why="nts = true gives the source keys of its own")
    if server.port != 123:
        yield source.problem(
            (*path, "port"), "is the server's to say", why="with NTS it names its UDP port itself", next_step="nts_port"
        )
