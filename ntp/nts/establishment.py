"""Both halves of a key establishment, without TLS and sockets: what is said, and what follows (RFC 8915 4).

What lives here: request, choice, response, and the keys that TLS exports for them. What does not: the connection
(``tls``), and who drives it (``key_exchange_child`` for a client, ``ke_server`` for a server).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ntp.nts.aead import KEY_OCTETS, Algorithm
from ntp.nts.cookies import SessionKeys
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.fields import MOST_COOKIES
from ntp.nts.messages import NTPV4, ErrorCode, MessageError, RefusalError, Request, Response, error_records
from ntp.nts.records import MessageReader, Record, encode
from ptpstack.errors import WireError
from ptpstack.words import counted

Export = Callable[[bytes, int, bytes], bytes]
"""The TLS exporter of a connection: label, length, context (RFC 8446 7.5)."""

EXPORTER_LABEL: Final = b"EXPORTER-network-time-security"
LONGEST_COOKIE = 512
"""Octets of a cookie that a client keeps: eight of them as placeholders fit no packet any more."""

_LONGEST_REQUEST = 1024


@dataclass(frozen=True, slots=True)
class Established:
    """What a client got: keys, cookies, and whom to ask for the time (*server* empty: the one that gave the keys)."""

    keys: SessionKeys
    cookies: tuple[bytes, ...]
    server: str
    port: int


def export_keys(export: Export, algorithm: Algorithm, *, compliant: bool) -> SessionKeys:
    """Return the keys that both ends of the TLS connection derive for *algorithm* (RFC 8915 5.1).

    Without *compliant*, those for AES-128-GCM-SIV are derived as chrony did before 4.6.1: as if they were for 15.
    """
    named = algorithm
    if algorithm is Algorithm.AES_128_GCM_SIV and not compliant:
        named = Algorithm.AES_SIV_CMAC_256
    c2s, s2c = (
        export(EXPORTER_LABEL, KEY_OCTETS[algorithm], struct.pack(">HHB", NTPV4, named, direction))
        for direction in (0, 1)
    )
    return SessionKeys(algorithm, c2s, s2c)


class ClientEstablishment:
    """The client's half: send ``request()``, feed what comes."""

    def __init__(self, algorithms: Sequence[Algorithm]) -> None:
        self._offered = tuple(algorithms)
        self._reader = MessageReader()

    def request(self) -> bytes:
        """Return the octets to send once TLS stands. Nothing in them tells of the client."""
        offers_30 = Algorithm.AES_128_GCM_SIV in self._offered
        return encode(Request(algorithms=self._offered, compliant_export=offers_30).to_records())

    def receive(self, octets: bytes, export: Export) -> Established | None:
        """Take in *octets*; return what was established when the response is complete.

        Raises ``KeyEstablishmentError`` for every response that grants nothing.
        """
        try:
            records = self._reader.feed(octets)
            response = None if records is None else Response.from_records(records)
        except RefusalError as error:
            raise KeyEstablishmentError(Cause.REFUSED, why=str(error)) from None
        except WireError as error:
            raise KeyEstablishmentError(Cause.MALFORMED, why=str(error)) from None
        return None if response is None else self._accept(response, export)

    def _accept(self, response: Response, export: Export) -> Established:
        if response.next_protocol != NTPV4:
            raise KeyEstablishmentError(Cause.REFUSED, why="it knows no NTS for NTPv4")
        if response.algorithm not in self._offered:
            names = ", ".join(f"{algorithm}" for algorithm in self._offered)
            why = f"{names} were offered, it chose {'none' if response.algorithm is None else response.algorithm}"
            raise KeyEstablishmentError(Cause.NO_COMMON_ALGORITHM, why=why)
        cookies = tuple(
            cookie for cookie in response.cookies if 0 < len(cookie) <= LONGEST_COOKIE and not len(cookie) % 4
        )
        if not cookies or not response.port:
            sent = counted(len(response.cookies), "cookie")
            why = f"of {sent} none can be used" if response.port else "its port is 0"
            raise KeyEstablishmentError(Cause.MALFORMED, why=why)
        keys = export_keys(export, Algorithm(response.algorithm), compliant=response.compliant_export)
        return Established(keys, cookies[:MOST_COOKIES], response.server, response.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What a server grants to everybody. *algorithms*: those it knows; the client's order decides."""

    algorithms: frozenset[Algorithm]
    server: str = ""
    port: int = 123
    cookies: int = MOST_COOKIES


class ServerEstablishment:
    """The server's half: feed what comes, send what is returned, close."""

    def __init__(self, offer: Offer, seal: Callable[[SessionKeys], bytes]) -> None:
        self._offer = offer
        self._seal = seal
        self._reader = MessageReader(_LONGEST_REQUEST)
        self.refused_because = ""
        """Why the answer is an error; empty when it is a grant."""

    def receive(self, octets: bytes, export: Export) -> bytes | None:
        """Take in *octets*; return the answer when the request is complete. Never raises on what a client sends."""
        try:
            records = self._reader.feed(octets)
            return None if records is None else encode(self._answer(Request.from_records(records), export))
        except MessageError as error:
            code, self.refused_because = error.code, str(error)
        except WireError as error:
            code, self.refused_because = ErrorCode.BAD_REQUEST, str(error)
        return encode(error_records(code))

    def _answer(self, request: Request, export: Export) -> tuple[Record, ...]:
        if NTPV4 not in request.next_protocols:
            self.refused_because = f"it asks for the protocols {request.next_protocols}, not for NTPv4"
            return Response(next_protocol=None, algorithm=None).to_records()
        chosen = next((number for number in request.algorithms if number in self._offer.algorithms), None)
        if chosen is None:
            self.refused_because = f"it knows only the algorithms {request.algorithms}"
            return Response(algorithm=None).to_records()
        keys = export_keys(export, Algorithm(chosen), compliant=request.compliant_export)
        return Response(
            algorithm=chosen,
            cookies=tuple(self._seal(keys) for _ in range(self._offer.cookies)),
            server=self._offer.server,
            port=self._offer.port,
            compliant_export=request.compliant_export,
        ).to_records()
