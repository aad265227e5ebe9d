"""The list of leap seconds as IERS publishes it and systems carry it: leap-seconds.list, or tzdata's leapseconds.

What lives here: reading its text, and what it says of an instant. What does not: where the file is (``daemon``).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from ptpstack.errors import WireError

try:
    from _sha1 import sha1  # type: ignore[import-not-found]  # hashlib loads OpenSSL: 3.6 MB more
except ImportError:
    from hashlib import sha1

NTP_TO_UNIX_S = 2_208_988_800
DAY_S = 86_400
FIRST_TAI_OFFSET_S = 10
"""TAI - UTC from 1972-01-01, when leap seconds began."""

_ENTRY = re.compile(r"(\d{1,11})\s+(\d{1,4})\b")
_LEAP = re.compile(r"Leap\s+(\d{4})\s+([A-Z][a-z]{2})\s+(\d{1,2})\s+23:59:(59|60)\s+([+-])\s+S\b")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_HASH_WORDS = 5


@dataclass(frozen=True, slots=True)
class LeapList:
    """TAI - UTC from each instant on (UTC seconds since 1970, ascending); nothing is known from *expires_s* on."""

    since_s: tuple[int, ...]
    tai_offsets_s: tuple[int, ...]
    expires_s: int

    def is_expired(self, utc_s: int) -> bool:
        """Whether a leap second may have come that it does not know."""
        return utc_s >= self.expires_s

    def tai_offset_s(self, utc_s: int) -> int:
        """Return TAI - UTC at *utc_s*, as far as it knows."""
        index = bisect_right(self.since_s, utc_s)
        return self.tai_offsets_s[max(index - 1, 0)]

    def change_s(self, utc_s: int) -> int:
        """Return by how much TAI - UTC changes at the end of the UTC day of *utc_s*: 1, -1, or 0."""
        midnight_s = (utc_s // DAY_S + 1) * DAY_S
        return self.tai_offset_s(midnight_s) - self.tai_offset_s(midnight_s - 1)


def parse_leap_list(text: str) -> LeapList:
    """Read either of the two formats, and check the digest where there is one. Raises ``WireError``."""
    entries = _of_zic(text) if re.search(r"^Leap\s", text, re.MULTILINE) else _of_iers(text)
    since, offsets = tuple(since for since, _ in entries), tuple(offset for _, offset in entries)
    if not entries:
        raise WireError("no leap seconds in it")
    if list(since) != sorted(set(since)) or any(abs(b - a) != 1 for a, b in pairwise(offsets)):
        raise WireError("its leap seconds do not follow each other one by one")
    return LeapList(since, offsets, _expires_s(text))


def _of_iers(text: str) -> list[tuple[int, int]]:
    found = [match for line in text.splitlines() if (match := _ENTRY.match(line.strip()))]
    _check_digest(text, "".join(match[1] + match[2] for match in found))
    return [(int(match[1]) - NTP_TO_UNIX_S, int(match[2])) for match in found]


def _of_zic(text: str) -> list[tuple[int, int]]:
    entries, offset = [(int(datetime(1972, 1, 1, tzinfo=UTC).timestamp()), FIRST_TAI_OFFSET_S)], FIRST_TAI_OFFSET_S
    for match in _LEAP.finditer(text):
        if match[2] not in _MONTHS:
            raise WireError(f"{match[2]!r} is no month")
        try:
            day = datetime(int(match[1]), _MONTHS.index(match[2]) + 1, int(match[3]), tzinfo=UTC)
        except ValueError as error:
            raise WireError(f"{match[0]!r} is no day", why=str(error)) from error
        offset += 1 if match[5] == "+" else -1
        entries.append((int(day.timestamp()) + DAY_S, offset))
    return entries


def _expires_s(text: str) -> int:
    if match := re.search(r"^#@\s*(\d{1,11})\b", text, re.MULTILINE):
        return int(match[1]) - NTP_TO_UNIX_S
    if match := re.search(r"^#expires\s+(\d{1,11})\b", text, re.MULTILINE):
        return int(match[1])
    raise WireError("it does not say when it expires")


def _check_digest(text: str, entries: str) -> None:
    """Compare the SHA-1 of updated, expiry and all entries with what the file says, which may leave zeros out."""
    match = re.search(r"^#h\s+(.+)$", text, re.MULTILINE)
    if match is None:
        return
    updated = re.search(r"^#\$\s*(\d+)", text, re.MULTILINE)
    expires = re.search(r"^#@\s*(\d+)", text, re.MULTILINE)
    dates = (updated[1] if updated else "") + (expires[1] if expires else "")
    digest = sha1((dates + entries).encode(), usedforsecurity=False).hexdigest()
    words = match[1].split()
    if len(words) != _HASH_WORDS or "".join(word.lower().zfill(8) for word in words) != digest:
        raise WireError("its digest is another one: the file is damaged")
