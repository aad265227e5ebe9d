"""NTS in a worker: requests that their sender's keys prove, answered by replies that ours prove (RFC 8915 5).

Each process opens cookies with the keys that the calendar gives it from the master key file (``key_keeper``). Of a
client nothing is kept but its ciphers, and those only to save time. The usual request, an identifier, a cookie, perhaps
placeholders, and a proof, has one of a few dozen layouts and goes from octets to octets here; any other to
``server_side``, which says the same in the standard's words. That both agree is a property of the tests.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import Final, NamedTuple

from ntp.nts.aead import NONCE_OCTETS, TAG_OCTETS, Aead, Algorithm
from ntp.nts.cookies import ALGORITHM_OF, KEY_ID_OCTETS, CookieJar, cookie_octets
from ntp.nts.cookies import NONCE_OCTETS as COOKIE_NONCE_OCTETS
from ntp.nts.errors import AuthenticationError
from ntp.nts.fields import MOST_COOKIES, UNIQUE_IDENTIFIER_OCTETS
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.server_side import ServerSide, UnverifiedRequest
from ntp.server.counters import Count
from ntp.server.settings import NtsSettings
from ntp.server.special import Octets, Prepared, Seal, kiss
from ntp.wire.extension_field import FRAME, FieldType
from ntp.wire.packet import HEADER
from ptpstack.errors import ConfigError

_AUTHENTICATOR = Struct(">HHHH")
_COOKIE_LENGTH_AT: Final = HEADER.size + FRAME.size + UNIQUE_IDENTIFIER_OCTETS + 3
"""The lower octet of the cookie field's length: after the identifier's field, in the usual request."""

_IDENTIFIER_END: Final = HEADER.size + FRAME.size + UNIQUE_IDENTIFIER_OCTETS
_IDENTIFIER_HEAD: Final = FRAME.pack(FieldType.NTS_UNIQUE_IDENTIFIER, FRAME.size + UNIQUE_IDENTIFIER_OCTETS)
_LEAST_FIELD = 16
_MOST_SESSIONS = 2048
"""Clients whose ciphers are kept ready (7 kB each in OpenSSL): making them takes longer than answering."""

_POOL_OCTETS = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """A usual request for *algorithm* that asks for so many cookies: where its parts are, and what stands between."""

    algorithm: Algorithm
    cookies: int

    @property
    def octets(self) -> int:
        """How long the request is."""
        return self.proof_at + self.proof_octets

    @property
    def proof_at(self) -> int:
        """Where the proof begins: it covers all before."""
        return _IDENTIFIER_END + self.cookies * self._cookie_field_octets

    @property
    def heads(self) -> tuple[bytes, ...]:
        """What begins each field, and for the proof says the lengths of its parts."""
        cookie = FRAME.pack(FieldType.NTS_COOKIE, self._cookie_field_octets)
        placeholder = FRAME.pack(FieldType.NTS_COOKIE_PLACEHOLDER, self._cookie_field_octets)
        return _IDENTIFIER_HEAD, cookie, *[placeholder] * (self.cookies - 1), self._proof_head(TAG_OCTETS)

    @property
    def parts(self) -> Struct:
        """Heads of identifier and cookie; key, nonce and secret of the cookie; other heads, the proof's nonce, tag."""
        sealed = self._cookie_field_octets - FRAME.size - KEY_ID_OCTETS - COOKIE_NONCE_OCTETS
        cookie = f"4s{KEY_ID_OCTETS}s{COOKIE_NONCE_OCTETS}s{sealed}s"
        placeholders = f"4s{cookie_octets(self.algorithm)}x" * (self.cookies - 1)
        proof = f"{_AUTHENTICATOR.size}s{NONCE_OCTETS[self.algorithm]}s{TAG_OCTETS}s"
        return Struct(f">{HEADER.size}x4s{UNIQUE_IDENTIFIER_OCTETS}x{cookie}{placeholders}{proof}")

    @property
    def reply_heads(self) -> tuple[bytes, bytes]:
        """What begins a cookie in the reply, and the reply's proof."""
        return self.heads[1], self._proof_head(self.cookies * self._cookie_field_octets + TAG_OCTETS)

    @property
    def _cookie_field_octets(self) -> int:
        return FRAME.size + cookie_octets(self.algorithm)

    @property
    def proof_octets(self) -> int:
        """How long the proof is, of which nothing is encrypted."""
        return _AUTHENTICATOR.size + NONCE_OCTETS[self.algorithm] + TAG_OCTETS

    def _proof_head(self, sealed_octets: int) -> bytes:
        nonce_octets = NONCE_OCTETS[self.algorithm]
        octets = _AUTHENTICATOR.size + nonce_octets + sealed_octets
        return _AUTHENTICATOR.pack(FieldType.NTS_AUTHENTICATOR, octets, nonce_octets, sealed_octets)


