"""A client's side of NTS in NTP packets: cookies spent one by one, replies proven, keys asked for when they are wanted.

It is the ``ntp.client.authentication.Authenticator`` of one association. Sans-I/O: the driver runs a ``KeyExchange``
when :meth:`NtsAuthenticator.next_exchange` says so, and tells what came of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ntp.client.packet_tests import Rejected
from ntp.nts.aead import NONCE_OCTETS, PREFERRED, TAG_OCTETS, Aead, Algorithm
from ntp.nts.errors import AuthenticationError, Cause, KeyEstablishmentError
from ntp.nts.establishment import LONGEST_COOKIE
from ntp.nts.events import CertificatesWereNotValid, KeyEstablishmentFailed, KeysEstablished, KeysRefused
from ntp.nts.fields import (
    MOST_COOKIES,
    UNIQUE_IDENTIFIER_OCTETS,
    Cookie,
    CookiePlaceholder,
    UniqueIdentifier,
    seal,
    split,
)
from ntp.nts.key_exchange import Grant
from ntp.wire.extension_field import ExtensionField
from ntp.wire.packet import HEADER, Packet, encode_without_mac
from ptpstack.errors import WireError
from ptpstack.events import Event
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_to_seconds

FIRST_RETRY: TimeInterval = 10 * SECOND
RETRY_GROWTH = 1.5
"""The least that RFC 8915 4.2 asks for, as the base of an exponential back-off."""

LONGEST_RETRY: TimeInterval = 4 * 3600 * SECOND
"""RFC 8915 4.2 lets it grow to five days: a machine whose network was away for a week-end would miss the next one."""

RETRY_SPREAD = 0.25
"""Retries come later by up to this share, so that the clients of a server that was away do not come at once."""

REFRESH: TimeInterval = 28 * 86_400 * SECOND
"""After so long keys are established anew, also when the old ones work: who found them, loses them."""

LONGEST_REQUEST = 1024
"""Octets: longer requests are not read by some servers, nor passed on by some networks."""

_MOST_FAILURES = 40
_FRAME = 4
_AUTHENTICATOR = 8


@dataclass(slots=True)
class _Session:
    """What one key establishment gave, and what is left of it."""

    grant: Grant
    algorithm: Algorithm
    c2s: Aead
    s2c: Aead
    cookies: deque[bytes]
    begun: MonotonicTime
    time_checked: bool
    proven: bool = False
    """Whether any reply was proven by these keys."""


class NtsAuthenticator:
    """The keys and cookies for one server. *random_octets* and *random* (in [0, 1)) cannot be guessed."""

    version: Final = 4

    def __init__(
        self,
        source: str,
        *,
        random_octets: Callable[[int], bytes],
        random: Callable[[], float],
        algorithms: Sequence[Algorithm] = PREFERRED,
    ) -> None:
        self.source = source
        self.naks = 0
        self.last_error: KeyEstablishmentError | None = None
        self._algorithms = tuple(algorithms)
        self._random_octets = random_octets
        self._random = random
        self._session: _Session | None = None
        self._open_identifier: bytes | None = None
        self._refused = False
        self._starved = False
        self._under_way = False
        self._failures = 0
        """Establishments since the last proven reply (RFC 8915 4.2: only that resets the back-off)."""
        self._not_before = MonotonicTime(0)

    # ---- state for others

    @property
    def grant(self) -> Grant | None:
        """What the server gave last: where the NTP server is."""
        return self._session.grant if self._session else None

    @property
    def cookies(self) -> int:
        """How many requests can be sent without an answer."""
        return len(self._session.cookies) if self._session else 0

    @property
    def lacks(self) -> str:
        """Why nothing can be sent now; empty when it can."""
        if self.cookies:
            return ""
        if self._under_way and self.last_error is None:
            return "NTS keys are being established"
        if self.last_error is None:
            return "it has no NTS keys"
        why = f", {self.last_error.why}" if self.last_error.why else ""
        return f"it has no NTS keys: {self.last_error.what}{why}"

    # ---- packets

    def protect(self, request: Packet) -> bytes | None:
        """Return the octets of *request* with a cookie that was never sent before; None when there is none."""
        session = self._session
        if self._refused and session is not None:
            session.cookies.clear()  # no proven reply came after the NAK (RFC 8915 5.7)
        if session is None or not session.cookies:
            self._starved = True
            self._open_identifier = None
            return None
        self._open_identifier = self._random_octets(UNIQUE_IDENTIFIER_OCTETS)
        cookie = session.cookies.popleft()
        wanted = MOST_COOKIES - 1 - len(session.cookies)
        room = LONGEST_REQUEST - _length(session, cookie)
        placeholders = max(min(wanted, room // (_FRAME + len(cookie))), 0)
        fields: list[ExtensionField] = [UniqueIdentifier(self._open_identifier), Cookie(cookie)]
        fields += [CookiePlaceholder(bytes(len(cookie)))] * placeholders
        request.extension_fields = (*fields, *request.extension_fields)
        nonce = self._random_octets(NONCE_OCTETS[session.algorithm])
        return seal(encode_without_mac(request), (), session.c2s, nonce)

    def check(self, reply: Packet, octets: bytes) -> Rejected | None:
        """Return what is wrong with *reply*; None: the server that gave the keys sent it, for our last request."""
        session = self._session
        try:
            parts = split(octets)
            if parts is None:
                return self._not_protected(reply)
            if session is None or parts.unique_identifier != self._open_identifier:
                return Rejected.NOT_OURS
            secret_fields = parts.open(session.s2c)
        except WireError:
            return Rejected.MALFORMED
        except AuthenticationError:
            return Rejected.WRONG_DIGEST
        session.proven = True
        self._open_identifier = None
        self._refused = False
        self._failures = 0
        for field in secret_fields:
            if isinstance(field, Cookie) and 0 < len(field.octets) <= LONGEST_COOKIE:
                session.cookies.append(field.octets)
        while len(session.cookies) > MOST_COOKIES:
            session.cookies.popleft()
        return None

    def _not_protected(self, reply: Packet) -> Rejected:
        """Tell an NTS NAK from a reply that proves nothing. Who sends the NAK has seen our request, no more."""
        identifiers = [field.octets for field in reply.extension_fields if isinstance(field, UniqueIdentifier)]
        if reply.kiss_code != "NTSN" or self._open_identifier is None or identifiers != [self._open_identifier]:
            return Rejected.NOT_AUTHENTICATED
        self._refused = True
        self.naks += 1
        return Rejected.NTS_NAK

    # ---- key establishment

    def next_exchange(self) -> MonotonicTime | None:
        """Return from when on keys are wanted; None while they are being established."""
        if self._under_way:
            return None
        if self._session is None or self._starved:
            return self._not_before
        return max(self._not_before, self._session.begun + REFRESH)

    def begin_exchange(self, now: MonotonicTime) -> tuple[tuple[Algorithm, ...], list[Event]]:
        """Take in that keys are asked for; return what to offer. ``granted`` or ``failed`` is called in the end."""
        self._under_way = True
        self._failures = min(self._failures + 1, _MOST_FAILURES)
        self._not_before = now + self._retry_interval()
        events: list[Event] = [KeysRefused(source=self.source)] if self._refused else []
        session = self._session
        if self._refused and session is not None and not session.proven:
            # Perhaps both sides differ in how keys for 30 are derived, see ``establishment.export_keys``.
            others = tuple(number for number in self._algorithms if number is not Algorithm.AES_128_GCM_SIV)
            self._algorithms = others or self._algorithms
        return self._algorithms, events

    def network_came(self, now: MonotonicTime) -> None:
        """Want keys at once if it was the network that kept them away: the wait was for another network."""
        if self.last_error is not None and self.last_error.cause in (Cause.UNREACHABLE, Cause.TIMEOUT):
            self._failures, self._not_before = 0, now

    def granted(self, grant: Grant, now: MonotonicTime) -> list[Event]:
        """Use the keys of *grant* from now on, and its cookies; older ones are forgotten."""
        algorithm = Algorithm(grant.algorithm)
        self._session = _Session(
            grant=grant,
            algorithm=algorithm,
            c2s=Aead(algorithm, grant.c2s),
            s2c=Aead(algorithm, grant.s2c),
            cookies=deque(grant.cookies[:MOST_COOKIES]),
            begun=now,
            time_checked=grant.time_checked,
        )
        self._under_way = self._refused = self._starved = False
        self._open_identifier = None
        self.last_error = None
        return [
            KeysEstablished(
                source=self.source,
                algorithm=algorithm.name,
                cookies=self.cookies,
                ntp_server=f"{grant.addresses[0]} port {grant.port}",
                time_checked=grant.time_checked,
            )
        ]

    def failed(self, error: KeyEstablishmentError, now: MonotonicTime) -> list[Event]:
        """Take in that no keys were given; old ones go on as long as they do."""
        self._under_way = False
        self.last_error = error
        self._not_before = now + self._retry_interval()  # what the establishment took is no wait
        retry_s = interval_to_seconds(self._not_before - now)
        return [KeyEstablishmentFailed(source=self.source, error=str(error), retry_s=retry_s)]

    def clock_is_set(self, now_s: int) -> list[Event]:
        """Judge certificates that were taken on trust, now that the time is known: UTC second *now_s*."""
        session = self._session
        if session is None or session.time_checked:
            return []
        if session.grant.valid_at(now_s):
            session.time_checked = True
            return []
        self._session = None
        return [CertificatesWereNotValid(source=self.source)]

    def _retry_interval(self) -> TimeInterval:
        """Return t = min(10 s × 1.5^(n−1), the longest) and up to a quarter more (RFC 8915 4.2)."""
        interval = min(FIRST_RETRY * RETRY_GROWTH ** (self._failures - 1), LONGEST_RETRY)
        return round(interval * (1 + RETRY_SPREAD * self._random()))


def _length(session: _Session, cookie: bytes) -> int:
    """Return how long a request is with *cookie* and no placeholder."""
    fields = 2 * _FRAME + UNIQUE_IDENTIFIER_OCTETS + len(cookie)
    return HEADER.size + fields + _AUTHENTICATOR + NONCE_OCTETS[session.algorithm] + TAG_OCTETS
