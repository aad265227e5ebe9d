"""Symmetric keys: computing and checking the digest at the end of a packet (RFC 5905 7.3, RFC 8573).

What lives here: which kinds of key there are, and reading a chrony key file. What does not: where the digest stands
in a packet (``ntp.wire.packet``).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ptpstack.errors import ConfigError

LONGEST_DIGEST_OF_VERSION_4 = 20
"""Octets: a longer digest in version 4 cannot be told from extension fields (RFC 7822), so version 3 carries it."""

CMAC_KEY_OCTETS: Final = {"AES128": 16, "AES256": 32}
HASHES: Final = ("SHA256", "SHA384", "SHA512")
REFUSED: Final = {
    "MD5": "a digest of MD5 can be forged (RFC 8573)",
    "SHA1": "a digest of SHA-1 protects too little",
}


@dataclass(frozen=True, slots=True)
class Key:
    """A key shared with a server. *kind* is one of AES128, AES256, SHA256, SHA384, SHA512."""

    key_id: int
    kind: str
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        where = f"key {self.key_id}"
        if self.kind in REFUSED:
            raise ConfigError(
                f"{self.kind} is refused",
                where=where,
                why=REFUSED[self.kind],
                next_step="agree with the server's keeper on a key of kind AES128",
            )
        if self.kind not in CMAC_KEY_OCTETS and self.kind not in HASHES:
            known = ", ".join([*CMAC_KEY_OCTETS, *HASHES])
            raise ConfigError(f"{self.kind} is no kind of key", where=where, why=f"known are {known}")
        wanted = CMAC_KEY_OCTETS.get(self.kind)
        if wanted is not None and len(self.secret) != wanted:
            why = f"{self.kind} takes {wanted} octets, and these are {len(self.secret)}"
            raise ConfigError("the secret has the wrong length", where=where, why=why)
        if not self.secret or not 0 < self.key_id < 1 << 32:
            raise ConfigError("a key needs a secret and a number from 1 to 4294967295", where=where)

    @property
    def version(self) -> int:
        """The NTP version whose packets carry this key's digest in full."""
        return 4 if self.kind in CMAC_KEY_OCTETS else 3

    def digest(self, octets: bytes) -> bytes:
        """Return the digest of *octets*: AES-CMAC, or a hash of secret and octets (RFC 5905 7.3, RFC 8573 3)."""
        if self.kind in HASHES:
            import hashlib  # noqa: PLC0415 (4 MB of OpenSSL that a client without keys does not need)

            return hashlib.new(self.kind.lower(), self.secret + octets).digest()
        return _aes_cmac(self.secret, octets)

    def accepts(self, digest: bytes, octets: bytes) -> bool:
        """Tell whether *digest* belongs to *octets*, taking the same time for every wrong one."""
        import hmac  # noqa: PLC0415 (as above)

        return hmac.compare_digest(digest, self.digest(octets))


def _aes_cmac(secret: bytes, octets: bytes) -> bytes:
    from cryptography.hazmat.primitives.ciphers.algorithms import AES  # noqa: PLC0415 (only clients with such keys pay)
    from cryptography.hazmat.primitives.cmac import CMAC  # noqa: PLC0415 (as above)

    mac = CMAC(AES(secret))
    mac.update(octets)
    return mac.finalize()


_READERS: Final[dict[str, Callable[[str], bytes]]] = {"HEX": bytes.fromhex, "ASCII": lambda text: text.encode("ascii")}


def read_keys(text: str, where: str) -> dict[int, Key]:
    """Return the keys of a key file in chrony's format by number: ``ID KIND HEX:… `` or ``ASCII:…`` a line.

    Raises ``ConfigError``, which never shows a secret. *where* names the file.
    """
    keys: dict[int, Key] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith(("#", "!", ";", "%")):
            continue
        place = f"{where}:{number}"
        if len(words) != 3 or not words[0].isdecimal():
            raise ConfigError(
                "this line is no key", where=place, why="a key is `ID KIND HEX:secret` or `ID KIND ASCII:secret`"
            )
        encoding, colon, secret = words[2].partition(":")
        if not colon:
            encoding, secret = "ASCII", words[2]
        try:
            octets = _READERS[encoding](secret)
        except (KeyError, ValueError):
            raise ConfigError("the secret cannot be read", where=place, why="it is HEX:… or ASCII:…") from None
        try:
            key = Key(int(words[0]), words[1].upper(), octets)
        except ConfigError as error:
            error.where = f"{place}: {error.where}"
            raise
        keys[key.key_id] = key
    return keys
