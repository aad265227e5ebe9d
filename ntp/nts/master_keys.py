"""The keys that seal cookies: one secret, from which every server of a fleet derives the same keys by the calendar.

Period by period the secret is replaced by one derived from it (a ratchet, RFC 8915 6): who finds a later one cannot
compute an earlier one, and servers that began with the same secret stay in step without a word. The secret that is
kept is that of the oldest period whose cookies are still opened.

What lives here: secrets, the ratchet, and the file. What does not: cookies (``cookies``), and reading the clock.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from ptpstack.errors import ConfigError

SECRET_OCTETS = 32
PERIOD_ID_OCTETS = 3
DEFAULT_ROTATION_S = 86_400
KEPT_PERIODS = 2
"""Past periods whose cookies are still opened (RFC 8915 6 advises two)."""

AHEAD_PERIODS = 1
"""Periods to come whose cookies are opened: another server's clock may be ahead."""

MOST_STEPS = 40_000
"""Periods that the ratchet is turned over at once: a century of days. A clock beyond that is wrong."""

_HOW: Final = "see docs/nts.md: copy the file of another server, or delete it and let the server make a new one"
_HOW_TO_WRITE: Final = {
    errno.ENOSPC: "make room on its file system",
    errno.EDQUOT: "make room in the quota of the server's user",
    errno.EROFS: "mount its file system for writing, or configure a file on one that is",
}


@dataclass(frozen=True, slots=True)
class CookieKey:
    """What seals cookies for one period. The identifier stands in each cookie, and tells nothing of the period."""

    period_id: bytes
    secret: bytes = field(repr=False)

    def lane_secret(self, lane: bytes) -> bytes:
        """Return the secret of one of the period's lanes (``cookies``)."""
        return _derive(self.secret, b"cookie lane " + lane, SECRET_OCTETS)


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The secret of *period*: the *period*-th span of *rotation_s* seconds since 1970 in UTC."""

    period: int
    rotation_s: int
    secret: bytes = field(repr=False)

    @classmethod
    def new(cls, secret: bytes, now_s: int, rotation_s: int = DEFAULT_ROTATION_S) -> Self:
        """Return the first master key of a fleet, of the oldest period that is kept at UTC second *now_s*."""
        assert len(secret) == SECRET_OCTETS
        return cls(now_s // rotation_s - KEPT_PERIODS, rotation_s, secret)

    def next(self) -> MasterKey:
        """Return the master key of the next period; there is no way back."""
        return MasterKey(self.period + 1, self.rotation_s, _derive(self.secret, b"next master key", SECRET_OCTETS))

    def at(self, now_s: int) -> MasterKey:
        """Return the oldest master key that is kept at UTC second *now_s*: this one, or one derived from it.

        Raises ``ConfigError`` if *now_s* is a century ahead.
        """
        oldest = now_s // self.rotation_s - KEPT_PERIODS
        if oldest - self.period > MOST_STEPS:
            why = f"its period is {self.period}, the clock says {oldest}"
            raise ConfigError("the master key is too old to be brought up to date", why=why, next_step=_HOW)
        key = self
        while key.period < oldest:
            key = key.next()
        return key

    def cookie_key(self) -> CookieKey:
        """Return what seals the cookies of this period."""
        period_id = _derive(self.secret, b"cookie period", PERIOD_ID_OCTETS)
        return CookieKey(period_id, _derive(self.secret, b"cookie key", SECRET_OCTETS))

    def cookie_keys(self, now_s: int) -> tuple[CookieKey, dict[bytes, CookieKey]]:
        """Return what seals cookies at *now_s*, and by identifier all that open them. Raises ``ConfigError``."""
        key = self.at(now_s)
        current = max(now_s // self.rotation_s, key.period)
        keys = []
        while key.period <= current + AHEAD_PERIODS:
            keys.append(key.cookie_key())
            key = key.next()
        return keys[-1 - AHEAD_PERIODS], {key.period_id: key for key in keys}


class MasterKeyFile:
    """The file of a master key, readable for its owner alone. Drop the same file on every server of a fleet."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._seen: tuple[int, int, int] | None = None

    def load(self) -> MasterKey:
        """Return the key. Raises ``ConfigError`` naming the file, never its content."""
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                octets = file.read(4096)
        except OSError as error:
            raise self._error("cannot be read", str(error.strerror)) from error
        if status.st_mode & 0o077:
            raise self._error("can be read by others than its owner", "it opens every cookie", "chmod 600 it")
        self._seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        try:
            found = json.loads(octets)
            key = MasterKey(int(found["period"]), int(found["rotation_s"]), bytes.fromhex(found["secret"]))
        except (ValueError, KeyError, TypeError):
            raise self._error("is no master key", "it is JSON with period, rotation_s and secret") from None
        if len(key.secret) != SECRET_OCTETS or key.rotation_s < 60 or key.period < -KEPT_PERIODS:
            why = f"the secret has {SECRET_OCTETS} octets, rotation_s is 60 or more"
            raise self._error("is no master key", why)
        return key

    def save(self, key: MasterKey) -> None:
        """Replace the file, at once or not at all. Raises ``ConfigError``."""
        new = self._path.with_name(self._path.name + f".new{os.getpid()}")
        content = {"period": key.period, "rotation_s": key.rotation_s, "secret": key.secret.hex()}
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
                json.dump(content, file)
                file.flush()
                os.fsync(file.fileno())
                status = os.fstat(file.fileno())
            new.replace(self._path)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink()
            next_step = _HOW_TO_WRITE.get(error.errno or 0, "give its folder to the server's user")
            raise self._error("cannot be written", str(error.strerror), next_step) from error
        self._seen = (status.st_ino, status.st_mtime_ns, status.st_size)

    def changed(self) -> bool:
        """Tell whether the file is another one than was loaded or saved last: somebody dropped a new one."""
        try:
            status = self._path.stat()
        except OSError:
            return False
        return (status.st_ino, status.st_mtime_ns, status.st_size) != self._seen

    def _error(self, what: str, why: str, next_step: str = _HOW) -> ConfigError:
        return ConfigError(what, where=f"the master key file {self._path}", why=why, next_step=next_step)


def _derive(secret: bytes, purpose: bytes, octets: int) -> bytes:
    return HKDFExpand(SHA256(), octets, b"ptpstack NTS " + purpose).derive(secret)
