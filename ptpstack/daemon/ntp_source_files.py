"""NTP sources that come and go while the daemon runs: a directory of files that DHCP clients and admins write.

Each ``NAME.toml`` holds ``[[source]]`` tables with the keys of ``[[ntp.source]]``. Read at the start, again at SIGHUP.
A file that is wrong is told and passed over; what it said before is not kept.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import ClassVar

import msgspec

from ptpstack.config.ntp_rules import ntp_source_problems
from ptpstack.config.ntp_table import NtpSource
from ptpstack.config.source import Source, lines_of
from ptpstack.config.table import Table
from ptpstack.daemon.ntp_driver import NtpDriver
from ptpstack.daemon.ntp_source import NtpSourceState
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder


class _File(Table, frozen=True):
    source: tuple[NtpSource, ...] = ()


class SourcesRead(Event, frozen=True, kw_only=True):
    """The directory of sources says something else than before."""

    severity: ClassVar[Severity] = Severity.NOTICE

    directory: str
    added: tuple[str, ...]
    removed: tuple[str, ...]

    def __str__(self) -> str:
        changes = [f"asks {name}" for name in self.added] + [f"asks {name} no more" for name in self.removed]
        return f"NTP sources of {self.directory}: {', '.join(changes)}"


class SourceRefused(Event, frozen=True, kw_only=True):
    """A file of sources, or one source in it, cannot be used."""

    severity: ClassVar[Severity] = Severity.ERROR

    where: str
    why: str

    def __str__(self) -> str:
        return f"NTP sources of {self.where} are not asked: {self.why}"


def read_sources(directory: str) -> Iterator[tuple[str, NtpSource] | SourceRefused]:
    """Yield each source in the files of *directory* with its file's name, or why a file is no use."""
    for path in sorted(Path(directory).glob("*.toml")):
        try:
            text = path.read_text(encoding="utf-8")
            table = tomllib.loads(text)
            found = msgspec.convert(table, _File)
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
            yield SourceRefused(where=str(path), why=str(error))
            continue
        place = Source(str(path), table, lines_of(text))
        for index, source in enumerate(found.source):
            problems = list(ntp_source_problems(source, ("source", index), place))
            yield from (SourceRefused(where=str(path), why=f"{source.address}: {problem}") for problem in problems)
            if not problems:
                yield str(path), source


class SourceFiles:
    """Keeps the sources of *ntp* beside *configured* ones as the files of *directory* say.

    *places_of* says for which sources one of a file stands; *state_of* makes each, or tells why it cannot be.
    """

    def __init__(
        self,
        directory: str,
        ntp: NtpDriver,
        configured: Collection[NtpSource],
        *,
        places_of: Callable[[NtpSource], list[NtpSource]] = lambda source: [source],
        state_of: Callable[[NtpSource], NtpSourceState | str],
        recorder: Recorder,
    ) -> None:
        self._directory = directory
        self._ntp = ntp
        self._names = {source.address for source in configured}
        self._places_of = places_of
        self._state_of = state_of
        self._recorder = recorder
        self._states: dict[str, NtpSourceState] = {}

    def read(self) -> None:
        """Ask what the files say now, and nobody else."""
        wanted: dict[str, NtpSource] = {}
        names = set(self._names)
        for found in read_sources(self._directory):
            if isinstance(found, SourceRefused):
                self._recorder.record(found)
                continue
            where, source = found
            if source.address in names:
                self._recorder.record(SourceRefused(where=where, why=f"{source.address} is asked already"))
            else:
                names.add(source.address)
                wanted |= {place.address: place for place in self._places_of(source)}
        removed = [name for name, state in self._states.items() if wanted.get(name) != state.config]
        for name in removed:
            self._ntp.remove_source(self._states.pop(name))
        added = []
        for name, source in wanted.items():
            if name not in self._states and self._add(source):
                added.append(name)
        if added or removed:
            self._recorder.record(SourcesRead(directory=self._directory, added=tuple(added), removed=tuple(removed)))

    def _add(self, source: NtpSource) -> bool:
        state = self._state_of(source)
        if isinstance(state, str):
            self._recorder.record(SourceRefused(where=self._directory, why=f"{source.address}: {state}"))
            return False
        self._states[source.address] = state
        self._ntp.add_source(state)
        return True
