"""The `[ntp]` and `[[ntp.source]]` tables of the configuration file."""

from __future__ import annotations

import re
from typing import Annotated, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.config.ntp_server_table import NtpServer
from ptpstack.config.table import Table
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, TimeInterval

PollExponent: TypeAlias = Annotated[int, Meta(ge=-4, le=17)]
_UNITS = {"ns": NANOSECOND, "us": MICROSECOND, "ms": MILLISECOND, "s": SECOND}
_ACCURACY = re.compile(r"([0-9]+(?:\.[0-9]+)?) ?(ns|us|ms|s)")


class NtpSource(Table, frozen=True):
    """One NTP server, or a name that stands for several."""

    address: Annotated[str, Meta(min_length=1, description="Name or address of the server.")]
    port: Annotated[int, Meta(ge=1, le=65535, description="Its UDP port.")] = 123
    count: Annotated[
        Annotated[int, Meta(ge=1, le=16)] | UnsetType,
        Meta(description="How many of the name's addresses are asked; otherwise 1, or with pool as accuracy needs."),
    ] = UNSET
    pool: Annotated[bool, Meta(description="That the name stands for many servers, such as pool.ntp.org.")] = False
    family: Annotated[Literal["any", "ipv4", "ipv6"], Meta(description="Which addresses are asked.")] = "any"
    key: Annotated[int, Meta(ge=0, le=0xFFFF_FFFF, description="Number of a key in key_file; 0: none.")] = 0
    nts: Annotated[bool, Meta(description="Ask with NTS: the server proves by TLS who it is, and each reply.")] = False
    nts_port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of its NTS key establishment.")] = 4460
    ca_file: Annotated[
        str, Meta(description="Certificates of the only authorities trusted for NTS, PEM; empty: the system's.")
    ] = ""
    min_poll: Annotated[
        PollExponent | UnsetType,
        Meta(description="Least interval of requests, log2 seconds; otherwise as accuracy needs."),
    ] = UNSET
    max_poll: Annotated[
        PollExponent | UnsetType,
        Meta(description="Largest interval of requests, log2 seconds; otherwise as accuracy needs."),
    ] = UNSET
    iburst: Annotated[bool, Meta(description="Begin with four requests in short order.")] = True
    interleaved: Annotated[
        bool | UnsetType,
        Meta(description="Ask for stamps of when replies really left (RFC 9769); otherwise as accuracy needs."),
    ] = UNSET
    prefer: Annotated[bool, Meta(description="Use it, while it agrees with the majority, instead of others.")] = False
    trust: Annotated[bool, Meta(description="Let the trusted sources alone decide who is right.")] = False
    require: Annotated[bool, Meta(description="Steer only while one of the required sources agrees.")] = False
    noselect: Annotated[bool, Meta(description="Only watch it.")] = False
    offset_ns: Annotated[
        int,
        Meta(ge=-(10**9), le=10**9, description="Added to its offsets (local - server): half a known asymmetry."),
    ] = 0
    max_delay_ms: Annotated[
        float, Meta(gt=0, le=10_000, description="Replies that took longer, both ways together, are not used.")
    ] = 3000.0


class Ntp(Table, frozen=True):
    """NTP servers, and the clock that is kept by them: after everything else that steers it."""

    clock: Annotated[
        str, Meta(min_length=1, description="The clock: system, /dev/ptpN, or the NAME of a `[clock.NAME]`.")
    ] = "system"
    accuracy: Annotated[
        str,
        Meta(
            pattern=rf"^{_ACCURACY.pattern}$",
            title="a number and ns, us, ms or s",
            description="What the clock is to keep; polls, number of sources, samples and stamps follow from it.",
        ),
    ] = "1ms"
    free_running: Annotated[bool, Meta(description="Measure, never steer.")] = False
    interface: Annotated[
        str, Meta(max_length=15, description="The interface to ask through; hardware stamps need it.")
    ] = ""
    authentication: Annotated[
        Literal["require", "prefer", "mix", "ignore"],
        Meta(
            description=(
                "Whether sources without a key count: never (require), only where none has one (prefer), only beside "
                "those that do (mix), or always (ignore). It goes by this file, never by who answers."
            )
        ),
    ] = "prefer"
    key_file: Annotated[str, Meta(description="Keys, `ID KIND HEX:secret` a line; MD5 and SHA1 are refused.")] = ""
    watch: Annotated[
        str,
        Meta(
            pattern=rf"^({_ACCURACY.pattern})?$",
            title="a number and ns, us, ms or s",
            description=(
                "How far what steers the clock otherwise (a grandmaster) may be from what the servers say together "
                "before it is an alarm; empty: they do not watch."
            ),
        ),
    ] = ""
    refuse_departed: Annotated[
        bool, Meta(description="Do not follow what departs so, until it agrees again (with watch).")
    ] = False
    min_sources: Annotated[int, Meta(ge=1, le=64, description="Steer only while so many sources agree.")] = 1
    max_distance_ms: Annotated[
        float, Meta(gt=0, le=16_000, description="A source that may be wrong by more is not used.")
    ] = 3000.0
    dscp: Annotated[int, Meta(ge=0, le=63, description="DiffServ code point of requests.")] = 0
    server: Annotated[NtpServer, Meta(description="Serving time to others, `[ntp.server]`.")] = NtpServer()
    source: Annotated[tuple[NtpSource, ...], Meta(description="The servers, `[[ntp.source]]` each.")] = ()
    reference: Annotated[
        tuple[NtpReference, ...], Meta(description="Reference clocks of this host, `[[ntp.reference]]` each.")
    ] = ()

    source_directory: Annotated[
        str,
        Meta(
            description=(
                "Further servers: `[[source]]` tables with the same keys in its `*.toml` files, read at the start and "
                "again at SIGHUP; empty: none."
            )
        ),
    ] = ""

    @property
    def is_used(self) -> bool:
        """Whether there is anything to keep a clock by."""
        return bool(self.source or self.reference or self.source_directory)


def accuracy_of(text: str) -> TimeInterval:
    """Return the interval that *text* says, such as ``1ms``."""
    found = _ACCURACY.fullmatch(text)
    assert found is not None, "the model has checked it"
    return max(round(float(found[1]) * _UNITS[found[2]]), NANOSECOND)
