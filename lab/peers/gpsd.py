"""gpsd with a receiver of ours, which names each second of this machine's time a while after it.

The receiver is on TCP: what gpsd hears on a pseudo terminal it takes for a test, and writes to no shared memory.

What lives here: the sentences, start and stop. What does not: what is expected of gpsd.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path

from lab.namespaces import Node, stop
from ptpstack.errors import PtpstackError

_START_TIMEOUT_S = 10.0


class GpsdError(PtpstackError):
    """gpsd did not start."""


def sentence(body: str) -> bytes:
    """Return the NMEA sentence of *body* with its checksum."""
    parity = 0
    for octet in body.encode():
        parity ^= octet
    return f"${body}*{parity:02X}\r\n".encode()


def burst(utc_s: int) -> bytes:
    """Return what a receiver with a fix says of a second."""
    return b"".join(sentences(utc_s))


def sentences(utc_s: int, *, has_fix: bool = True) -> list[bytes]:
    """Return the sentences that a receiver says of a second, with a fix or with nothing but its own clock."""
    moment = time.gmtime(utc_s)
    clock, date = time.strftime("%H%M%S.00", moment), time.strftime("%d%m%y", moment)
    place = "4717.11437,N,00833.91522,E"
    said = [f"GPRMC,{clock},A,{place},0.004,77.52,{date},,,A", f"GPGGA,{clock},{place},1,08,1.01,499.6,M,48.0,M,,"]
    if not has_fix:
        said = [f"GPRMC,{clock},V,,,,,,,{date},,,N", f"GPGGA,{clock},,,,,0,00,,,M,,M,,"]
    return [sentence(body) for body in (*said, f"GPZDA,{clock},{time.strftime('%d,%m,%Y', moment)},00,00")]


class Receiver:
    """A receiver in *node* that begins to speak of each second *delay_s* after it, at ``place`` till ``close``."""

    def __init__(self, node: Node, delay_s: float = 0.2) -> None:
        self.delay_s = delay_s
        self.wrong_by_s = 0
        self.silent = False
        self._listener = node.inside(lambda: socket.create_server(("127.0.0.1", 0)))
        self._listener.setblocking(False)
        self.place = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._heard_by: socket.socket | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._speak, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Unplug it."""
        self._ended.set()
        self._thread.join()
        self._listener.close()
        if self._heard_by is not None:
            self._heard_by.close()

    def _speak(self) -> None:
        while True:
            second = int(time.time() - self.delay_s) + 1
            if self._ended.wait(second + self.delay_s - time.time()):
                return
            with contextlib.suppress(BlockingIOError):
                self._heard_by, _ = self._listener.accept()
            if self._heard_by is not None and not self.silent:
                with contextlib.suppress(OSError):
                    self._heard_by.sendall(burst(second + self.wrong_by_s))


class Gpsd:
    """A gpsd of *receiver* in a node; *ipc_of* is a process whose shared memory it writes, else one of its own.

    *pulses* is the kernel's device of the receiver's pulses (``/dev/pps0``).
    """

    def __init__(
        self, node: Node, directory: Path, receiver: Receiver, *, ipc_of: int | None = None, pulses: str = ""
    ) -> None:
        self._node, self._ipc_of = node, ipc_of
        self._devices = [receiver.place, *([pulses] if pulses else [])]
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "gpsd.log"
        self._process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def is_installed() -> bool:
        """Whether there is a gpsd."""
        return shutil.which("gpsd") is not None

    def start(self) -> None:
        """Start it and wait until it takes connections. Raises ``GpsdError``."""
        apart = ["unshare", "--ipc"] if self._ipc_of is None else ["nsenter", "--ipc", "--target", str(self._ipc_of)]
        self._process = self._node.start([*apart, "gpsd", "-N", "-n", *self._devices], self.log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                why = self.log.read_text(errors="replace")[-1000:]
                raise GpsdError("gpsd does not serve", where=self._node.name, why=why)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            stop([self._process])

    def _listens(self) -> bool:
        return "127.0.0.1:2947" in self._node.run(["ss", "-H", "-l", "-t", "-n"])
