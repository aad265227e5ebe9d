"""Is this certificate the server's, and is it valid now? What OpenSSL is not asked, or cannot say by itself.

OpenSSL builds and checks the chain. Here is the comparison of names (RFC 9525), and the judging of times when the clock
is not set yet: then nobody can say that a certificate is valid, but one that ended before the earliest instant that
it can be now, or begins after the latest, is refused still.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509

from ntp.nts.errors import Cause, KeyEstablishmentError


@dataclass(frozen=True, slots=True)
class Window:
    """It is between *earliest* and *latest* now, in seconds of UTC since 1970: all that an unset clock leaves."""

    earliest_s: int
    latest_s: int


@dataclass(frozen=True, slots=True)
class Validity:
    """From when until when each certificate of a chain is valid, in seconds of UTC since 1970."""

    begins_s: int
    ends_s: int

    @classmethod
    def of(cls, chain: Sequence[x509.Certificate]) -> Validity:
        """Return the validity that the certificates of *chain* have in common."""
        return cls(
            max(round(certificate.not_valid_before_utc.timestamp()) for certificate in chain),
            min(round(certificate.not_valid_after_utc.timestamp()) for certificate in chain),
        )

    def check(self, window: Window) -> None:
        """Raise ``KeyEstablishmentError`` unless there is an instant of *window* at which all are valid."""
        if self.begins_s > self.ends_s:
            raise _refused("its certificates are never valid at the same time")
        if self.ends_s < window.earliest_s:
            raise _refused(f"it ended on {_day(self.ends_s)}, and it is {_day(window.earliest_s)} at least")
        if self.begins_s > window.latest_s:
            raise _refused(f"it begins on {_day(self.begins_s)}, and it is {_day(window.latest_s)} at most")


def check_name(certificate: x509.Certificate, host: str) -> None:
    """Raise ``KeyEstablishmentError`` unless *certificate* was issued for *host*, a name or an address (RFC 9525 6)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        raise _refused("it says no name as subjectAltName") from None
    addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
    hosts = names.get_values_for_type(x509.DNSName)
    try:
        matches = str(ipaddress.ip_address(host)) in addresses
    except ValueError:
        matches = any(_matches(pattern, to_ascii(host)) for pattern in hosts)
    if not matches:
        raise _refused(f"it is for {', '.join([*hosts, *addresses][:8]) or 'nobody'}, not for {host}")


def to_ascii(host: str) -> str:
    """Return *host* as it stands in DNS and in certificates: A-labels, no dot at the end, small letters."""
    host = host.rstrip(".").lower()
    return host if host.isascii() else host.encode("idna").decode("ascii")


def _matches(pattern: str, host: str) -> bool:
    """Compare names; an asterisk stands for the whole first label and no more (RFC 9525 6.3)."""
    pattern = pattern.rstrip(".").lower()
    if pattern.startswith("*."):
        return host.partition(".")[2] == pattern[2:] and "." in pattern[2:]
    return host == pattern


def _day(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%d %H:%M} UTC"


def _refused(why: str) -> KeyEstablishmentError:
    return KeyEstablishmentError(Cause.CERTIFICATE, why=why)
