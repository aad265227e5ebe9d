"""What an association decided or noticed about its server; the recorder limits what repeats."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity


class SourceEvent(Event, frozen=True, kw_only=True):
    """The base of events that belong to one source."""

    source: str


class SourceReachable(SourceEvent, frozen=True, kw_only=True):
    """A server answered that had not for eight requests, or never."""

    severity: ClassVar[Severity] = Severity.NOTICE
    stratum: int
    reference_id: str

    def __str__(self) -> str:
        return f"NTP source {self.source} answers: stratum {self.stratum}, reference {self.reference_id}"


class SourceUnreachable(SourceEvent, frozen=True, kw_only=True):
    """None of the last eight requests was answered (RFC 5905 13)."""

    severity: ClassVar[Severity] = Severity.WARNING
    reason: str

    def __str__(self) -> str:
        return f"NTP source {self.source} does not answer any more: {self.reason}"


class KissOfDeath(SourceEvent, frozen=True, kw_only=True):
    """The server asked this client to go easy, or to go (RFC 5905 7.4)."""

    severity: ClassVar[Severity] = Severity.WARNING
    code: str
    effect: str

    def __str__(self) -> str:
        return f"NTP source {self.source} sent {self.code}: {self.effect}"


class ReplyRejected(SourceEvent, frozen=True, kw_only=True):
    """A reply was not used."""

    severity: ClassVar[Severity] = Severity.DEBUG
    reason: str

    def __str__(self) -> str:
        return f"a reply of NTP source {self.source} was not used: {self.reason}"


class AuthenticationFailed(SourceEvent, frozen=True, kw_only=True):
    """A reply did not prove that it comes from the holder of the key."""

    severity: ClassVar[Severity] = Severity.WARNING
    reason: str

    def __str__(self) -> str:
        return f"a reply of NTP source {self.source} is not authentic: {self.reason}"


class PollChanged(SourceEvent, frozen=True, kw_only=True):
    """The server is asked more, or less, often."""

    severity: ClassVar[Severity] = Severity.DEBUG
    interval_s: float

    def __str__(self) -> str:
        return f"NTP source {self.source} is asked every {self.interval_s:g} s"


def reference_name(reference_id: bytes, stratum: int) -> str:
    """Return a reference identifier for people: ``GPS`` of a stratum 1, an address or hash of the others."""
    if stratum <= 1:
        return "".join(chr(octet) for octet in reference_id if 0x20 < octet < 0x7F) or "none"
    return ".".join(str(octet) for octet in reference_id)
