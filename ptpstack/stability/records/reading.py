"""Lines to records: what all formats share."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import NamedTuple, TypeAlias

from ptpstack.errors import PtpstackError

DETECTION_LINES = 2000
"""A format must show itself in so many lines."""

NEW_PART_AFTER_S = 1.0
"""Times that go back by more than this begin another record (a reboot, files put together)."""


class RecordError(PtpstackError):
    """A file that no offsets can be read from."""


class Sample(NamedTuple):
    """One offset, local - master, of the series called *series*; *locked* where the line says it."""

    series: str
    time_s: float
    offset_ns: float
    locked: bool | None = None
    utc: str = ""


class Extremes(NamedTuple):
    """What a summary line tells of many offsets: no single one, and no sign."""

    series: str
    time_s: float
    rms_ns: float
    max_ns: float


LineReader: TypeAlias = Callable[[str], Sample | Extremes | None]
"""Takes each line in turn; ``None``: nothing measured in it. Raises ``ValueError`` with what is wrong with a line."""


@dataclass(frozen=True)
class Format:
    """A kind of file: its *name* for ``--format``, a *title*, and the *sign* that its offsets are written with.

    *reader* makes the reader of one file, given the sampling interval if the user knows it.
    """

    name: str
    title: str
    sign: str
    reader: Callable[[float | None], LineReader]


@dataclass
class Record:
    """The offsets of one clock in one file, local - master; or, with *extremes*, only summaries of them."""

    name: str
    form: Format
    times_s: array[float] = field(default_factory=lambda: array("d"))
    offsets_ns: array[float] = field(default_factory=lambda: array("d"))
    extremes: list[Extremes] = field(default_factory=list)
    unlocked: int = 0
    locked_from_s: float | None = None
    """The time after the last sample of a servo that was not locked."""
    starts_utc: str = ""
    notes: list[str] = field(default_factory=list)

    def take(self, found: Sample | Extremes) -> None:
        """Add what was found in a line."""
        if isinstance(found, Extremes):
            self.extremes.append(found)
            return
        self.times_s.append(found.time_s)
        self.offsets_ns.append(found.offset_ns)
        self.starts_utc = self.starts_utc or found.utc
        if found.locked is False:
            self.unlocked += 1
            self.locked_from_s = None
        elif self.locked_from_s is None:
            self.locked_from_s = found.time_s

    def last_time_s(self) -> float:
        """Return the time of the newest line; -infinity of none."""
        times = [self.times_s[-1]] if self.times_s else []
        times += [self.extremes[-1].time_s] if self.extremes else []
        return max(times, default=-math.inf)


def read_as(form: Format, lines: Iterable[str], source: str, tau0_s: float | None) -> list[Record]:
    """Return every record in *lines*, which are of *form*. Raises :class:`RecordError`."""
    records: dict[str, list[Record]] = {}
    incomplete = ""
    for number, found in _found(form, lines, source, tau0_s):
        if isinstance(found, str):
            incomplete = f"line {number} is incomplete and was left out ({found})"
            continue
        parts = records.setdefault(found.series, [])
        if not parts or found.time_s < parts[-1].last_time_s() - NEW_PART_AFTER_S:
            name = f"{found.series}, part {len(parts) + 1}" if parts else found.series
            parts.append(Record(name, form))
        parts[-1].take(found)
    everything = [record for parts in records.values() for record in parts]
    if not everything:
        raise RecordError(
            f"no offset in it, read as {form.title}",
            where=source,
            next_step="record for longer, or see whether --format names the right one",
        )
    if incomplete:
        everything[-1].notes.append(incomplete)
    return everything


def read_detected(formats: Iterable[Format], lines: Iterable[str], source: str, tau0_s: float | None) -> list[Record]:
    """Return every record in *lines*, read as the first format that finds an offset in one of the first lines."""
    rest = iter(lines)
    head = list(islice(rest, DETECTION_LINES))
    form = _detect(list(formats), head, tau0_s)
    if form is None:
        raise RecordError(
            "not a format that can be read",
            where=source,
            why=f"no offset found in the first {len(head)} lines",
            next_step="name the format with --format",
        )
    return read_as(form, chain(head, rest), source, tau0_s)


def _detect(formats: list[Format], head: list[str], tau0_s: float | None) -> Format | None:
    readers = [(form, form.reader(tau0_s if tau0_s is not None else 1.0)) for form in formats]
    for line in head:
        for form, reader in readers:
            try:
                if reader(line.rstrip("\n")) is not None:
                    return form
            except ValueError:
                continue
    return None


def _found(
    form: Format, lines: Iterable[str], source: str, tau0_s: float | None
) -> Iterator[tuple[int, Sample | Extremes | str]]:
    """Yield what is in each line; of a last line that is cut short, its error as text."""
    reader = form.reader(tau0_s)
    for number, line in enumerate(lines, 1):
        try:
            found = reader(line.rstrip("\r\n"))
        except ValueError as error:
            if not line.endswith("\n"):  # still being written, or cut
                yield number, str(error)
                return
            raise RecordError(
                "not a line of this format", where=f"{source}:{number}", why=f"{error}; read as {form.title}"
            ) from error
        if found is not None:
            yield number, found


def finite(text: str | float) -> float:
    """Return *text* as a number. Raises ``ValueError`` for anything else, and for infinities and NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value
