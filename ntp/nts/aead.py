"""The AEAD algorithms of NTS, computed by OpenSSL (RFC 5116, 5297, 8452): the only place that calls it for packets."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final

from cryptography.exceptions import InternalError, InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCMSIV, AESSIV

from ntp.nts.errors import AuthenticationError
from ptpstack.errors import ConfigError


class Algorithm(IntEnum):
    """AEAD algorithms by their numbers in the IANA registry. Every NTS implementation has the first."""

    AES_SIV_CMAC_256 = 15
    AES_SIV_CMAC_512 = 17
    AES_128_GCM_SIV = 30


KEY_OCTETS: Final = {Algorithm.AES_SIV_CMAC_256: 32, Algorithm.AES_SIV_CMAC_512: 64, Algorithm.AES_128_GCM_SIV: 16}
NONCE_OCTETS: Final = {Algorithm.AES_SIV_CMAC_256: 16, Algorithm.AES_SIV_CMAC_512: 16, Algorithm.AES_128_GCM_SIV: 12}
"""Octets of the nonces that are sent. SIV takes any length, GCM-SIV exactly this one (RFC 8452 4)."""

TAG_OCTETS = 16
"""By how much a ciphertext is longer than its plaintext, with each of the algorithms."""

PREFERRED: Final = (Algorithm.AES_128_GCM_SIV, Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512)
"""In this order a client offers them: the shortest cookies and packets first."""


class Aead:
    """One algorithm with one key. Making it costs more than using it: keep it.

    ``encrypt`` and ``decrypt`` are OpenSSL's own, whose arguments differ between SIV (``is_siv``) and GCM-SIV.
    """

    __slots__ = ("algorithm", "decrypt", "encrypt", "is_siv")

    def __init__(self, algorithm: Algorithm, key: bytes) -> None:
        if len(key) != KEY_OCTETS[algorithm]:
            raise ValueError(f"{algorithm.name} takes a key of {KEY_OCTETS[algorithm]} octets, not {len(key)}")
        self.algorithm = algorithm
        self.is_siv = algorithm is not Algorithm.AES_128_GCM_SIV
        cipher = AESSIV(key) if self.is_siv else AESGCMSIV(key)
        self.encrypt: Callable[..., bytes] = cipher.encrypt
        self.decrypt: Callable[..., bytes] = cipher.decrypt

    def seal(self, nonce: bytes, plaintext: bytes, associated_data: bytes) -> bytes:
        """Return the ciphertext, ``TAG_OCTETS`` longer than *plaintext*. A nonce is used once (RFC 5116 3.1)."""
        if self.is_siv:
            return self.encrypt(plaintext, [associated_data, nonce])
        return self.encrypt(nonce, plaintext, associated_data)

    def open(self, nonce: bytes, ciphertext: bytes, associated_data: bytes | memoryview) -> bytes:
        """Return the plaintext. Raises ``AuthenticationError`` where anything was changed."""
        try:
            if self.is_siv:
                return self.decrypt(ciphertext, [associated_data, nonce])
            return self.decrypt(nonce, ciphertext, associated_data)
        except (InvalidTag, ValueError):  # ValueError: a nonce or ciphertext of an impossible length
            raise AuthenticationError("it is not authentic", why="key, nonce or data differ") from None


def are_authentic(ciphers: Iterable[Aead], proofs: Iterable[tuple[bytes, bytes, bytes]]) -> list[bool]:
    """Tell of each of *proofs*, what it covers, its nonce and its tag, whether the key of its cipher made it."""
    found = []
    for cipher, (covered, nonce, tag) in zip(ciphers, proofs, strict=True):
        try:
            if cipher.is_siv:
                cipher.decrypt(tag, [covered, nonce])
            else:
                cipher.decrypt(nonce, tag, covered)
        except InvalidTag:
            found.append(False)
        else:
            found.append(True)
    return found


def seal_all(
    ciphers: Iterable[Aead], nonces: Iterable[bytes], plaintexts: Iterable[bytes], covered: Iterable[bytes]
) -> list[bytes]:
    """Return for each cipher what :meth:`Aead.seal` does."""
    return [
        cipher.encrypt(plaintext, [data, nonce]) if cipher.is_siv else cipher.encrypt(nonce, plaintext, data)
        for cipher, nonce, plaintext, data in zip(ciphers, nonces, plaintexts, covered, strict=True)
    ]


def available() -> frozenset[Algorithm]:
    """Return the algorithms that the OpenSSL here has: AES-GCM-SIV came with 3.2, and FIPS mode may refuse any."""
    return frozenset(algorithm for algorithm in Algorithm if _works(algorithm))


def usable(algorithms: tuple[Algorithm, ...] = PREFERRED) -> tuple[Algorithm, ...]:
    """Return *algorithms* without those that are not available, in their order. Raises ``ConfigError`` for none."""
    known = available()
    if found := tuple(algorithm for algorithm in algorithms if algorithm in known):
        return found
    raise ConfigError(
        "no algorithm can be used",
        where="NTS",
        why=f"the OpenSSL here offers none of {', '.join(algorithm.name for algorithm in algorithms)}",
        next_step="use OpenSSL 3.0 or newer, and in FIPS mode a provider with AES-SIV",
    )


def _works(algorithm: Algorithm) -> bool:
    try:
        Aead(algorithm, bytes(range(KEY_OCTETS[algorithm]))).seal(bytes(NONCE_OCTETS[algorithm]), b"", b"")
    except (UnsupportedAlgorithm, InternalError):
        return False
    return True
