"""systemd's notification protocol: READY, STATUS, STOPPING and the watchdog (``sd_notify(3)``).

What lives here: the datagrams. What does not: when the watchdog is fed (``daemon/supervisor.py``).
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Mapping

from ptpstack.time import MICROSECOND, TimeInterval


class Notifier:
    """Tell the service manager, or nobody when there is none. Never blocks and never fails."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        path = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + path[1:] if path.startswith("@") else path
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) if path else None
        self.watchdog_interval: TimeInterval | None = _watchdog_interval(environment) if path else None

    def ready(self) -> None:
        """The daemon serves."""
        self._send("READY=1")

    def status(self, sentence: str) -> None:
        """Say one line that ``systemctl status`` shows."""
        self._send("STATUS=" + sentence.replace("\n", " "))

    def feed_watchdog(self) -> None:
        """The daemon makes progress."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """The daemon is about to end."""
        self._send("STOPPING=1")

    def close(self) -> None:
        """Give back the socket."""
        if self._socket is not None:
            self._socket.close()

    def _send(self, text: str) -> None:
        if self._socket is not None:
            with contextlib.suppress(OSError):  # a full or vanished manager must not disturb timing
                self._socket.sendto(text.encode(), self._address)


def _watchdog_interval(environment: Mapping[str, str]) -> TimeInterval | None:
    """Return what the manager allows between two feedings, unless it means another process."""
    text = environment.get("WATCHDOG_USEC", "")
    if not text.isdigit() or environment.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) * MICROSECOND or None
