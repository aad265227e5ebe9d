"""gpsd's own fake receiver, gpsfake, which plays a log to a gpsd that it starts; unpacked and never installed.

Its package would bring a desktop along. It asks before each sentence (``-i``) and is told to go
on when that is due, so that the log is of now. To a pseudo terminal, as it does by itself, gpsd tells all of it by
JSON and writes no shared memory (it takes that for a test); by TCP it does both.

What lives here: fetching it, playing, start and stop. What does not: gpsd and the sentences (``gpsd``).
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lab.namespaces import Node, stop
from lab.packages import unpack
from lab.peers.gpsd import GpsdError
from lab.vm.cache import cached

PACKAGES = ("gpsd-clients", "python3-gps")
_MODULES = "usr/lib/python3/dist-packages"
_FIND_EXECUTABLE = "from shutil import which as find_executable\n"
"""All that it wants of distutils, which Python 3.12 has not any more (it looks for xterm)."""

_START_TIMEOUT_S = 20.0


class Gpsfake:
    """A gpsfake in *node* that plays *log*, each of its seconds with what is said of it, *delay_s* after that.

    *ipc_of* is a process whose shared memory its gpsd writes, else one of its own. Raises PackagesMissingError.
    """

    def __init__(
        self,
        node: Node,
        directory: Path,
        log: Sequence[tuple[int, Sequence[bytes]]],
        *,
        delay_s: float = 0.2,
        by_tcp: bool = False,
        ipc_of: int | None = None,
    ) -> None:
        self._node, self._directory = node, directory
        self._due = [(second + delay_s, sentence) for second, sentences in log for sentence in sentences]
        self._ipc_of = ipc_of
        self._options = ["-t"] if by_tcp else []
        directory.mkdir(parents=True, exist_ok=True)
        self.output = directory / "gpsfake.out"
        self._play = directory / "receiver.log"
        self._play.write_bytes(b"".join(sentence for _, sentence in self._due))
        self._tree = cached("gpsfake", [" ".join(PACKAGES).encode(), _FIND_EXECUTABLE.encode()], _fetch)
        self._process: subprocess.Popen[bytes] | None = None
        self._player: threading.Thread | None = None
        self._ended = threading.Event()

    def start(self) -> None:
        """Start it and wait until its gpsd takes connections. Raises ``GpsdError``."""
        apart = ["unshare", "--ipc"] if self._ipc_of is None else ["nsenter", "--ipc", "--target", str(self._ipc_of)]
        together = ["unshare", "--pid", "--fork", "--kill-child"]  # its gpsd ends with it, however that ends
        command = [sys.executable, str(self._tree / "usr/bin/gpsfake"), "-i", "-n", "-P", "2947", *self._options]
        environment = os.environ | {
            "PYTHONPATH": str(self._tree / _MODULES),
            "LD_LIBRARY_PATH": str(next((self._tree / "usr/lib").glob("*/libgpsdpacket.so")).parent),
            "TMPDIR": str(self._directory),  # for the control socket, else by its process number alone
        }
        self._process = self._node.start(
            [*apart, *together, *command, str(self._play)], self.output, environment, stdin=subprocess.PIPE
        )
        deadline = time.monotonic() + _START_TIMEOUT_S
        while "127.0.0.1:2947" not in self._node.run(["ss", "-H", "-l", "-t", "-n"]):
            if self._process.poll() is not None or time.monotonic() > deadline:
                why = self.output.read_text(errors="replace")[-1000:]
                raise GpsdError("gpsfake's gpsd does not serve", where=self._node.name, why=why)
            time.sleep(0.1)
        self._player = threading.Thread(target=self._tell_when, daemon=True)
        self._player.start()

    def stop(self) -> None:
        """Stop it and its gpsd."""
        self._ended.set()
        if self._player:
            self._player.join()
        if self._process and self._process.stdin:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_START_TIMEOUT_S)
            stop([self._process])

    def _tell_when(self) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        for due_s, _ in self._due:
            if self._ended.wait(max(0.0, due_s - time.time())):
                return
            try:
                self._process.stdin.write(b"\n")
                self._process.stdin.flush()
            except BrokenPipeError:
                return


def _fetch(target: Path) -> None:
    unpack(target, PACKAGES)
    distutils = target / _MODULES / "distutils"
    distutils.mkdir()
    (distutils / "__init__.py").touch()
    (distutils / "spawn.py").write_text(_FIND_EXECUTABLE)
