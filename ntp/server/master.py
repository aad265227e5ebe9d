"""The server's first process: starts the workers, starts again those that end, and tells how they fare.

The timing process starts it with its settings on stdin and reads lines of JSON from its stdout: events, and each
second what the workers count. It ends when the timing process does. It handles no packet, and so keeps its rights:
to start a worker again takes them.
"""

from __future__ import annotations

import gc
import json
import mmap
import os
import select
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from typing import Any

import msgspec

from ntp.child import die_with_parent
from ntp.server.clients import Clients
from ntp.server.counters import OCTETS, Count, Counters
from ntp.server.events import PortShared, ServerStarted, WorkerEnded
from ntp.server.settings import ServerSettings
from ntp.server.sockets import is_taken
from ntp.server.worker import Worker, client_octets
from ptpstack.errors import PtpstackError
from ptpstack.events import Event

_TELL_EVERY_S = 1.0
_FIRST_BACK_OFF_S, _LONGEST_BACK_OFF_S = 0.25, 60.0
_LIVED_S = 30.0
"""A worker that lived so long did not fail at once: the next one is started without much ado."""

_BUSIEST = 10


@dataclass(slots=True)
class _Place:
    """One worker's place: who has it, since when, and its memory."""

    number: int
    counters: memoryview
    clients: memoryview
    pid: int = 0
    begun: float = 0.0
    start_at: float = 0.0
    back_off_s: float = _FIRST_BACK_OFF_S


class Master:
    """Runs the workers of *settings*."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        size = client_octets(settings)
        self._places = [
            _Place(number, memoryview(mmap.mmap(-1, OCTETS)), memoryview(mmap.mmap(-1, size)))
            for number in range(settings.workers)
        ]
        self._ended = False

    def run(self) -> int:
        """Serve until stdin ends."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        gc.collect()
        gc.freeze()  # so that workers do not copy what they share with us
        settings = self._settings
        _say(ServerStarted(addresses=settings.listen, port=settings.port, workers=settings.workers))
        if not settings.namespace:  # which this process must not enter, or it could not come back
            for address in settings.listen:
                if is_taken(address, settings.port):
                    _say(PortShared(address=address, port=settings.port))
        tell_at = time.monotonic()
        while not self._ended:
            now = time.monotonic()
            self._bury()
            for place in self._places:
                if not place.pid and now >= place.start_at:
                    self._start(place)
            if now >= tell_at:
                tell_at = now + _TELL_EVERY_S
                _write({"status": self.status()})
            if select.select([0], [], [], 0.2)[0] and not os.read(0, 4096):
                break
        self._end()
        return 0

    def status(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows; a worker that does not listen has the process 0."""
        numbers = [Counters(place.counters).as_dict() for place in self._places]
        error = Count.DEPARTURE_ERROR_NS.name.lower()
        total = {name: sum(worker[name] for worker in numbers) for name in numbers[0]}
        total[error] = max(worker[error] for worker in numbers)
        tables = [Clients(self._settings.client_table_bits, None, place.clients) for place in self._places]
        clients: dict[str, dict[str, Any]] = {}
        for entry in (entry for table in tables for entry in table.busiest(_BUSIEST)):
            known = clients.setdefault(entry["client"], {"client": entry["client"], "requests": 0, "limited": 0})
            known["requests"] += entry["requests"]
            known["limited"] += entry["limited"]
        busiest = sorted(clients.values(), key=lambda client: -client["requests"])[:_BUSIEST]
        return {
            "workers": [place.pid * worker["is_ready"] for place, worker in zip(self._places, numbers, strict=True)],
            "counts": total,
            "clients": busiest,
        }

    def _on_signal(self, _number: int, _frame: object) -> None:
        self._ended = True

    def _start(self, place: _Place) -> None:
        place.begun = time.monotonic()
        place.counters.cast("Q")[Count.IS_READY] = 0
        sys.stdout.flush()
        place.pid = os.fork()
        if place.pid:
            return
        code = 1
        try:
            Worker(self._settings, place.counters, place.clients, _say).run()
            code = 0
        except PtpstackError as error:
            _say(WorkerEnded(worker=place.number, why=str(error), retry_s=place.back_off_s))
        except BaseException as error:  # noqa: BLE001 (a defect is told by the process that it ends)
            trace = "".join(traceback.format_exception(error))
            _say(WorkerEnded(worker=place.number, why=f"a defect, please report it: {trace}", retry_s=place.back_off_s))
        finally:
            os._exit(code)

    def _bury(self) -> None:
        """Take in which workers have ended."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            place = next(place for place in self._places if place.pid == pid)
            now = time.monotonic()
            if now - place.begun > _LIVED_S:
                place.back_off_s = _FIRST_BACK_OFF_S
            code = os.waitstatus_to_exitcode(status)
            if code != 1:
                why = f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
                _say(WorkerEnded(worker=place.number, why=why, retry_s=place.back_off_s))
            place.pid, place.start_at = 0, now + place.back_off_s
            place.counters.cast("Q")[Count.IS_READY] = 0
            place.back_off_s = min(2 * place.back_off_s, _LONGEST_BACK_OFF_S)

    def _end(self) -> None:
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGTERM)
        deadline = time.monotonic() + 2.0
        while any(place.pid for place in self._places) and time.monotonic() < deadline:
            for place in self._places:
                if place.pid and os.waitpid(place.pid, os.WNOHANG)[0]:
                    place.pid = 0
            time.sleep(0.01)
        for place in self._places:
            if place.pid:
                os.kill(place.pid, signal.SIGKILL)


def _say(event: Event) -> None:
    _write({"event": event.as_dict()})


def _write(line: dict[str, Any]) -> None:
    os.write(1, json.dumps(line).encode() + b"\n")


def main() -> int:
    """Serve by the settings in the first line of stdin."""
    die_with_parent()
    line = sys.stdin.buffer.readline()
    return Master(msgspec.json.decode(line, type=ServerSettings)).run()


if __name__ == "__main__":
    sys.exit(main())
