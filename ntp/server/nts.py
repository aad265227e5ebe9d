"""NTS in a worker: requests that their sender's keys prove, answered by replies that ours prove (RFC 8915 5).

Each process opens cookies with the keys that the calendar gives it from the master key file (``key_keeper``). Of a
client nothing is kept but its ciphers, and those only to save time. The usual request, an identifier, a cookie, perhaps
placeholders, and a proof, has one of a few dozen layouts and goes from octets to octets here, with many at once or
alone; any other to ``server_side``, which says the same in the standard's words. That all agree is a property of the
tests.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, Aead, Algorithm, are_authentic, seal_all
from ntp.nts.cookies import ALGORITHM_OF, CookieJar
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.server_side import ServerSide, UnverifiedRequest
from ntp.server.counters import Count
from ntp.server.datagrams import LENGTH, Datagrams, Octets, Rows, span
from ntp.server.nts_layouts import IDENTIFIER_END, Layout, layouts
from ntp.server.settings import NtsSettings
from ntp.server.special import Prepared, Sealing, kiss
from ntp.wire.packet import HEADER
from ptpstack.errors import ConfigError

_MOST_SESSIONS = 2048
"""Clients whose ciphers are kept ready (7 kB each in OpenSSL): making them takes longer than answering."""

_LEAST_FIELD = 16
MANY: Final = 6
"""From so many requests on arrays are cheaper than one request after the other."""

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
        nobody = Aead(Algorithm.AES_SIV_CMAC_256, os.urandom(KEY_OCTETS[Algorithm.AES_SIV_CMAC_256]))
        self._nobody = _Session(nobody, nobody)
        """Of cookies that could not be opened: nobody has the key, so it proves nothing."""
        self._known = {b"": self._nobody}
        self._secrets: list[bytes] = []

    def __len__(self) -> int:
        return len(self._secrets)

    def of_all(self, all_secrets: Sequence[bytes]) -> list[_Session]:
        """Return the ciphers of the client with each of these keys, made where they are not known."""
        known, add = self._known.get, self._add
        return [known(secrets) or add(secrets) for secrets in all_secrets]

    def _add(self, secrets: bytes) -> _Session:
        algorithm = ALGORITHM_OF.get(len(secrets))
        if algorithm is None:  # the cookie was sealed by another program that has our keys
            return self._nobody
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


class _Usual:
    """The replies to authentic requests of one *layout* in *rows* of *datagrams*, complete but for header and proof.

    Each is sealed by one of *ciphers*, with one of *nonces*, and has one of *cookies*, fields and all, in it.
    """

    counts = Count.NTS

    def __init__(
        self,
        layout: Layout,
        datagrams: Datagrams,
        rows: Rows,
        *,
        ciphers: Sequence[Aead],
        nonces: Sequence[bytes],
        cookies: Sequence[bytes],
    ) -> None:
        self.rows = rows
        self._datagrams, self._octets, self._sealed_at = datagrams, layout.octets, layout.reply_sealed_at
        self._ciphers, self._nonces, self._cookies = ciphers, nonces, cookies
        where, replies = span(rows), datagrams.replies
        replies[where, HEADER.size : IDENTIFIER_END] = datagrams.requests[where, HEADER.size : IDENTIFIER_END]
        replies[where, IDENTIFIER_END : self._sealed_at] = _table([layout.reply_proof_head + nonce for nonce in nonces])
        datagrams.reply_lengths[where] = layout.octets

    def seal(self, first: int, end: int) -> None:
        """Prove the replies from the place *first* to before *end*, whose headers are complete."""
        where, replies = span(self.rows[first:end]), self._datagrams.replies
        octets = replies[where, :IDENTIFIER_END].tobytes()
        covered = [octets[at : at + IDENTIFIER_END] for at in range(0, len(octets), IDENTIFIER_END)]
        sealed = seal_all(self._ciphers[first:end], self._nonces[first:end], self._cookies[first:end], covered)
        replies[where, self._sealed_at : self._octets] = _table(sealed)


def _table(rows: Sequence[bytes]) -> Octets:
    """Return octets that are all as long as an array with so many rows."""
    return np.frombuffer(b"".join(rows), np.uint8).reshape(len(rows), -1)


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

    # -- many --------------------------------------------------------------------------------------------------

    def usual(self, datagrams: Datagrams, rows: Rows) -> tuple[list[Sealing], list[int]]:
        """Return what seals the replies to those of *rows* that are usual and authentic, and the other rows.

        A few are all left to :meth:`prepare`.
        """
        if len(rows) < MANY:
            return [], rows.tolist()
        lengths = datagrams.headers[span(rows), LENGTH]
        found = {*lengths.tolist()}
        sealings: list[Sealing] = []
        others: list[int] = []
        for length in found:
            left = rows if len(found) == 1 else rows[lengths == length]
            for layout in self._layouts.get(length, ()):
                if len(left) and (usual := self._open(layout, datagrams, left)) is not None:
                    sealings.append(usual)
                    left = left[:0] if len(usual.rows) == len(left) else np.setdiff1d(left, usual.rows)
            others += left.tolist()
        return sealings, sorted(others)

    def _open(self, layout: Layout, datagrams: Datagrams, rows: Rows) -> _Usual | None:
        """Return the replies to be to those of *rows* that are of *layout* and authentic."""
        requests = datagrams.requests[span(rows), : layout.octets]
        fitting = layout.fitting(requests)
        if not fitting.all():
            rows, requests = rows[fitting], requests[fitting]
        octets = requests.tobytes()
        all_secrets = self._jar.open_all(layout.cookie_parts.iter_unpack(octets))
        sessions = self._sessions.of_all(all_secrets)
        proven = are_authentic([session.c2s for session in sessions], layout.proof_parts.iter_unpack(octets))
        if not all(proven):
            rows, all_secrets = rows[proven], list(compress(all_secrets, proven))
            sessions = list(compress(sessions, proven))
        if not sessions:
            return None
        return _Usual(
            layout,
            datagrams,
            rows,
            ciphers=[session.s2c for session in sessions],
            nonces=self._nonces(layout, len(sessions)),
            cookies=self._cookie_fields(layout, all_secrets),
        )

    def _nonces(self, layout: Layout, count: int) -> list[bytes]:
        size = NONCE_OCTETS[layout.algorithm]
        octets = self._random_octets(size * count)
        return [octets[at : at + size] for at in range(0, len(octets), size)]

    def _cookie_fields(self, layout: Layout, all_secrets: Sequence[bytes]) -> list[bytes]:
        """Return for each client's keys the fields of as many new cookies as its request has room for."""
        count = layout.cookies
        if count == 1:
            return self._jar.seal_all(all_secrets, layout.cookie_head)
        fields = self._jar.seal_all([secrets for secrets in all_secrets for _ in range(count)], layout.cookie_head)
        return [b"".join(fields[at : at + count]) for at in range(0, len(fields), count)]

    # -- one ---------------------------------------------------------------------------------------------------

    def prepare(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        for layout in self._layouts.get(len(request), ()):
            if layout.fits(request) and (prepared := self._prepare_usual(layout, request)) is not None:
                return prepared
        return self.by_the_book(request)

    def _prepare_usual(self, layout: Layout, request: bytes) -> Prepared | None:
        """Return the reply to be to *request*, which is of *layout*; None if it is not authentic."""
        secrets = self._jar.open_all([layout.cookie_parts.unpack(request)])
        (session,) = self._sessions.of_all(secrets)
        if not are_authentic([session.c2s], [layout.proof_parts.unpack(request)])[0]:
            return None
        (nonce,), (cookies,) = self._nonces(layout, 1), self._cookie_fields(layout, secrets)
        identifier, seal = request[HEADER.size : IDENTIFIER_END], session.s2c.seal
        proof_begins = layout.reply_proof_head + nonce

        def sealed(header: bytes) -> bytes:
            covered = header + identifier
            return covered + proof_begins + seal(nonce, cookies, covered)

        return Prepared(sealed, Count.NTS)

    def by_the_book(self, request: bytes) -> Prepared | None:
        """Return what :meth:`prepare` does, by the standard's words."""
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

    def prepare(self, request: bytes) -> Prepared | None:
        """Return the reply to be, None where *request* has nothing of NTS. Raises ``WireError``."""
        return self._requests.prepare(request) if self._requests is not None else None
