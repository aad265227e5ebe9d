"""Keeps a server's cookies in step with the calendar and with the master key file: made, turned, dropped anew.

Every process that seals or opens cookies has one and calls ``refresh`` now and then. One process of a machine *writes*:
the server of NTS-KE; the others follow.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ntp.nts.cookies import CookieJar
from ntp.nts.events import (
    MasterKeyCreated,
    MasterKeyNotSaved,
    MasterKeyReplaced,
    MasterKeySaved,
    MasterKeyTurned,
    MasterKeyUnusable,
)
from ntp.nts.master_keys import DEFAULT_ROTATION_S, SECRET_OCTETS, MasterKey, MasterKeyFile
from ptpstack.errors import ConfigError
from ptpstack.events import Event


class KeyKeeper:
    """The cookies of the master key in the file *path*; a writer makes the file if there is none.

    Raises ``ConfigError`` where the file cannot be used, or a reader finds none.
    """

    def __init__(
        self,
        path: Path,
        *,
        now_s: int,
        random_octets: Callable[[int], bytes],
        writes: bool,
        rotation_s: int = DEFAULT_ROTATION_S,
    ) -> None:
        self._path = path
        self._file = MasterKeyFile(path)
        self._writes = writes
        self._complained = False
        self._unsaved: MasterKey | None = None
        """What is to be saved, and could not be."""
        self.events: list[Event] = []
        """What happened at the start."""
        if writes and not path.exists():
            self._file.save(MasterKey.new(random_octets(SECRET_OCTETS), now_s, rotation_s))
            self.events.append(MasterKeyCreated(path=str(path)))
        self.jar = CookieJar(self._file.load(), random_octets)
        self.events += self.refresh(now_s)

    def refresh(self, now_s: int) -> list[Event]:
        """Take the keys of UTC second *now_s*, from a file that somebody dropped if there is one. Call it each second.

        A file that cannot be used changes nothing and is complained of once; so is one that cannot be written, which
        is tried again each time.
        """
        events: list[Event] = []
        try:
            if self._file.changed():
                turned = self.jar.replace(self._file.load(), now_s)
                self._unsaved = None  # it was of the key before
                events.append(MasterKeyReplaced(path=str(self._path)))
            else:
                turned = self.jar.turn_to(now_s)
            self._complained = False
        except ConfigError as error:
            if not self._complained:
                events.append(MasterKeyUnusable(error=str(error)))
            self._complained = True
            return events
        if turned is not None:
            events.append(MasterKeyTurned(path=str(self._path), period=turned.period))
        return events + (self._save(turned) if self._writes else [])

    def _save(self, turned: MasterKey | None) -> list[Event]:
        """Save *turned*, or what could not be saved before."""
        failed_before = self._unsaved is not None
        self._unsaved = turned or self._unsaved
        if self._unsaved is None:
            return []
        try:
            self._file.save(self._unsaved)
        except ConfigError as error:
            return [] if failed_before else [MasterKeyNotSaved(error=str(error))]
        self._unsaved = None
        return [MasterKeySaved(path=str(self._path))] if failed_before else []
