"""Programs that run beside the checks; our daemon among them, with what it tells of itself."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.vm.guest.bed import soon

RESULTS = Path(os.environ.get("RESULTS", "."))

START_S = 600
"""In the guest's time, which runs ahead while the host is slow to hand it the files of a program."""

CONFIGURATION = """
{configuration}
[log]
level = "notice"
event_file = "{events}"
[control]
socket = "{socket}"
[state]
directory = "{state}"
time_floor = {floor}
"""


class Program:
    """A program, in a network namespace if one is named; leaving the context ends it. Its output is in the results."""

    def __init__(self, name: str, command: Sequence[str | Path], *, namespace: str = "") -> None:
        self.log = RESULTS / f"{name}-{time.monotonic_ns() // 10**9}.log"
        inside = ["ip", "netns", "exec", namespace] if namespace else []
        with self.log.open("w") as log:
            self.process = subprocess.Popen([*inside, *command], stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failure: type[BaseException] | None = None, *_: object) -> None:
        self.process.terminate()
        self.process.wait()
        if failure:
            print(self.log.read_text()[-5000:])  # noqa: T201 (kept in the output)


class Daemon(Program):
    """Our daemon: what it says of itself, and the events that it has recorded.

    The guest lives in the past, before this program was installed: *floor* tells whether that counts.
    """

    def __init__(
        self, name: str, configuration: str, *, namespace: str = "", state: str = "", floor: bool = False
    ) -> None:
        self.socket, self._events = f"/run/{name}.socket", Path(f"/run/{name}.events")
        for leftover in (Path(self.socket), self._events):
            leftover.unlink(missing_ok=True)
        file = Path(f"/run/{name}.toml")
        file.write_text(
            CONFIGURATION.format(
                configuration=configuration,
                events=self._events,
                socket=self.socket,
                state=state,
                floor=str(floor).lower(),
            )
        )
        super().__init__(name, [sys.executable, "-m", "ptpstack", "run", "-c", file], namespace=namespace)

    def events(self, kind: str) -> list[dict[str, Any]]:
        """What was told of one kind."""
        lines = self._events.read_text().splitlines() if self._events.exists() else []
        return [event for event in map(json.loads, lines) if event["event"] == kind]

    def status(self) -> dict[str, Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(self.socket)
            client.sendall(b'{"get": "status"}\n')
            with client.makefile("rb") as answer:
                return json.loads(answer.readline())["status"]

    def wait_until_ready(self) -> None:
        def answers() -> bool:
            assert self.process.poll() is None, self.log.read_text()
            try:
                return bool(self.status())
            except OSError:
                return False

        soon(answers, START_S)

    def end(self) -> None:
        """Ask it to end, and wait until it has, without complaint."""
        self.process.terminate()
        assert self.process.wait(30) == 0, self.log.read_text()
