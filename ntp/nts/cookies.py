"""Cookies: what a server must know of a client, sealed by the server for itself (RFC 8915 6).

A cookie is the identifier of the key that sealed it, a nonce, and the client's two keys under AEAD_AES_SIV_CMAC_256:
100 octets with keys of 32. Which algorithm the client's keys are for follows from their length.

What lives here: sealing, opening, keeping up with the master key. What does not: deriving keys (``master_keys``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS, Aead, Algorithm
from ntp.nts.errors import AuthenticationError
from ntp.nts.master_keys import KEY_ID_OCTETS, MasterKey

SEALED_BY: Final = Algorithm.AES_SIV_CMAC_256
_NONCE_OCTETS = NONCE_OCTETS[SEALED_BY]
_NONCE_END = KEY_ID_OCTETS + _NONCE_OCTETS
_ALGORITHM_OF: Final = {2 * octets: algorithm for algorithm, octets in KEY_OCTETS.items()}


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
        self._keys_of_predecessor: dict[bytes, Aead] = {}
        self._period: int | None = None
        self._sealing_id = b""
        self._keys: dict[bytes, Aead] = {}

    def turn_to(self, now_s: int) -> MasterKey | None:
        """Take the keys of UTC second *now_s*; cheap while the period is the same.

        Returns the master key to save when an old secret is to be forgotten. A clock that is set back changes nothing
        that was forgotten. Raises ``ConfigError`` if the clock is a century ahead.
        """
        period = now_s // self._master_key.rotation_s
        if period == self._period:
            return None
        oldest = self._master_key.at(now_s)
        sealing, opening = oldest.cookie_keys(now_s)
        self._keys = {key_id: Aead(SEALED_BY, key.secret) for key_id, key in opening.items()}
        self._sealing_id = sealing.key_id
        turned = oldest if oldest.period != self._master_key.period else None
        if self._period is not None and turned is not None:
            self._keys_of_predecessor = {}  # a period later nobody should hold its cookies any more
        self._master_key, self._period = oldest, period
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
        return self.seal_secrets(keys.c2s + keys.s2c)

    def seal_secrets(self, secrets: bytes) -> bytes:
        """Return a new cookie for the keys *secrets*, one behind the other."""
        nonce = self._random_octets(_NONCE_OCTETS)
        return self._sealing_id + nonce + self._keys[self._sealing_id].seal(nonce, secrets, b"")

    def open(self, cookie: bytes) -> SessionKeys:
        """Return what *cookie* holds. Raises ``AuthenticationError``: forged, or its key is forgotten."""
        secrets = self.open_secrets(cookie)
        algorithm = _ALGORITHM_OF.get(len(secrets))
        if algorithm is None:
            raise AuthenticationError("the cookie cannot be used", why="it was sealed by another program")
        middle = len(secrets) // 2
        return SessionKeys(algorithm, secrets[:middle], secrets[middle:])

    def open_secrets(self, cookie: bytes) -> bytes:
        """Return the keys that *cookie* holds, one behind the other. Raises the same."""
        key_id = cookie[:KEY_ID_OCTETS]
        aead = self._keys.get(key_id) or self._keys_of_predecessor.get(key_id)
        if aead is None:
            raise AuthenticationError("the cookie cannot be opened", why="its key is unknown or forgotten")
        return aead.open(cookie[KEY_ID_OCTETS:_NONCE_END], cookie[_NONCE_END:], b"")
