"""Time of day from a GNSS receiver's NMEA 0183 sentences: ZDA, or RMC where there is none.

RMC also says whether the receiver has a fix, which ZDA does not; NMEA is UTC, leap seconds are named 23:59:60.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hw.time_of_day import UtcSecond, utc_second
from hw.time_of_day_serial import SerialTimeOfDay
from ptpstack.errors import WireError

_LONGEST_LINE = 1024  # 82 by the standard, which receivers' own sentences exceed
RANKS = {"RMC": 0, "ZDA": 1}
_CENTURY_BEGINS = 80  # two digits of a year: 80 is 1980, when GPS began, 79 is 2079


@dataclass(frozen=True, slots=True)
class NmeaTime:
    """What a ZDA or RMC *sentence* says; *second* None: no time. *has_fix* None: it does not say."""

    sentence: str
    second: UtcSecond | None
    has_fix: bool | None


def decode_nmea(line: bytes) -> NmeaTime | None:
    """Decode a sentence, None for one without a date. Raises ``WireError`` for a broken one."""
    fields = _verified(line.strip()).split(",")
    address = fields[0]
    if len(address) != 5 or address[0] == "P":  # two letters of the talker, whichever; P: a maker's own
        return None
    try:
        if address.endswith("ZDA"):
            return _zda(fields)
        if address.endswith("RMC"):
            return _rmc(fields)
    except (ValueError, IndexError) as error:
        raise WireError(f"a broken {address}", why=str(error)) from error
    return None


def _verified(line: bytes) -> str:
    """Return what stands between ``$`` and ``*``, if the checksum behind that is right."""
    body, star, checksum = line[1:].rpartition(b"*")
    if line[:1] != b"$" or not star:
        raise WireError("no NMEA sentence with a checksum")
    parity = 0
    for byte in body:
        parity ^= byte
    if checksum.upper() != b"%02X" % parity:
        raise WireError("a wrong checksum", why=f"{checksum!r}, computed {parity:02X}")
    return body.decode("ascii", errors="replace")


def _zda(fields: list[str]) -> NmeaTime:
    clock, day, month, year = fields[1:5]
    if "" in (clock, day, month, year):
        return NmeaTime("ZDA", None, None)
    return NmeaTime("ZDA", utc_second((_digits(year, 4), _digits(month, 2), _digits(day, 2)), clock), None)


def _rmc(fields: list[str]) -> NmeaTime:
    clock, status, date = fields[1], fields[2], fields[9]
    if status not in ("A", "V"):
        raise WireError(f"RMC status {status!r} is neither A nor V")
    has_fix = status == "A" and fields[12:13] != ["N"]  # the mode, since NMEA 2.3
    if "" in (clock, date):
        return NmeaTime("RMC", None, has_fix)
    _digits(date, 6)
    year = int(date[4:])
    year += 1900 if year >= _CENTURY_BEGINS else 2000
    return NmeaTime("RMC", utc_second((year, int(date[2:4]), int(date[:2])), clock), has_fix)


def _digits(text: str, count: int) -> int:
    if len(text) != count or not (text.isascii() and text.isdigit()):
        raise WireError(f"{text!r} are not {count} digits")
    return int(text)


class NmeaSentences:
    """Puts octets together to lines, and decodes them."""

    def __init__(self) -> None:
        self.dropped = 0
        """Lines that could not be decoded."""
        self._line = b""

    def begin_anew(self) -> None:
        """Forget half a line: what follows is of another connection."""
        self._line = b""

    def take(self, data: bytes) -> Iterator[NmeaTime]:
        """Yield what the lines that *data* completes say of the time."""
        *lines, self._line = (self._line + data).split(b"\n")
        self._line = self._line[-_LONGEST_LINE:]
        for line in lines:
            try:
                said = decode_nmea(line)
            except WireError:
                self.dropped += 1
                continue
            if said is not None:
                yield said


class NmeaTimeOfDay(SerialTimeOfDay[NmeaTime]):
    """Time of day by a receiver that speaks NMEA 0183."""

    def _make_language(self) -> NmeaSentences:
        return NmeaSentences()

    def _rank(self, said: NmeaTime) -> int:
        return RANKS[said.sentence]
