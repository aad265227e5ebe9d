"""What a well-formed `[ntp.server]` must not say."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ptpstack.config.model import Config
from ptpstack.config.ntp_server_table import NtpServer, NtpServerNts
from ptpstack.config.problems import Path, Problem
from ptpstack.config.rules import unknown_clock
from ptpstack.config.source import Source

_TABLE: Path = ("ntp", "server")


def ntp_server_problems(config: Config, source: Source) -> Iterator[Problem]:
    """Yield what `[ntp.server]` of *config* says that cannot all be true."""
    server = config.ntp.server
    if not server.listen:
        if server != NtpServer():
            yield source.problem(
                _TABLE, "listens nowhere", next_step='write listen = ["0.0.0.0", "::"], or the addresses wanted'
            )
        return
    for index, address in enumerate(server.listen):
        yield from _address_problems(address, (*_TABLE, "listen", index), source)
    for key in ("allow", "deny"):
        for index, prefix in enumerate(getattr(server, key)):
            try:
                ipaddress.ip_network(prefix, strict=False)
            except ValueError as error:
                yield source.problem(
                    (*_TABLE, key, index), f'"{prefix}" is no prefix', why=str(error), next_step="such as 10.0.0.0/8"
                )
    if server.clock == "auto":
        path = (*_TABLE, "clock")
        yield source.problem(path, '"auto" is no clock here', next_step='write "system" or name the clock')
    else:
        yield from unknown_clock(server.clock, config.clock, (*_TABLE, "clock"), source)
    if server.timestamping == "hardware" and not server.interface:
        yield source.problem(
            (*_TABLE, "interface"), "is missing", why="a NIC stamps what goes through its own interface only"
        )
    yield from _orphan_problems(config, source)
    yield from _rate_problems(server, source)
    yield from _nts_problems(server.nts, source)


def _address_problems(address: str, path: Path, source: Source) -> Iterator[Problem]:
    try:
        ipaddress.ip_address(address)
    except ValueError as error:
        yield source.problem(path, f'"{address}" is no address', why=str(error), next_step='"0.0.0.0" is all of IPv4')


def _orphan_problems(config: Config, source: Source) -> Iterator[Problem]:
    server = config.ntp.server
    if not server.orphan:
        if server.orphan_wait_s != NtpServer().orphan_wait_s:
            yield source.problem(
                (*_TABLE, "orphan_wait_s"), "means nothing without orphan", next_step="write orphan = true beside it"
            )
        return
    if not server.local_stratum:
        yield source.problem(
            (*_TABLE, "local_stratum"),
            "is missing",
            why="orphans know each other by it",
            next_step="write the same on all of them, beyond that of every real source, such as 10",
        )
    if not config.ntp.source and not config.ntp.source_directory:
        yield source.problem(
            (*_TABLE, "orphan"), "has nobody to agree with", next_step="name the other servers in [[ntp.source]]"
        )


def _rate_problems(server: NtpServer, source: Source) -> Iterator[Problem]:
    if server.rate_interval_s:
        return
    for key in ("rate_burst", "rate_leak", "rate_kiss"):
        if getattr(server, key) != getattr(NtpServer(), key):
            yield source.problem(
                (*_TABLE, key), "means nothing without a limit", next_step="write rate_interval_s beside it"
            )


def _nts_problems(nts: NtpServerNts, source: Source) -> Iterator[Problem]:
    path = (*_TABLE, "nts")
    if not nts.certificate_file:
        if nts != NtpServerNts():
            yield source.problem((*path, "certificate_file"), "is missing", why="NTS proves by it who the server is")
    elif not nts.private_key_file:
        yield source.problem((*path, "private_key_file"), "is missing", why="certificate_file is of no use without")
