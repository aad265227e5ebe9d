"""Our own daemon in a node of a network: started from TOML, asked over its control socket.

What lives here: start, stop, status, the event stream, and the true offset of its soft clock.
What does not: other people's programs (`lab.peers`), what a status means (`ptpstack.observe`).
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from hw.soft_clock import Segment
from lab.namespaces import Node, stop
from ptpstack.errors import PtpstackError

PTPSTACK = [sys.executable, "-m", "ptpstack"]
_ANSWER_TIMEOUT_S = 10.0


class DaemonError(PtpstackError):
    """The daemon ended, or does not answer."""


class Daemon:
    """A ``ptpstack run`` in a node, with *configuration* (TOML without `[control]`, `[state]` and `[log]`)."""

    def __init__(
        self, node: Node, directory: Path, configuration: str, *, log_format: str = "text", event_file: str = ""
    ) -> None:
        self.node, self.directory = node, directory
        self.log = directory / "ptpstack.log"
        self.socket = directory / "control.sock"
        self.program: list[str] = PTPSTACK
        """What runs it; a test may put a wrapper before it."""
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.configuration = directory / "ptpstack.toml"
        self.configuration.write_text(
            f"{configuration}\n"
            f'[control]\nsocket = "{self.socket}"\n\n'
            f'[state]\ndirectory = "{directory}"\n\n'
            f'[log]\nformat = "{log_format}"\nevent_file = "{event_file}"\n'
        )

    def start(self) -> None:
        """Start it, without waiting for it."""
        command = [*self.program, "run", "-c", str(self.configuration)]
        self._process = self.node.start(command, self.log)

    def wait_until_ready(self) -> None:
        """Return once it answers; DaemonError with its own words when it does not."""
        self.wait_until(self._listens, 30, "opened its control socket")
        self.status()

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            return connection.connect_ex(str(self.socket)) == 0

    def stop(self) -> int:
        """Stop it and return its exit code."""
        if self._process is None:
            return 0
        stop([self._process])
        return self._process.returncode

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process is not None
        return self._process.pid

    def status(self) -> dict[str, Any]:
        """Return what ``ptpstack status --json`` shows."""
        answer: dict[str, Any] = next(self._ask({"get": "status"}))["status"]
        return answer

    def says(self, command: str) -> str:
        """Return what ``ptpstack status`` or ``why`` prints."""
        done = subprocess.run(
            [*PTPSTACK, command, "--socket", str(self.socket)], capture_output=True, text=True, check=False
        )
        return done.stdout

    def events(self) -> list[dict[str, Any]]:
        """Return the events it keeps, oldest first."""
        return [answer["event"] for answer in self._ask({"get": "events", "last": 1000}) if "event" in answer]

    def follow_events(self, take: Callable[[dict[str, Any]], None]) -> None:
        """Call *take* with every event from its start on, in a thread that ends with the daemon."""

        def work() -> None:
            for answer in self._ask({"get": "events", "last": 1000, "follow": True}, timeout_s=None):
                take(answer["event"])

        threading.Thread(target=work, daemon=True).start()

    def wait_until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until *holds* (it *what*); DaemonError with the end of its log when it ends, or too much time passes."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > deadline:
                why = "it ended" if ended else f"not within {timeout_s:g} s"
                raise DaemonError(f"never {what}", where=self.node.name, why=f"{why}; its log ends:\n{self.tail()}")
            time.sleep(0.05)

    def tail(self, lines: int = 15) -> str:
        """Return the end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def _ask(self, request: dict[str, Any], timeout_s: float | None = _ANSWER_TIMEOUT_S) -> Iterator[dict[str, Any]]:
        """Yield the answers to one request, until the end is said or the daemon hangs up."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout_s)
            try:
                connection.connect(str(self.socket))
                connection.sendall(json.dumps(request).encode() + b"\n")
                with connection.makefile("rb") as lines:
                    for line in lines:
                        answer = json.loads(line)
                        if "end" in answer:
                            return
                        yield answer
            except OSError as error:
                if timeout_s is None:
                    return
                raise DaemonError(
                    "does not answer", where=self.node.name, why=f"{error}; its log ends:\n{self.tail()}"
                ) from error


def verdict(status: dict[str, Any]) -> str:
    """Return the state of the instance `main` in one word."""
    word: str = status["instances"]["main"]["state"]
    return word


def soft_clock(status: dict[str, Any]) -> dict[str, Any]:
    """Return the soft clock `soft` as a status shows it."""
    clock: dict[str, Any] = status["clocks"]["soft"]["soft_clock"]
    return clock


def true_offset_ns(soft_clock: dict[str, Any], at_ns: int) -> float:
    """Return how far ahead of CLOCK_REALTIME a soft clock, as a status shows it, is at the true instant *at_ns*."""
    return Segment(soft_clock["true_epoch_ns"], soft_clock["local_epoch"], soft_clock["rate"]).true_offset_ns(at_ns)
