"""A process of ours beside this one, kept alive: started, heard, and started again with back-off when it ends.

It reads its settings from stdin, ends when that does, and writes JSON objects to stdout, one a line: ``event``s, and
whatever else its keeper understands. What lives here: that. What does not: what it does.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec

from ntp import child
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime, TimeInterval, interval_to_seconds

FIRST_BACK_OFF: TimeInterval = SECOND // 2
LONGEST_BACK_OFF: TimeInterval = 60 * SECOND
LIVED: TimeInterval = 60 * SECOND
"""A process that lived so long is started again as if it were the first time."""

GRACE, LOOK_EVERY = 200 * MILLISECOND, 5 * MILLISECOND
"""A process that has closed its stdout and does not end in so long is killed; how often it is looked at."""

_MOST_OCTETS = 1 << 20


class ProcessEnded(Event, frozen=True, kw_only=True):
    """A process beside this one ended and is started again; no clock is touched by that."""

    severity: ClassVar[Severity] = Severity.WARNING

    process: str
    why: str
    retry_s: float

    def __str__(self) -> str:
        return f"{self.process} ended ({self.why}); it is started again in {self.retry_s:g} s"


class ChildProcess:
    """Runs ``main()`` of *module* for people called *name*; *settings* is what it is told, *fds* what it inherits.

    *events* are the classes of events that it may tell; ``take`` is called with what else it says. *names* are of files
    that it knows by a descriptor, and people by their path.
    """

    def __init__(
        self,
        name: str,
        module: str,
        settings: Callable[[], bytes],
        *,
        fds: Sequence[int] = (),
        events: Sequence[type[Event]] = (),
        names: Mapping[str, str] | None = None,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self.starts = 0
        self._module, self._settings, self._fds = module, settings, fds
        self._events = {event.__name__: event for event in events}
        self.take: Callable[[dict[str, Any]], None] = lambda _: None
        self._names = {known.encode(): name.encode() for known, name in (names or {}).items()}
        self._loop, self._recorder = loop, recorder
        self._timer = loop.timer(self.start)
        self._burial = loop.timer(self._bury)
        self._kill_at = MonotonicTime(0)
        self._process: subprocess.Popen[bytes] | None = None
        self._unsent = b""
        self._rest = b""
        self._begun = MonotonicTime(0)
        self._back_off = FIRST_BACK_OFF

    @property
    def pid(self) -> int | None:
        """Its process, None while there is none."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it, or try again later."""
        self._begun = monotonic_now()
        try:
            process = subprocess.Popen(  # noqa: S603 (our own interpreter with our own code)
                child.command(self._module),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child.environment(),
                cwd="/",
                pass_fds=self._fds,
            )
        except OSError as error:
            self._try_again(str(error.strerror))
            return
        self.starts += 1
        self._process, self._rest = process, b""
        assert process.stdin is not None
        assert process.stdout is not None
        os.set_blocking(process.stdin.fileno(), False)
        os.set_blocking(process.stdout.fileno(), False)
        self._loop.watch(process.stdout.fileno(), self._on_readable)
        self._unsent = self._settings() + b"\n"
        self._send()

    def stop(self) -> None:
        """End it, at once if it does not do so in good time."""
        self._timer.close()
        self._burial.close()
        process, self._process = self._process, None
        if process is None:
            return
        self._leave(process)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()

    def _send(self) -> None:
        """Write what it takes of the settings now; the rest when it takes more."""
        assert self._process is not None
        assert self._process.stdin is not None
        stdin = self._process.stdin.fileno()
        try:
            self._unsent = self._unsent[os.write(stdin, self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:  # it is gone, as its stdout says
            self._unsent = b""
        if self._unsent:
            self._loop.watch(stdin, None, self._send)
        else:
            self._loop.unwatch(stdin)

    def _leave(self, process: subprocess.Popen[bytes]) -> None:
        """Tell it no more, which bids it end, and hear it no more."""
        assert process.stdin is not None
        assert process.stdout is not None
        for pipe in (process.stdin, process.stdout):
            if not pipe.closed:
                self._loop.unwatch(pipe.fileno())
        process.stdin.close()

    def _on_readable(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        octets = b""
        with contextlib.suppress(BlockingIOError):
            octets = os.read(self._process.stdout.fileno(), 1 << 16)
            if not octets:
                self._hang_up()
                return
        *lines, self._rest = (self._rest + octets).split(b"\n")
        if len(self._rest) > _MOST_OCTETS:
            self._rest = b""
        for line in lines:
            for known, name in self._names.items():
                line = line.replace(known, name)  # noqa: PLW2901 (the same line, as people read it)
            with contextlib.suppress(ValueError, msgspec.ValidationError):  # half a line of a process that was killed
                self._take_line(json.loads(line))

    def _take_line(self, said: dict[str, Any]) -> None:
        told = said.get("event", said)
        kind = told if isinstance(told, Mapping) else said
        if (event_class := self._events.get(str(kind.get("event")))) is not None:
            fields = {key: value for key, value in kind.items() if key != "event"}
            self._recorder.record(msgspec.convert(fields, event_class, strict=False))
        elif "event" not in said:
            self.take(said)

    def _hang_up(self) -> None:
        """Take that it says no more: it ended, or is about to."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._leave(self._process)
        self._process.stdout.close()
        self._kill_at = monotonic_now() + GRACE
        self._bury()

    def _bury(self) -> None:
        """Start it again when it has ended, for which nothing here waits."""
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            now = monotonic_now()
            if now >= self._kill_at:
                self._process.kill()
            self._burial.set(now + LOOK_EVERY)
            return
        self._process = None
        self._try_again(f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}")

    def _try_again(self, why: str) -> None:
        now = monotonic_now()
        if now - self._begun > LIVED:
            self._back_off = FIRST_BACK_OFF
        retry, self._back_off = self._back_off, min(2 * self._back_off, LONGEST_BACK_OFF)
        self._timer.set(now + retry)
        self._recorder.record(ProcessEnded(process=self.name, why=why, retry_s=interval_to_seconds(retry)))
