"""Lines to a descriptor whose reader may be slow or gone: kept for a while, then dropped and counted, never waited for.

What lives here: the writing. What does not: how a line looks (``observe/formats``).
"""

from __future__ import annotations

import os
import select
from collections import deque
from collections.abc import Callable, Iterable

from ptpstack.observe.recorder import Record, Sink
from ptpstack.words import counted

LINES_WAITING_MAX = 1000


class LineWriter:
    """Write lines to *fd* without blocking; *fd* stays in blocking mode, as other programs share it.

    A pipe that ``poll`` calls writable takes ``PIPE_BUF`` bytes at once, so no write is larger. A reader
    that is gone raises ``OSError`` (``BrokenPipeError``).
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._poll = select.poll()
        self._poll.register(fd, select.POLLOUT)
        self._waiting: deque[bytes] = deque()
        self._dropped = 0

    def write_line(self, line: str) -> None:
        """Write *line* and what waited before it, as far as the reader takes it now."""
        if len(self._waiting) >= LINES_WAITING_MAX:
            self._dropped += 1
            self.flush()
            return
        if self._dropped:
            self._waiting.append(
                f"... {counted(self._dropped, 'line')} dropped: the reader of this log is too slow\n".encode()
            )
            self._dropped = 0
        encoded = line.encode(errors="backslashreplace") + b"\n"
        self._waiting.extend(encoded[i : i + select.PIPE_BUF] for i in range(0, len(encoded), select.PIPE_BUF))
        self.flush()

    def flush(self) -> None:
        """Write what waits, as far as the reader takes it now."""
        while self._waiting and any(events & ~select.POLLIN for _, events in self._poll.poll(0)):
            chunk = self._waiting.popleft()
            written = os.write(self._fd, chunk)
            if written < len(chunk):
                self._waiting.appendleft(chunk[written:])


def line_sink(format_record: Callable[[Record], Iterable[str]], writer: LineWriter) -> Sink:
    """Return a sink that writes what *format_record* makes of each record."""

    def write(record: Record) -> None:
        for line in format_record(record):
            writer.write_line(line)

    return write