def layouts() -> Iterator[Layout]:
    """Yield those of the usual requests."""
    for algorithm in Algorithm:
        for cookies in range(1, MOST_COOKIES + 1):
            yield Layout(algorithm, cookies)


class _Form(NamedTuple):
    """A layout computed once: what reads a request, and what stands in its reply."""

    unpack: Callable[[Octets, int], tuple[bytes, ...]]
    heads: tuple[bytes, ...]
    proof_at: int
    cookies: int
    nonce_octets: int
    cookie_head: bytes
    proof_head: bytes

    @classmethod
    def of(cls, layout: Layout) -> _Form:
        """Return that of *layout*."""
        nonce_octets = NONCE_OCTETS[layout.algorithm]
        return cls(
            layout.parts.unpack_from, layout.heads, layout.proof_at, layout.cookies, nonce_octets, *layout.reply_heads
        )


class _Session(NamedTuple):
    """The ciphers of one client."""

    c2s: Aead
    s2c: Aead


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


class Sessions:
    """The ciphers of the clients that asked of late, by their keys; *most* of them, then any one gives way."""

    def __init__(self, most: int = _MOST_SESSIONS) -> None:
        self._most = most
        self._known: dict[bytes, _Session] = {}
        self._secrets: list[bytes] = []
        self.get = self._known.get

    def __len__(self) -> int:
        return len(self._known)

    def add(self, secrets: bytes) -> _Session:
        """Make the ciphers of the client with the keys *secrets*. Raises ``AuthenticationError``."""
        algorithm = ALGORITHM_OF.get(len(secrets))
        if algorithm is None:
            raise AuthenticationError("the cookie cannot be used", why="it was sealed by another program")
        middle = len(secrets) // 2
        session = _Session(Aead(algorithm, secrets[:middle]), Aead(algorithm, secrets[middle:]))
        if len(self._secrets) < self._most:
            self._secrets.append(secrets)
        else:  # any one: clients ask in turn, and if the oldest went, none would be known when there are more of them
            place = random.randrange(self._most)  # noqa: S311 (nobody gains by guessing it)
            del self._known[self._secrets[place]]
            self._secrets[place] = secrets
        self._known[secrets] = session
        return session


class NtsRequests:
    """Opens requests and seals replies with the cookies of *jar*."""

    def __init__(self, jar: CookieJar, random_octets: Callable[[int], bytes]) -> None:
        self._jar = jar
        self._random_octets = random_octets
        self._server = ServerSide(jar, random_octets)
        self._sessions = Sessions()
        self._forms = {(layout.octets, layout.heads[1][3]): _Form.of(layout) for layout in layouts()}
        """By the length of the request and the lower octet of that of its cookie field."""

    def usual(self, octets: Octets, at: int, length: int) -> Prepared | None:
        """Return the reply to be to the request at *at*, if it is of the usual form and authentic; None: to any other.

        Its first octet is for the caller to judge.
        """
        if length <= _COOKIE_LENGTH_AT:
            return None
        form = self._forms.get((length, octets[at + _COOKIE_LENGTH_AT]))
        if form is None:
            return None
        identifier_head, cookie_head, key_id, cookie_nonce, sealed, *others, nonce, tag = form.unpack(octets, at)
        if (identifier_head, cookie_head, *others) != form.heads:
            return None
        try:
            secrets = self._jar.open_secrets(key_id, cookie_nonce, sealed)
            session = self._sessions.get(secrets) or self._sessions.add(secrets)
            session.c2s.open(nonce, tag, octets[at : at + form.proof_at])
        except AuthenticationError:
            return None
        identifier = bytes(octets[at + HEADER.size : at + _IDENTIFIER_END])
        return Prepared(self._reply(form, identifier, secrets, session.s2c), Count.NTS)

    def _reply(self, form: _Form, identifier: bytes, secrets: bytes, s2c: Aead) -> Seal:
        """Return what seals the reply: everything but the proof over the header is made before its time is taken."""
        seal_secrets, head = self._jar.seal_secrets, form.cookie_head
        plaintext = head + seal_secrets(secrets)
        for _ in range(form.cookies - 1):
            plaintext += head + seal_secrets(secrets)
        nonce = self._random_octets(form.nonce_octets)
        proof = form.proof_head + nonce

        def seal(header: bytes) -> bytes:
            covered = header + identifier
            return covered + proof + s2c.seal(nonce, plaintext, covered)

        return seal

    def by_the_book(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        if len(request) < HEADER.size + _LEAST_FIELD:
            return None
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

    def usual(self, octets: Octets, at: int, length: int) -> Prepared | None:
        """Return the reply to be to a request of the usual form; None: to any other."""
        return self._requests.usual(octets, at, length) if self._requests is not None else None

    def by_the_book(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        return self._requests.by_the_book(request) if self._requests is not None else None
