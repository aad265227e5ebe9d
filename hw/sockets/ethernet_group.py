"""A socket for the frames of one ethertype to one group on one interface, without stamps: ESMC, AVTP control.

What lives here: Ethernet framing and the group. What does not: what a frame says; ethertype and group are arguments.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Iterator

from hw.sockets.errors import open_error, receive_error, require_up, transmit_error

_SOL_PACKET = 263
_PACKET_ADD_MEMBERSHIP, _PACKET_IGNORE_OUTGOING = 1, 23
_PACKET_MR_MULTICAST = 0
_PACKET_MREQ = struct.Struct("@iHH8s")
_HEADER_SIZE = 14
_FRAMES_PER_CALL = 64
_FRAME_SIZE = 256


class EthernetGroupSocket:
    """Frames of *ethertype* on *interface*, sent to and received for *group* (six octets). Raises ``HardwareError``."""

    def __init__(self, interface: str, *, ethertype: int, group: bytes) -> None:
        self.interface = interface
        with contextlib.ExitStack() as on_failure:
            try:
                self._socket = on_failure.enter_context(socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
                self._index = require_up(self._socket, interface)
                self._socket.setblocking(False)
                self._socket.setsockopt(_SOL_PACKET, _PACKET_IGNORE_OUTGOING, 1)
                request = _PACKET_MREQ.pack(self._index, _PACKET_MR_MULTICAST, len(group), group)
                self._socket.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, request)
                self._socket.bind((interface, ethertype))
            except OSError as error:
                raise open_error(error, interface) from error
            on_failure.pop_all()
        own_mac: bytes = self._socket.getsockname()[4]
        self._header = group + own_mac + ethertype.to_bytes(2, "big")

    def fileno(self) -> int:
        """Return the descriptor that is readable when a frame waits."""
        return self._socket.fileno()

    def send(self, payload: bytes) -> None:
        """Send *payload*. Raises ``HardwareError``."""
        try:
            self._socket.send(self._header + payload)
        except OSError as error:
            raise transmit_error(error, self._socket, self.interface, self._index) from error

    def receive(self) -> list[bytes]:
        """Return the payloads that wait, a bounded number a call. Raises ``HardwareError``."""
        return list(self._waiting())

    def _waiting(self) -> Iterator[bytes]:
        try:
            for _ in range(_FRAMES_PER_CALL):
                yield self._socket.recv(_FRAME_SIZE)[_HEADER_SIZE:]
        except BlockingIOError:
            return
        except OSError as error:
            raise receive_error(error, self._socket, self.interface, self._index) from error

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()
