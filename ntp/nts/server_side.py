"""The NTS part of an NTP server: which requests are proven, and replies that prove themselves (RFC 8915 5.7).

The server reads a request with ``verify``, takes its transmit timestamp, and seals the reply: so that no computing of
NTS but the sealing itself stands between the stamp and the wire. It keeps nothing of any client.

What lives here: request to keys, header to reply. What does not: headers and stamps (the server's), limits of rate.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from ntp.nts.aead import NONCE_OCTETS, TAG_OCTETS, Aead
from ntp.nts.cookies import CookieJar, SessionKeys
from ntp.nts.errors import AuthenticationError
from ntp.nts.fields import MOST_COOKIES, Cookie, CookiePlaceholder, Protected, UniqueIdentifier, seal, split
from ntp.wire.extension_field import ExtensionField, encode_fields
from ntp.wire.packet import HEADER

_FRAMES = 8
"""Octets of an authenticator beside nonce and ciphertext."""

_CACHED_KEYS = 1024
"""Clients whose cipher is kept ready: making one costs three times as much as using it."""


@dataclass(frozen=True, slots=True)
class VerifiedRequest:
    """A request whose sender holds the keys in its cookie."""

    unique_identifier: bytes
    keys: SessionKeys
    cookies_wanted: int
    octets: int
    fields: tuple[ExtensionField, ...]
    """What else the request carries, authenticated: in clear, then encrypted."""


@dataclass(frozen=True, slots=True)
class UnverifiedRequest:
    """A request with NTS fields that prove nothing: it is answered with a NAK, or not at all."""

    unique_identifier: bytes
    reason: str


class ServerSide:
    """Reads and answers the NTS fields of requests, with the cookies of *jar*."""

    def __init__(self, jar: CookieJar, random_octets: Callable[[int], bytes]) -> None:
        self._jar = jar
        self._random_octets = random_octets
        self._aead = lru_cache(_CACHED_KEYS)(Aead)

    def verify(self, octets: bytes) -> VerifiedRequest | UnverifiedRequest | None:
        """Return what the request *octets* proves; None where it has no authenticator: plain NTP.

        Raises ``WireError`` on a request that breaks the rules; no answer is due to that.
        """
        parts = split(octets)
        if parts is None:
            return None
        unique_identifier = parts.unique_identifier
        try:
            keys = self._jar.open(parts.cookie)
            secret = parts.open(self._aead(keys.algorithm, keys.c2s))
        except AuthenticationError as error:
            return UnverifiedRequest(unique_identifier, str(error))
        return VerifiedRequest(
            unique_identifier, keys, self._cookies_wanted(parts, secret), len(octets), _others(parts.fields + secret)
        )

    def reply(self, request: VerifiedRequest, header: bytes, fields: tuple[ExtensionField, ...] = ()) -> bytes:
        """Return the reply: *header* (48 octets, stamps and all), *fields* in clear, and as many cookies as fit.

        It is never longer than the request.
        """
        assert len(header) == HEADER.size
        covered = header + encode_fields([UniqueIdentifier(request.unique_identifier), *fields])
        keys = request.keys
        nonce_octets = NONCE_OCTETS[keys.algorithm]
        room = request.octets - len(covered) - _FRAMES - nonce_octets - TAG_OCTETS
        cookies: list[ExtensionField] = []
        for _ in range(request.cookies_wanted):
            cookie = Cookie(self._jar.seal(keys))
            room -= 4 + len(cookie.octets)
            if room < 0:
                break
            cookies.append(cookie)
        return seal(covered, cookies, self._aead(keys.algorithm, keys.s2c), self._random_octets(nonce_octets))

    @staticmethod
    def nak(request: UnverifiedRequest, header: bytes) -> bytes:
        """Return the NTS NAK: *header* (a kiss-o'-death with the code ``NTSN``) and the request's identifier (5.7)."""
        return header + encode_fields([UniqueIdentifier(request.unique_identifier)])

    @staticmethod
    def _cookies_wanted(parts: Protected, secret: tuple[ExtensionField, ...]) -> int:
        length = len(parts.cookie)
        placeholders = sum(
            isinstance(field, CookiePlaceholder) and len(field.octets) == length for field in parts.fields + secret
        )
        return min(1 + placeholders, MOST_COOKIES)


def _others(fields: tuple[ExtensionField, ...]) -> tuple[ExtensionField, ...]:
    return tuple(field for field in fields if not isinstance(field, UniqueIdentifier | Cookie | CookiePlaceholder))
