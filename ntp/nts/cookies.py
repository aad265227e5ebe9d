"""Cookies: what a server must know of a client, sealed by the server for itself (RFC 8915 6).

A cookie is the identifier of its period's key, the number of the lane, a nonce, and the client's two keys under
AES-256-GCM: 96 octets with keys of 32. Which algorithm the client's keys are for follows from their length.

Cookies are nobody's business but the server's, so the cipher is the cheapest that OpenSSL has, at a quarter of what
AES-SIV takes. GCM must never meet a nonce twice under one key. Nonces that count up would do, but tell who looks on
when a cookie was given out and so whose it is; random ones of 96 bits allow 2**32 cookies a key (NIST SP 800-38D 8.3).
So each period has 256 keys, its lanes, of which each cookie takes one at random: 2**40 cookies a period for a whole
fleet, which at the default period of a day are twelve million a second.

What lives here: sealing, opening, keeping up with the master key. What does not: deriving keys (``master_keys``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ntp.nts.aead import KEY_OCTETS, TAG_OCTETS, Algorithm
from ntp.nts.errors import AuthenticationError
from ntp.nts.master_keys import PERIOD_ID_OCTETS, CookieKey, MasterKey

LANE_OCTETS = 1
KEY_ID_OCTETS = PERIOD_ID_OCTETS + LANE_OCTETS
NONCE_OCTETS = 12
_NONCE_END = KEY_ID_OCTETS + NONCE_OCTETS
_LANE_AND_NONCE = Struct(f"{LANE_OCTETS}s{NONCE_OCTETS}s")
ALGORITHM_OF: Final = {2 * octets: algorithm for algorithm, octets in KEY_OCTETS.items()}
"""What the client's keys in a cookie are for, by how long both are together."""


@dataclass(frozen=True, slots=True)
class SessionKeys:
    """The keys of one client: *c2s* for what it sends, *s2c* for what the server sends (RFC 8915 4.2)."""

    algorithm: Algorithm
    c2s: bytes = field(repr=False)
    s2c: bytes = field(repr=False)


def cookie_octets(algorithm: Algorithm) -> int:
    """Return how long a cookie is that holds keys for *algorithm*."""
    return _NONCE_END + TAG_OCTETS + 2 * KEY_OCTETS[algorithm]


class CookieJar:
    """Seals and opens cookies with the keys of the time. *random_octets* returns that many unguessable octets."""

    def __init__(self, master_key: MasterKey, random_octets: Callable[[int], bytes]) -> None:
        self._random_octets = random_octets
        self._master_key = master_key
        self._keys_of_predecessor: dict[bytes, CookieKey] = {}
        self._period: int | None = None
        self._sealing_id = b""
        self._keys: dict[bytes, CookieKey] = {}
        self._ciphers: dict[bytes, AESGCM] = {}
        """Those that were used of the keys above, by period and lane: some thousand at most."""

    def turn_to(self, now_s: int) -> MasterKey | None:
        """Take the keys of UTC second *now_s*; cheap while the period is the same.

        Returns the master key to save when an old secret is to be forgotten. A clock that is set back changes nothing
        that was forgotten. Raises ``ConfigError`` if the clock is a century ahead.
        """
        period = now_s // self._master_key.rotation_s
        if period == self._period:
            return None
        oldest = self._master_key.at(now_s)
        sealing, self._keys = oldest.cookie_keys(now_s)
        self._sealing_id = sealing.period_id
        turned = oldest if oldest.period != self._master_key.period else None
        if self._period is not None and turned is not None:
            self._keys_of_predecessor = {}  # a period later nobody should hold its cookies any more
        self._master_key, self._period = oldest, period
        self._ciphers.clear()
        return turned

    def replace(self, master_key: MasterKey, now_s: int) -> MasterKey | None:
        """Seal with *master_key* from now on; cookies of the one before are opened until the period ends."""
        predecessor = self._keys
        self._master_key, self._period = master_key, None
        turned = self.turn_to(now_s)
        self._keys_of_predecessor = predecessor
        return turned

    def seal(self, keys: SessionKeys) -> bytes:
        """Return a new cookie for *keys*; no two are alike."""
        return self.seal_all([keys.c2s + keys.s2c])[0]

    def seal_all(self, all_secrets: Sequence[bytes], head: bytes = b"") -> list[bytes]:
        """Return *head* and a new cookie for each of *all_secrets*, the keys of a client one behind the other."""
        lanes_and_nonces = _LANE_AND_NONCE.iter_unpack(self._random_octets(_LANE_AND_NONCE.size * len(all_secrets)))
        ciphers, period_id = self._ciphers, self._sealing_id
        cookies = []
        for secrets, (lane, nonce) in zip(all_secrets, lanes_and_nonces, strict=True):
            key_id = period_id + lane
            cipher = ciphers.get(key_id) or self._cipher(key_id)
            cookies.append(head + key_id + nonce + cipher.encrypt(nonce, secrets, None))
        return cookies

    def open(self, cookie: bytes) -> SessionKeys:
        """Return what *cookie* holds. Raises ``AuthenticationError``: forged, or its key is forgotten."""
        secrets = self.open_secrets(cookie[:KEY_ID_OCTETS], cookie[KEY_ID_OCTETS:_NONCE_END], cookie[_NONCE_END:])
        algorithm = ALGORITHM_OF.get(len(secrets))
        if algorithm is None:
            raise AuthenticationError("the cookie cannot be used", why="it was sealed by another program")
        middle = len(secrets) // 2
        return SessionKeys(algorithm, secrets[:middle], secrets[middle:])

    def open_all(self, parts: Iterable[tuple[bytes, bytes, bytes]]) -> list[bytes]:
        """Return the keys that each cookie of these *parts* holds; nothing where :meth:`open_secrets` raises."""
        ciphers, found = self._ciphers, []
        for key_id, nonce, sealed in parts:
            try:
                found.append((ciphers.get(key_id) or self._cipher(key_id)).decrypt(nonce, sealed, None))
            except (InvalidTag, ValueError, AuthenticationError):
                found.append(b"")
        return found

    def open_secrets(self, key_id: bytes, nonce: bytes, sealed: bytes) -> bytes:
        """Return the keys that the cookie of these parts holds, one behind the other. Raises the same."""
        cipher = self._ciphers.get(key_id) or self._cipher(key_id)
        try:
            return cipher.decrypt(nonce, sealed, None)
        except (InvalidTag, ValueError):  # ValueError: it is too short to be one
            raise AuthenticationError("the cookie is not authentic", why="it was changed, or never was one") from None

    def _cipher(self, key_id: bytes) -> AESGCM:
        """Make the cipher of a period and a lane ready. Raises ``AuthenticationError``."""
        period_id, lane = key_id[:PERIOD_ID_OCTETS], key_id[PERIOD_ID_OCTETS:]
        key = self._keys.get(period_id) or self._keys_of_predecessor.get(period_id)
        if key is None or len(lane) != LANE_OCTETS:
            raise AuthenticationError("the cookie cannot be opened", why="its key is unknown or forgotten")
        cipher = self._ciphers[key_id] = AESGCM(key.lane_secret(lane))
        return cipher
