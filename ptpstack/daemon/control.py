"""The control socket: one JSON request a line, answered by JSON lines; nothing a client does can hold up the loop.

Requests: ``{"get": "status"}``, ``{"get": "time", "clock": "system"}``, ``{"get": "events", "last": 50, "follow":
true}``, ``{"do": "synce", "command": "lockout", "source": "eth0"}``. Answers: ``{"status": …}``, ``{"time": …}`` by
clock, ``{"event": …}`` lines and then ``{"end": true}`` unless following, ``{"done": …}``; ``{"error": "…"}`` for
anything else.

What lives here: the server. What does not: what a status says (``observe/status.py``), the client (``cli``).
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import socket
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ptpstack.daemon.loop import Loop
from ptpstack.errors import PtpstackError
from ptpstack.observe.recorder import Record, Recorder

REQUEST_MAX = 4096
WAITING_MAX = 1 << 20
CLIENTS_MAX = 16
ANSWERS_A_ROUND = 8


class ControlError(PtpstackError):
    """The control socket cannot be served; ``is_permission``: for lack of rights, not for a conflict."""

    is_permission = False


class ControlServer:
    """Serve *status* and the recorder's events at the UNIX stream socket *path*, readable as *mode* says.

    Raises :class:`ControlError` when a live process serves it already, or the path cannot be used.
    """

    def __init__(
        self,
        loop: Loop,
        path: str,
        *,
        mode: int,
        status: Callable[[], dict[str, Any]],
        recorder: Recorder,
        times: Callable[[str | None], dict[str, Any]] = lambda _clock: {},
        do: Callable[[str, str, str], None] | None = None,
    ) -> None:
        self._loop = loop
        self._path = Path(path)
        self.status = status
        self.times = times
        self.do = do
        self.recorder = recorder
        self._clients: set[_Client] = set()
        self._socket = _listen(self._path, mode)
        self._inode = self._path.stat().st_ino
        self._spare = _spare_descriptor()
        loop.watch(self._socket.fileno(), self._accept)

    def close(self) -> None:
        """Drop every client and remove the socket file, unless another process has replaced it."""
        for client in list(self._clients):
            client.close()
        self._loop.unwatch(self._socket.fileno())
        self._socket.close()
        self._spare.close()
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def forget(self, client: _Client) -> None:
        """*client* is gone."""
        self._clients.discard(client)

    def _accept(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._turn_away()
            return  # gone again, or turned away: the client sees it
        if len(self._clients) >= CLIENTS_MAX:
            connection.close()
            return
        self._clients.add(_Client(self._loop, self, connection))

    def _turn_away(self) -> None:
        """End a connection for which no descriptor is left, by the spare one: the socket would call for ever."""
        self._spare.close()
        with contextlib.suppress(OSError):
            self._socket.accept()[0].close()
        with contextlib.suppress(OSError):
            self._spare = _spare_descriptor()


class _Client:
    """One connection: a few answers a round of the loop, none while earlier ones wait to be read."""

    def __init__(self, loop: Loop, server: ControlServer, connection: socket.socket) -> None:
        self._loop = loop
        self._server = server
        self._connection = connection
        self._received = b""
        self._answers: Iterator[dict[str, Any]] | None = None
        self._waiting = bytearray()
        connection.setblocking(False)
        loop.watch(connection.fileno(), self._on_readable)

    def close(self) -> None:
        """End the connection."""
        self._server.recorder.remove_sink(self._send_event)
        self._loop.unwatch(self._connection.fileno())
        self._connection.close()
        self._answers = None  # it refers to this object: garbage that only a full collection would find
        self._server.forget(self)

    def _on_readable(self) -> None:
        try:
            data = self._connection.recv(REQUEST_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        self._received += data
        if not data or (len(self._received) > REQUEST_MAX and b"\n" not in self._received):
            self.close()
            return
        self._go_on()

    def _go_on(self) -> None:
        """Write what waits, give the next few answers, and wait for what is due after them."""
        self._flush()
        for _ in range(ANSWERS_A_ROUND):
            if self._waiting or self._is_closed:
                break
            if self._answers is None:
                line, newline, rest = self._received.partition(b"\n")
                if not newline:
                    break
                self._received = rest
                self._answers = self._answers_to(line)
            answer = next(self._answers, None)
            if answer is None:
                self._answers = None
            else:
                self._send(answer)
        self._watch()

    def _answers_to(self, line: bytes) -> Iterator[dict[str, Any]]:
        try:
            request = json.loads(line)
        except (ValueError, RecursionError):
            request = None
        match request:
            case {"get": "status"}:
                yield {"status": self._server.status()}
            case {"get": "time"}:
                clock = request.get("clock")
                yield {"time": self._server.times(clock if isinstance(clock, str) else None)}
            case {"get": "events"}:
                last = request.get("last", 0)
                yield from self._events(last if isinstance(last, int) else 0, follow=request.get("follow") is True)
            case {"do": str(what), "command": str(command), "source": str(source)} if self._server.do:
                try:
                    self._server.do(what, command, source)
                except PtpstackError as error:
                    yield {"error": str(error)}
                else:
                    yield {"done": command}
            case _:
                yield {"error": 'not a request: send {"get": "status"}, {"get": "events"} or {"get": "time"} as a line'}

    def _events(self, last: int, *, follow: bool) -> Iterator[dict[str, Any]]:
        recorder = self._server.recorder
        newest = recorder.last(1)
        sequence = newest[-1].sequence if newest else 0
        for record in recorder.last(last):
            yield {"event": record.as_dict()}
        if not follow:
            yield {"end": True}
            return
        for record in recorder.last():
            if record.sequence > sequence:  # it came while the others were written
                yield {"event": record.as_dict()}
        recorder.remove_sink(self._send_event)
        recorder.add_sink(self._send_event)

    def _send_event(self, record: Record) -> None:
        self._send({"event": record.as_dict()})
        self._watch()

    def _send(self, answer: dict[str, Any]) -> None:
        self._waiting += json.dumps(answer, separators=(",", ":")).encode() + b"\n"
        self._flush()
        if len(self._waiting) > WAITING_MAX:
            self.close()  # a reader this slow gets nothing more

    def _flush(self) -> None:
        if not self._waiting:
            return
        try:
            del self._waiting[: self._connection.send(self._waiting)]
        except BlockingIOError:
            pass
        except OSError:
            self.close()

    @property
    def _is_closed(self) -> bool:
        return self._connection.fileno() < 0

    def _watch(self) -> None:
        """Wait for room while something is to be said, else for the next request."""
        if self._is_closed:
            return
        busy = self._waiting or self._answers is not None or b"\n" in self._received
        if busy:
            self._loop.watch(self._connection.fileno(), None, self._go_on)
        else:
            self._loop.watch(self._connection.fileno(), self._on_readable)


def _spare_descriptor() -> io.FileIO:
    return io.FileIO(os.devnull)


def _listen(path: Path, mode: int) -> socket.socket:
    where = str(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not stat.S_ISSOCK(path.stat().st_mode):
            raise ControlError("is a file, not a socket", where=where, next_step="choose another [control] socket")
        if path.exists():
            _remove_stale(path)
        listener = _bound(where, mode)
        listener.listen(CLIENTS_MAX)
    except OSError as error:
        refusal = ControlError(
            "cannot serve the control socket",
            where=where,
            why=error.strerror or str(error),
            next_step="set [control] socket to a path this user may write, or to an empty one for no socket",
        )
        refusal.is_permission = error.errno in (errno.EACCES, errno.EPERM, errno.EROFS)
        raise refusal from error
    return listener


def _bound(path: str, mode: int) -> socket.socket:
    """Return a socket bound to *path*, whose file never has more rights than *mode*."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    mask = os.umask(0o777 & ~mode)
    try:
        listener.bind(path)
    except OSError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _remove_stale(path: Path) -> None:
    """Unlink a socket file that nobody listens at; raise ControlError when somebody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(str(path))
        except OSError as error:
            if error.errno == errno.ECONNREFUSED:
                path.unlink()
                return
            if error.errno != errno.EAGAIN:  # EAGAIN: somebody listens, but its queue is full
                raise
    raise ControlError(
        "another ptpstack is running",
        where=str(path),
        why="it answers at this control socket",
        next_step="stop it, or give this one another [control] socket",
    )
