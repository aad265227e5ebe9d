"""The least NTP server that speaks NTS: the machine's clock, one packet after the other, no limits, no stamps."""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from lab.namespaces import Node
from ntp.nts.aead import Algorithm
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.server_side import ServerSide, UnverifiedRequest
from ntp.wire.packet import Leap, Mode, Packet, decode, encode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.errors import WireError
from ptpstack.time import NANOSECOND, UtcTime


def _ntp_now() -> int:
    return ntp_from_utc(UtcTime(time.time_ns() * NANOSECOND))


class Responder:
    """Answers on *port* of *node* while the ``with`` lasts, with the cookies of *master_key_file*."""

    def __init__(self, node: Node, master_key_file: Path, port: int = 123) -> None:
        self._keeper = KeyKeeper(
            master_key_file, now_s=int(time.time()), random_octets=os.urandom, writes=not master_key_file.exists()
        )
        self._server = ServerSide(self._keeper.jar, os.urandom)
        self._socket = node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._socket.bind(("0.0.0.0", port))
        self._socket.settimeout(0.2)
        self._stopping = False
        self._thread = threading.Thread(target=self._serve)
        self.answered: list[str] = []
        """``NTS``, ``NAK`` or ``plain`` of each answer."""
        self.algorithms: set[Algorithm] = set()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        self._thread.join(10)
        self._socket.close()

    def _serve(self) -> None:
        while not self._stopping:
            try:
                octets, client = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            received = _ntp_now()
            self._keeper.refresh(int(time.time()))
            try:
                reply = self._reply(octets, received)
            except WireError:
                continue
            assert len(reply) <= len(octets)
            self._socket.sendto(reply, client)

    def _reply(self, octets: bytes, received: int) -> bytes:
        request = decode(octets)
        header = Packet(
            mode=Mode.SERVER,
            stratum=1,
            poll=request.poll,
            precision=-20,
            reference_id=b"TEST",
            reference_timestamp=received,
            origin_timestamp=request.transmit_timestamp,
            receive_timestamp=received,
            transmit_timestamp=_ntp_now(),
        )
        found = self._server.verify(octets)
        if found is None:
            self.answered.append("plain")
            return encode(header)
        if isinstance(found, UnverifiedRequest):
            self.answered.append("NAK")
            header.stratum, header.leap, header.reference_id = 0, Leap.UNSYNCHRONIZED, b"NTSN"
            return self._server.nak(found, encode(header))
        self.answered.append("NTS")
        self.algorithms.add(found.keys.algorithm)
        return self._server.reply(found, encode(header))
