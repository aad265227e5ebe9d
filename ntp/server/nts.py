"""NTS in a worker: requests that their sender's keys prove, answered by replies that ours prove (RFC 8915 5).

Each process opens cookies with the keys that the calendar gives it from the master key file (``key_keeper``). Of a
client nothing is kept but its ciphers, and those only to save time. The usual request, an identifier, a cookie, perhaps
placeholders, and a proof, goes from octets to octets here; any other to ``server_side``, which says the same in the
standard's words. That both agree is a property of the tests.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS, Aead, Algorithm
from ntp.nts.cookies import CookieJar
from ntp.nts.errors import AuthenticationError
from ntp.nts.fields import MOST_COOKIES
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.server_side import ServerSide, UnverifiedRequest
from ntp.server.counters import Count
from ntp.server.settings import NtsSettings
from ntp.server.special import Prepared, Seal, kiss
from ntp.wire.extension_field import FRAME, FieldType
from ntp.wire.packet import HEADER
from ptpstack.errors import ConfigError

_AUTHENTICATOR = Struct(">HHHH")
_IDENTIFIER, _COOKIE, _PLACEHOLDER, _PROOF = (
    int(FieldType.NTS_UNIQUE_IDENTIFIER),
    int(FieldType.NTS_COOKIE),
    int(FieldType.NTS_COOKIE_PLACEHOLDER),
    int(FieldType.NTS_AUTHENTICATOR),
)
_FRAME, _FRAME_OF = FRAME.unpack_from, FRAME.pack
_PARTS, _PARTS_OF = _AUTHENTICATOR.unpack_from, _AUTHENTICATOR.pack
_HEADER_OCTETS: Final = HEADER.size
_LEAST_FIELD = 16
_MOST_SESSIONS = 4096
"""Clients whose ciphers are kept ready (some 4 MB): making them takes as long as half of an answer."""

_POOL_OCTETS = 4096
_ALGORITHM_OF: Final = {2 * octets: algorithm for algorithm, octets in KEY_OCTETS.items()}


class _Session(NamedTuple):
    """The ciphers of one client, and how long its nonces are."""

    c2s: Aead
    s2c: Aead
    nonce_octets: int


class RandomPool:
    """Unguessable octets, fetched from the kernel some hundred at a time."""

    def __init__(self) -> None:
        self._pool, self._at = b"", 0

    def octets(self, count: int) -> bytes:
        """Return *count* octets that were never given before."""
        end = self._at + count
        if end > len(self._pool):
            self._pool, self._at, end = os.urandom(_POOL_OCTETS), 0, count
        found = self._pool[self._at : end]
        self._at = end
        return found


class NtsRequests:
    """Opens requests and seals replies with the cookies of *jar*."""

    def __init__(self, jar: CookieJar, random_octets: Callable[[int], bytes]) -> None:
        self._jar = jar
        self._random_octets = random_octets
        self._server = ServerSide(jar, random_octets)
        self._sessions: dict[bytes, _Session] = {}

    def prepare(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        if len(request) < HEADER.size + _LEAST_FIELD:
            return None
        return self._usual(request) or self._by_the_book(request)

    def _usual(self, request: bytes) -> Prepared | None:  # noqa: PLR0911 (each line that does not fit ends it)
        """Do it for a request of the usual form that is authentic; None: for any other."""
        total = len(request)
        kind, octets = _FRAME(request, _HEADER_OCTETS)
        cookie_at = _HEADER_OCTETS + octets
        if kind != _IDENTIFIER or cookie_at + 4 > total:
            return None
        kind, cookie_octets = _FRAME(request, cookie_at)
        at, cookies = cookie_at + cookie_octets, 1
        if kind != _COOKIE or at + 8 > total:
            return None
        kind, octets, nonce_octets, sealed_octets = _PARTS(request, at)
        while kind == _PLACEHOLDER and octets == cookie_octets:
            at, cookies = at + octets, cookies + 1
            if cookies > MOST_COOKIES or at + 8 > total:
                return None
            kind, octets, nonce_octets, sealed_octets = _PARTS(request, at)
        sealed_at = at + 8 + nonce_octets
        if kind != _PROOF or sealed_octets != TAG_OCTETS or at + octets != total or sealed_at + TAG_OCTETS != total:
            return None
        if (cookie_octets | octets | cookie_at) & 3:
            return None
        try:
            secrets = self._jar.open_secrets(request[cookie_at + 4 : cookie_at + cookie_octets])
            session = self._sessions.get(secrets) or self._new_session(secrets)
            if nonce_octets != session.nonce_octets:
                return None
            session.c2s.open(request[at + 8 : sealed_at], request[sealed_at:], request[:at])
        except AuthenticationError:
            return None
        return Prepared(self._reply(request[_HEADER_OCTETS:cookie_at], secrets, session, cookies), Count.NTS)

    def _reply(self, identifier: bytes, secrets: bytes, session: _Session, cookies: int) -> Seal:
        """Return what seals the reply: everything but the proof over the header is made before its time is taken."""
        seal_secrets, nonce_octets, sealed = self._jar.seal_secrets, session.nonce_octets, session.s2c.seal
        cookie = seal_secrets(secrets)
        frame = _FRAME_OF(_COOKIE, 4 + len(cookie))
        plaintext = frame + cookie
        for _ in range(cookies - 1):
            plaintext += frame + seal_secrets(secrets)
        nonce = self._random_octets(nonce_octets)
        octets = len(plaintext) + TAG_OCTETS
        head = _PARTS_OF(_PROOF, 8 + nonce_octets + octets, nonce_octets, octets) + nonce

        def seal(header: bytes) -> bytes:
            covered = header + identifier
            return covered + head + sealed(nonce, plaintext, covered)

        return seal

    def _new_session(self, secrets: bytes) -> _Session:
        algorithm = _ALGORITHM_OF.get(len(secrets))
        if algorithm is None:
            raise AuthenticationError("the cookie cannot be used", why="it was sealed by another program")
        middle = len(secrets) // 2
        session = _Session(
            Aead(algorithm, secrets[:middle]), Aead(algorithm, secrets[middle:]), NONCE_OCTETS[Algorithm(algorithm)]
        )
        if len(self._sessions) >= _MOST_SESSIONS:
            self._sessions.clear()
        self._sessions[secrets] = session
        return session

    def _by_the_book(self, request: bytes) -> Prepared | None:
        server = self._server
        found = server.verify(request)
        if found is None:
            return None
        if isinstance(found, UnverifiedRequest):
            refused = found
            return Prepared(lambda header: server.nak(refused, kiss(header, b"NTSN")), Count.NTS_NAKS)
        verified = found
        return Prepared(lambda header: server.reply(verified, header), Count.NTS)


class NtsResponder:
    """Keeps the keys of cookies in step; without a master key as yet it takes requests for plain ones."""

    def __init__(self, settings: NtsSettings) -> None:
        self._path = Path(settings.master_key_file)
        self._keeper: KeyKeeper | None = None
        self._requests: NtsRequests | None = None
        self.refresh()

    def refresh(self) -> None:
        """Take the keys of the time, and those of a file that was dropped. Call it each second."""
        now_s = int(time.time())
        if self._keeper is not None:
            self._keeper.refresh(now_s)
            return
        pool = RandomPool()
        try:
            self._keeper = KeyKeeper(self._path, now_s=now_s, random_octets=pool.octets, writes=False)
        except ConfigError:
            return  # the server of NTS-KE makes it, and tells what is wrong with it
        self._requests = NtsRequests(self._keeper.jar, pool.octets)

    def prepare(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        return self._requests.prepare(request) if self._requests is not None else None
