"""What NTS decided or noticed, on both sides; no event carries a key or a cookie."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity
from ptpstack.words import counted


class KeysEstablished(Event, frozen=True, kw_only=True):
    """A client got keys and cookies."""

    severity: ClassVar[Severity] = Severity.NOTICE
    source: str
    algorithm: str
    cookies: int
    ntp_server: str
    time_checked: bool

    def __str__(self) -> str:
        doubt = "" if self.time_checked else "; whether its certificates are valid is open until the clock is set"
        cookies = counted(self.cookies, "cookie")
        return f"NTS source {self.source}: {cookies} for {self.ntp_server}, {self.algorithm}{doubt}"


class KeyEstablishmentFailed(Event, frozen=True, kw_only=True):
    """A client got no keys; it tries again."""

    severity: ClassVar[Severity] = Severity.WARNING
    source: str
    error: str
    retry_s: float

    def __str__(self) -> str:
        return f"NTS source {self.source} gave no keys, next try in {self.retry_s:.0f} s: {self.error}"


class KeysRefused(Event, frozen=True, kw_only=True):
    """The server cannot open our cookies, or said so (NTS NAK): keys are established anew (RFC 8915 5.7)."""

    severity: ClassVar[Severity] = Severity.NOTICE
    source: str

    def __str__(self) -> str:
        return f"NTS source {self.source} does not accept its cookies any more (NTS NAK): asking for new ones"


class CertificatesWereNotValid(Event, frozen=True, kw_only=True):
    """The clock is set now, and the certificates that were taken on trust turn out not to be valid."""

    severity: ClassVar[Severity] = Severity.ERROR
    source: str

    def __str__(self) -> str:
        return (
            f"NTS source {self.source}: its certificates were accepted while the clock was not set, and are not valid "
            "at the time that it shows now; its keys are thrown away"
        )


class MasterKeyCreated(Event, frozen=True, kw_only=True):
    """A server made its first master key."""

    severity: ClassVar[Severity] = Severity.NOTICE
    path: str

    def __str__(self) -> str:
        return f"NTS master key made: {self.path}; copy it to the other servers of a fleet"


class MasterKeyReplaced(Event, frozen=True, kw_only=True):
    """Another master key file was dropped, and is used."""

    severity: ClassVar[Severity] = Severity.NOTICE
    path: str

    def __str__(self) -> str:
        return f"NTS master key read anew: {self.path}"


class MasterKeyTurned(Event, frozen=True, kw_only=True):
    """A period is over: the oldest key is forgotten."""

    path: str
    period: int

    def __str__(self) -> str:
        return f"NTS master key turned: cookies from before period {self.period} are not opened any more"


class MasterKeyUnusable(Event, frozen=True, kw_only=True):
    """The master key file cannot be used; the keys in memory go on."""

    severity: ClassVar[Severity] = Severity.ERROR
    error: str

    def __str__(self) -> str:
        return f"going on with the NTS master key in memory: {self.error}"


class MasterKeyNotSaved(Event, frozen=True, kw_only=True):
    """The master key was turned in memory and the file is still an older one; said once until it is saved."""

    severity: ClassVar[Severity] = Severity.ERROR
    error: str

    def __str__(self) -> str:
        return (
            f"NTS master key turned in memory alone, to be tried again each second: {self.error}. Cookies go on, and "
            "over a restart too: the file still leads to the same keys. Until it is saved, who reads it can open "
            "cookies that are forgotten here"
        )


class MasterKeySaved(Event, frozen=True, kw_only=True):
    """The master key file is up to date again."""

    severity: ClassVar[Severity] = Severity.NOTICE
    path: str

    def __str__(self) -> str:
        return f"NTS master key saved: {self.path} forgets again what memory forgets"


class CertificateLoaded(Event, frozen=True, kw_only=True):
    """The server of NTS-KE shows this certificate from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE
    path: str

    def __str__(self) -> str:
        return f"NTS-KE certificate read: {self.path}"


class CertificateUnusable(Event, frozen=True, kw_only=True):
    """A renewed certificate cannot be used; the one in memory goes on."""

    severity: ClassVar[Severity] = Severity.ERROR
    error: str

    def __str__(self) -> str:
        return f"going on with the NTS-KE certificate in memory: {self.error}"


class ClientServed(Event, frozen=True, kw_only=True):
    """A client of NTS-KE was answered, *refused_because* if not with keys."""

    severity: ClassVar[Severity] = Severity.DEBUG
    client: str
    refused_because: str = ""

    def __str__(self) -> str:
        return f"NTS-KE client {self.client} " + (
            f"refused: {self.refused_because}" if self.refused_because else "served"
        )


class ClientFailed(Event, frozen=True, kw_only=True):
    """A connection of NTS-KE ended without an answer."""

    severity: ClassVar[Severity] = Severity.DEBUG
    client: str
    reason: str

    def __str__(self) -> str:
        return f"NTS-KE client {self.client} got no answer: {self.reason}"


class ServerFull(Event, frozen=True, kw_only=True):
    """Connections are turned away; said once until there is room again."""

    severity: ClassVar[Severity] = Severity.WARNING
    limit: str

    def __str__(self) -> str:
        return f"NTS-KE turns connections away: {self.limit}"


class ServerListening(Event, frozen=True, kw_only=True):
    """The server of NTS-KE serves."""

    severity: ClassVar[Severity] = Severity.NOTICE
    addresses: tuple[str, ...]

    def __str__(self) -> str:
        return f"NTS-KE listens on {', '.join(self.addresses)}"
