"""The server of NTS-KE as the timing process sees it: a process without rights, which is handed its certificate.

Certificate and private key may be files that only root reads, also the renewed ones. So this process, which does not
look into them, puts them into memory that it shares with that one. What lives here: that, and nothing of TLS.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from ntp.nts import ke_settings
from ntp.nts.events import (
    CertificateLoaded,
    CertificateUnusable,
    ClientFailed,
    ClientServed,
    MasterKeyCreated,
    MasterKeyNotSaved,
    MasterKeyReplaced,
    MasterKeySaved,
    MasterKeyTurned,
    MasterKeyUnusable,
    ServerFull,
    ServerListening,
)
from ptpstack.daemon.child_process import ChildProcess
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import ConfigError
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval

LOOK_EVERY: TimeInterval = 2 * SECOND
SAYS = (
    CertificateLoaded,
    CertificateUnusable,
    ClientFailed,
    ClientServed,
    MasterKeyCreated,
    MasterKeyNotSaved,
    MasterKeyReplaced,
    MasterKeySaved,
    MasterKeyTurned,
    MasterKeyUnusable,
    ServerFull,
    ServerListening,
)
"""The events of that process."""


class SharedFile:
    """The content of *path* in memory that a child inherits as ``fd``; :meth:`refresh` follows a file that is replaced.

    Raises ``ConfigError`` where it cannot be read.
    """

    def __init__(self, path: str, key: str) -> None:
        self.path, self._key = Path(path), key
        self.fd = os.memfd_create(self.path.name)
        self._seen: tuple[int, int, int] | None = None
        self._copy()

    @property
    def name(self) -> str:
        """Where a child that inherited it finds it."""
        return f"/proc/self/fd/{self.fd}"

    def refresh(self) -> None:
        """Copy the file again if it is another one; while it is away the old content goes on."""
        try:
            status = self.path.stat()
            if (status.st_ino, status.st_mtime_ns, status.st_size) != self._seen:
                self._copy()
        except (OSError, ConfigError):
            return

    def close(self) -> None:
        """Let go of the memory."""
        os.close(self.fd)

    def _copy(self) -> None:
        try:
            with self.path.open("rb") as file:
                status = os.fstat(file.fileno())
                content = file.read(1 << 20)
        except OSError as error:
            raise ConfigError(
                "cannot be read", where=f"ntp.server.nts.{self._key} {self.path}", why=str(error.strerror)
            ) from error
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, content, 0)
        self._seen = (status.st_ino, status.st_mtime_ns, status.st_size)


class SharedFolder:
    """The folder of *path*, which a child reaches by a descriptor, whatever the folders around it allow it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)

    @property
    def name(self) -> str:
        """Where a child that inherited the descriptor finds the file."""
        return f"/proc/self/fd/{self.fd}/{self.path.name}"

    def close(self) -> None:
        """Let go of the folder."""
        os.close(self.fd)


class KeysProcess:
    """Runs the server of NTS-KE by *settings*, whose files are those of *certificate* and *private_key*."""

    def __init__(
        self,
        settings: Callable[[], ke_settings.KeServerSettings],
        certificate: SharedFile,
        private_key: SharedFile,
        master_key: SharedFolder,
        *,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self._files = (certificate, private_key)
        self._shared = (certificate, private_key, master_key)
        self._settings = settings
        self._timer = loop.timer(self._look)
        self._process = ChildProcess(
            "the NTS-KE server",
            "ntp.nts.ke_server",
            lambda: msgspec.json.encode(settings()),
            fds=[shared.fd for shared in self._shared],
            events=SAYS,
            names={shared.name: str(shared.path) for shared in self._shared},
            loop=loop,
            recorder=recorder,
        )

    def start(self) -> None:
        """Start it."""
        self._process.start()
        self._look()

    def stop(self) -> None:
        """End it."""
        self._timer.close()
        self._process.stop()
        for shared in self._shared:
            shared.close()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        settings = self._settings()
        return {
            "pid": self._process.pid,
            "starts": self._process.starts,
            "port": settings.port,
            "certificate": str(self._shared[0].path),
            "master_key_file": str(self._shared[2].path),
        }

    def _look(self) -> None:
        self._timer.set(monotonic_now() + LOOK_EVERY)
        for file in self._files:
            file.refresh()
