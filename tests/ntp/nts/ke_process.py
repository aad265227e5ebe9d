"""The server of NTS-KE as it runs: a process, read by its events."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from ntp.nts.ke_server import KeServerSettings


class KeServerProcess:
    """Serves on a free port of the loopback (or where told) until the ``with`` ends."""

    def __init__(self, folder: Path, certificate: tuple[Path, Path], **settings: object) -> None:
        self.settings = KeServerSettings(
            certificate_file=str(certificate[0]),
            key_file=str(certificate[1]),
            **{"listen": ("127.0.0.1",), "port": 0, "master_key_file": str(folder / "master.json")} | settings,
        )
        self._file = folder / "ke.json"
        self._file.write_bytes(msgspec.json.encode(self.settings))
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ntp.nts.ke_server", str(self._file)], stdout=subprocess.PIPE
        )
        self._rest = b""
        listening = self.wait_for("ServerListening")
        self.port = int(min(listening["addresses"]).rpartition(" ")[2])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10)
        assert self._process.stdout
        self._process.stdout.close()

    def wait_for(self, event: str, within_s: float = 15) -> dict[str, Any]:
        """Return the next event of that name; those before it are kept in ``events`` as well."""
        seen = len(self.events)
        end = time.monotonic() + within_s
        while True:
            for found in self.events[seen:]:
                if found["event"] == event:
                    return found
            seen = len(self.events)
            assert time.monotonic() < end, f"no {event} in {self.events}"
            self._read()

    def _read(self) -> None:
        assert self._process.stdout
        if not select.select([self._process.stdout], [], [], 0.2)[0]:
            assert self._process.poll() is None, f"the server ended with {self._process.returncode}"
            return
        *lines, self._rest = (self._rest + os.read(self._process.stdout.fileno(), 65536)).split(b"\n")
        self.events += [json.loads(line) for line in lines]
