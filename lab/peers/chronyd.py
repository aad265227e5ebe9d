"""chrony's chronyd (4.3 and newer) as an NTP server or client that never touches a clock (``-x``), and chronyc.

What lives here: a configuration from lines, start and stop, what chronyc says. What does not: what is expected of it.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from lab.namespaces import Node, stop
from ptpstack.errors import PtpstackError

_START_TIMEOUT_S = 10.0


class ChronydError(PtpstackError):
    """chronyd did not start, or chronyc got no answer."""


class Chronyd:
    """A chronyd in a node with *lines* of configuration; *keys* are lines of its key file, *program* what runs it."""

    program: Sequence[str] = ("chronyd",)

    def __init__(self, node: Node, directory: Path, lines: Sequence[str], keys: Sequence[str] = ()) -> None:
        self.node, self.directory = node, directory
        self.log = directory / "chronyd.log"
        self._socket = directory / "chronyd.sock"
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)  # else it refuses to make its socket here
        key_file = directory / "chrony.keys"
        key_file.write_text("".join(f"{line}\n" for line in keys))
        key_file.chmod(0o600)
        common = [
            f"bindcmdaddress {self._socket}",
            "cmdport 0",
            f"pidfile {directory / 'chronyd.pid'}",
            f"keyfile {key_file}",
        ]
        self.configuration = directory / "chrony.conf"
        self.configuration.write_text("".join(f"{line}\n" for line in [*common, *lines]))

    @classmethod
    def server(cls, node: Node, directory: Path, *lines: str, keys: Sequence[str] = ()) -> Chronyd:
        """Return one that serves this machine's time as stratum 1 to all who ask."""
        return cls(node, directory, ["local stratum 1", "allow", *lines], keys)

    def start(self) -> None:
        """Start it and wait until it answers chronyc. Raises ``ChronydError`` with its own words."""
        command = [*self.program, "-x", "-d", "-u", "root", "-f", str(self.configuration)]
        self._process = self.node.start(command, self.log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while True:
            try:
                self.ask("tracking")
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    why = self.log.read_text(errors="replace")[-1000:]
                    raise ChronydError("chronyd does not serve", where=self.node.name, why=why) from error
                time.sleep(0.1)
            else:
                return

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            stop([self._process])

    def ask(self, *command: str) -> str:
        """Return what chronyc prints for *command*. Raises ``CalledProcessError``."""
        return self.node.run(["chronyc", "-n", "-h", str(self._socket), *command], timeout_s=5)

    def server_statistics(self) -> dict[str, int]:
        """Return the counters of `chronyc serverstats` by the words it has for them."""
        lines = (line.partition(":") for line in self.ask("serverstats").splitlines())
        return {name.strip(): int(value) for name, _, value in lines if value.strip().isdecimal()}
