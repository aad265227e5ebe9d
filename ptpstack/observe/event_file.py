"""The file that every event is appended to, and what rotates it away.

What lives here: opening, and opening again. What does not: when (the daemon's signals), how a line looks (``formats``).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable

from ptpstack.observe.output import LineWriter
from ptpstack.observe.recorder import Record


class EventFile:
    """Lines appended to *path*, as *format_record* makes them. Raises ``OSError`` when it cannot be opened."""

    def __init__(self, path: str, format_record: Callable[[Record], Iterable[str]]) -> None:
        self.path = path
        self._format_record = format_record
        self._fd = -1
        self.open()

    def open(self) -> None:
        """Open what *path* names now, which after a rotation is a new file; on ``OSError`` the old one stays."""
        # O_NONBLOCK: opening a pipe that nobody reads would wait for a reader.
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK, 0o644)
        os.set_blocking(fd, True)  # whole lines: the writer asks first whether there is room
        self.close()
        self._fd, self._writer = fd, LineWriter(fd)

    def close(self) -> None:
        """Close it; what was written stays."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def write(self, record: Record) -> None:
        """Append *record*. Raises ``OSError``, such as when the disk is full."""
        for line in self._format_record(record):
            self._writer.write_line(line)
