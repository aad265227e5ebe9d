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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeAlias

import numpy as np

from ntp.nts.aead import NONCE_OCTETS, Aead
from ntp.nts.cookies import ALGORITHM_OF, CookieJar
from ntp.nts.errors import AuthenticationError
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.server_side import ServerSide, UnverifiedRequest
from ntp.server.counters import Count
from ntp.server.datagrams import LENGTH, Datagrams, Rows, span
from ntp.server.nts_layouts import IDENTIFIER_END, Layout, layouts
from ntp.server.settings import NtsSettings
from ntp.server.special import IS_REQUEST, Prepared, Sealing, kiss
from ntp.wire.packet import HEADER
from ptpstack.errors import ConfigError

_MOST_SESSIONS = 2048
"""Clients whose ciphers are kept ready (7 kB each in OpenSSL): making them takes longer than answering."""

_LEAST_FIELD = 16
_POOL_OCTETS = 4096


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
            self._pool, self._at, end = os.urandom(max(_POOL_OCTETS, count)), 0, count
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


_Secret: TypeAlias = tuple[Aead, bytes, bytes]
"""Of one reply what seals it, the nonce for that, and the cookies in it."""


class _Usual:
    """The replies to authentic requests of one *layout* in *rows* of *datagrams*, complete but for header and proof."""

    counts = Count.NTS

    def __init__(self, layout: Layout, datagrams: Datagrams, rows: Rows, secrets: list[_Secret]) -> None:
        self.rows = rows
        self._layout, self._datagrams, self._secrets = layout, datagrams, secrets
        if not len(rows):
            return
        where = span(rows)
        datagrams.replies[where, HEADER.size : IDENTIFIER_END] = datagrams.requests[where, HEADER.size : IDENTIFIER_END]
        datagrams.reply_lengths[where] = layout.octets

    def seal(self, first: int, end: int) -> None:
        """Prove the replies from the place *first* to before *end*, whose headers are complete."""
        where, head = span(self.rows[first:end]), self._layout.reply_proof_head
        covered = self._datagrams.replies[where, :IDENTIFIER_END].tobytes()
        places = range(0, len(covered), IDENTIFIER_END)
        proofs = [
            head + nonce + cipher.seal(nonce, cookies, covered[at : at + IDENTIFIER_END])
            for at, (cipher, nonce, cookies) in zip(places, self._secrets[first:end], strict=True)
        ]
        written = np.frombuffer(b"".join(proofs), np.uint8).reshape(len(proofs), -1)
        self._datagrams.replies[where, IDENTIFIER_END : self._layout.octets] = written


class NtsRequests:
    """Opens requests and seals replies with the cookies of *jar*."""

    def __init__(self, jar: CookieJar, random_octets: Callable[[int], bytes]) -> None:
        self._jar = jar
        self._random_octets = random_octets
        self._server = ServerSide(jar, random_octets)
        self._sessions = Sessions()
        self._layouts: dict[int, list[Layout]] = {}
        """By the length of the request; those that share one differ in their heads."""
        for layout in layouts():
            self._layouts.setdefault(layout.octets, []).append(layout)

    def usual(self, datagrams: Datagrams, rows: Rows) -> tuple[list[Sealing], list[int]]:
        """Return what seals the replies to those of *rows* that are usual and authentic, and the other rows."""
        lengths = datagrams.headers[span(rows), LENGTH]
        found = {*lengths.tolist()}
        sealings: list[Sealing] = []
        others: list[int] = []
        for length in found:
            left = rows if len(found) == 1 else rows[lengths == length]
            for layout in self._layouts.get(length, ()):
                if len(left):
                    usual, left = self._open(layout, datagrams, left)
                    sealings.append(usual)
            others += left.tolist()
        return sealings, sorted(others)

    def _open(self, layout: Layout, datagrams: Datagrams, rows: Rows) -> tuple[_Usual, Rows]:
        """Return the replies to be to those of *rows* that are of *layout* and authentic, and the other rows."""
        requests = datagrams.requests[span(rows), : layout.octets]
        at, heads = layout.heads
        fit = (requests.view(np.uint32).take(at, axis=1) == heads).all(axis=1).tolist()
        octets = requests.tobytes()
        open_secrets, sessions = self._jar.open_secrets, self._sessions
        known: list[bytes] = []
        ciphers: list[Aead] = []
        refused: list[int] = []
        cookies, proofs = layout.cookie_parts.iter_unpack(octets), layout.proof_parts.iter_unpack(octets)
        for place, (fits, cookie, (covered, nonce, tag)) in enumerate(zip(fit, cookies, proofs, strict=True)):
            if not fits or not IS_REQUEST[covered[0]]:
                refused.append(place)
                continue
            try:
                secrets = open_secrets(*cookie)
                session = sessions.get(secrets) or sessions.add(secrets)
                session.c2s.open(nonce, tag, covered)
            except AuthenticationError:
                refused.append(place)
                continue
            known.append(secrets)
            ciphers.append(session.s2c)
        answered = np.delete(rows, refused) if refused else rows
        secret = zip(ciphers, self._nonces(layout, len(known)), self._cookie_fields(layout, known), strict=True)
        return _Usual(layout, datagrams, answered, list(secret)), rows[refused]

    def _nonces(self, layout: Layout, count: int) -> list[bytes]:
        size = NONCE_OCTETS[layout.algorithm]
        octets = self._random_octets(size * count)
        return [octets[at : at + size] for at in range(0, len(octets), size)]

    def _cookie_fields(self, layout: Layout, all_secrets: Sequence[bytes]) -> list[bytes]:
        """Return for each client's keys the fields of as many new cookies as its request has room for."""
        head, count = layout.cookie_head, layout.cookies
        cookies = self._jar.seal_all([secrets for secrets in all_secrets for _ in range(count)])
        if count == 1:
            return [head + cookie for cookie in cookies]
        return [head + head.join(cookies[at : at + count]) for at in range(0, len(cookies), count)]

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

    def usual(self, datagrams: Datagrams, rows: Rows) -> tuple[list[Sealing], list[int]]:
        """Return what seals the replies to those of *rows* that are usual and authentic, and the other rows."""
        return self._requests.usual(datagrams, rows) if self._requests is not None else ([], rows.tolist())

    def by_the_book(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        return self._requests.by_the_book(request) if self._requests is not None else None
