"""The least NTP server: answers with the time of whatever clock a test takes for the truth."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable

from ntp.wire.packet import Mode, Packet, decode, encode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.errors import WireError
from ptpstack.time import UtcTime


def answer(sock: socket.socket, utc: Callable[[], UtcTime]) -> None:
    """Wait for one datagram, and answer it if it is NTP."""
    octets, client = sock.recvfrom(1024)
    came = utc()
    try:
        request = decode(octets)
    except WireError:
        return
    reply = Packet(
        version=request.version,
        mode=Mode.SERVER,
        stratum=1,
        precision=-20,
        root_dispersion=1,
        reference_id=b"TEST",
        reference_timestamp=ntp_from_utc(came),
        origin_timestamp=request.transmit_timestamp,
        receive_timestamp=ntp_from_utc(came),
        transmit_timestamp=ntp_from_utc(utc()),
    )
    sock.sendto(encode(reply), client)


class Responders:
    """Threads that answer on *sockets* until the context is left; it closes them."""

    def __init__(self, sockets: Iterable[socket.socket], utc: Callable[[], UtcTime]) -> None:
        self._utc = utc
        self._ended = threading.Event()
        self._sockets = [*sockets]
        self._threads = [threading.Thread(target=self._serve, args=(sock,), daemon=True) for sock in self._sockets]

    def __enter__(self) -> None:
        for thread, sock in zip(self._threads, self._sockets, strict=True):
            sock.settimeout(0.2)
            thread.start()

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        for thread, sock in zip(self._threads, self._sockets, strict=True):
            thread.join()
            sock.close()

    def _serve(self, sock: socket.socket) -> None:
        while not self._ended.is_set():
            try:
                answer(sock, self._utc)
            except TimeoutError:
                continue
