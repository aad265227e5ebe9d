"""Many datagrams with one system call: recvmmsg and sendmmsg over the event and general sockets of a UDP port.

Frames, addresses, stamps and keys are rows of arrays. What lives here: the kernel's structures as arrays, sending,
receiving, transmit stamps. What does not: what the frames mean. numpy is loaded with this module, so only who serves
many imports it.
"""

from __future__ import annotations

import ctypes
import errno
import socket
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from hw.sockets.base import PortSocket
from hw.timestamping import SO_TIMESTAMPING, Timestamping

Octets: TypeAlias = NDArray[np.uint8]
Integers: TypeAlias = NDArray[np.int64]

MOST = 256
"""Frames or stamps taken with one call."""

FRAME_SIZE = 1536
_CONTROL_SIZE = 256
_KEYED_CONTROL_SIZE = 24
_SCM_TS_OPT_ID = 81
_SO_EE_ORIGIN_TIMESTAMPING = 4
_MSG_TRUNC = 0x20
_FRAMES = int(socket.MSG_DONTWAIT)
_STAMPS = int(socket.MSG_DONTWAIT | socket.MSG_ERRQUEUE)
_PER_CALL = 1024
"""The kernel sends no more with one call."""
_NO_ROOM = errno.EAGAIN, errno.ENOBUFS

_HEADER = np.dtype(
    {
        "names": ["name", "name_size", "vector", "vector_size", "control", "control_size", "flags", "length"],
        "formats": ["u8", "u4", "u8", "u8", "u8", "u8", "u4", "u4"],
        "offsets": [0, 8, 16, 24, 32, 40, 48, 56],
        "itemsize": 64,
    }
)
"""struct mmsghdr of a 64-bit kernel."""

_VECTOR = np.dtype([("base", "u8"), ("size", "u8")])
_STAMP_MESSAGE = np.dtype(
    {"names": ["level", "type", "stamps"], "formats": ["i4", "i4", ("i8", 6)], "offsets": [8, 12, 16], "itemsize": 64}
)
"""The control message of SO_TIMESTAMPING: three struct timespec; the third is the NIC's."""

_ERROR_MESSAGE = np.dtype(
    {"names": ["origin", "data"], "formats": ["u1", "u4"], "offsets": [16 + 4, 16 + 12], "itemsize": 48}
)
"""What follows it in the error queue: struct sock_extended_err in IP_RECVERR or IPV6_RECVERR."""

_C = ctypes.CDLL(None, use_errno=True)


class Arrived(NamedTuple):
    """Frames that came in: row by row octets, how many of them, the sender's address, the stamp (0: none)."""

    octets: Octets
    lengths: Integers
    addresses: Octets
    stamps_ns: Integers


class Run(NamedTuple):
    """Rows *begin* to *end* went, and *key* is that of the first; the others have the next ones."""

    key: int
    begin: int
    end: int


class Stamped(NamedTuple):
    """Transmit stamps by the keys of what was sent."""

    keys: NDArray[np.uint32]
    stamps_ns: Integers


NOTHING_STAMPED = Stamped(np.zeros(0, np.uint32), np.zeros(0, np.int64))


class _Headers:
    """Room for *count* datagrams of *size* octets with addresses and control messages, and the headers for them."""

    def __init__(self, count: int, size: int, name_size: int, control_size: int) -> None:
        self.octets = np.zeros((count, size), np.uint8)
        self.names = np.zeros((count, name_size), np.uint8)
        self.control = np.zeros((count, control_size), np.uint8)
        self.headers = np.zeros(count, _HEADER)
        self._vectors = np.zeros(count, _VECTOR)
        rows = np.arange(count, dtype=np.uint64)
        self._vectors["base"] = self.octets.ctypes.data + rows * size
        self._vectors["size"] = size
        self.headers["vector"] = self._vectors.ctypes.data + rows * _VECTOR.itemsize
        self.headers["vector_size"] = 1
        self.headers["name"] = self.names.ctypes.data + rows * name_size
        self.headers["name_size"] = name_size
        if control_size:
            self.headers["control"] = self.control.ctypes.data + rows * control_size
            self.headers["control_size"] = control_size
        self._sizes = name_size, control_size

    def address(self, row: int) -> int:
        """Return where the header of *row* is."""
        return int(self.headers.ctypes.data) + row * _HEADER.itemsize

    def rewind(self, count: int) -> None:
        """Make the first *count* headers ready to receive again: the kernel wrote into them."""
        self.headers["name_size"][:count], self.headers["control_size"][:count] = self._sizes


class Outgoing(_Headers):
    """Datagrams to be sent: the caller fills ``octets``, of one size all, and ``names``."""

    def __init__(self, count: int, size: int, name_size: int, *, keyed: bool = False) -> None:
        super().__init__(count, size, name_size, _KEYED_CONTROL_SIZE if keyed else 0)
        self.keys = self.control[:, 16:20].view(np.uint32).reshape(-1) if keyed else np.zeros(0, np.uint32)
        if keyed:
            heads = self.control[:, :16]
            heads[:, :8].view(np.uint64)[:] = 20
            heads[:, 8:].view(np.int32)[:] = socket.SOL_SOCKET, _SCM_TS_OPT_ID


class Datagrams:
    """The batches of one UDP port, which goes on to be used for single frames as well."""

    def __init__(self, port_socket: PortSocket) -> None:
        self._socket = port_socket
        self._event, self._general = port_socket.event_fileno(), port_socket.general_fileno()
        self.family, self._ports = port_socket.family_and_ports()
        self.name_size = 16 if self.family == socket.AF_INET else 28
        self._in = _Headers(MOST, FRAME_SIZE, self.name_size, _CONTROL_SIZE)
        self._errors = _Headers(MOST, 1, self.name_size, _CONTROL_SIZE)
        self._column = 4 if port_socket.granted.timestamping is Timestamping.HARDWARE else 0

    # -- addresses -----------------------------------------------------------------------------------

    def name(self, packed: bytes, *, event: bool) -> bytes:
        """Return the kernel's form of an IP address (*packed*) with the port of event or general frames."""
        port = self._ports[0 if event else 1].to_bytes(2, "big")
        if self.family == socket.AF_INET:
            return int(socket.AF_INET).to_bytes(2, "little") + port + packed + bytes(8)
        scope = self._socket.index.to_bytes(4, "little") if packed[:2] == b"\xfe\x80" else bytes(4)
        return int(socket.AF_INET6).to_bytes(2, "little") + port + bytes(4) + packed + scope

    def packed(self, names: Octets) -> Octets:
        """Return the IP addresses in *names*, row by row."""
        return names[:, 4:8] if self.family == socket.AF_INET else names[:, 8:24]

    def address(self, name: bytes) -> str:
        """Return the IP address in *name* as text, as sockets give it."""
        packed = name[4:8] if self.family == socket.AF_INET else name[8:24]
        return socket.inet_ntop(self.family, packed)

    def to_general(self, names: Octets) -> Octets:
        """Return *names* with the port of general frames."""
        changed = names.copy()
        changed[:, 2:4] = np.frombuffer(self._ports[1].to_bytes(2, "big"), np.uint8)
        return changed

    # -- sending -------------------------------------------------------------------------------------

    @property
    def gives_keys(self) -> bool:
        """Whether a key goes along with each event frame."""
        return self._socket.sends.gives_keys

    def send_event(self, out: Outgoing, count: int, first: int = 0) -> tuple[list[Run], int | None]:
        """Send the first *count* of *out*, from row *first* on and those before it at last.

        Return what went, and the first row that the kernel refused, if it did: nobody there, or no way. The others do
        not suffer for that. Where there is no room for more, the rest is not sent.
        """
        runs: list[Run] = []
        refused: int | None = None
        for begin, end in ((first, count), (0, first)):
            row = begin
            while row < end:
                run, failure = self._send_run(out, row, min(end, row + _PER_CALL))
                if run.end > row:
                    runs.append(run)
                elif failure in _NO_ROOM:
                    return runs, refused
                else:
                    refused = row if refused is None else refused
                row = max(run.end, row + 1)
        return runs, refused

    def _send_run(self, out: Outgoing, begin: int, end: int) -> tuple[Run, int]:
        """Send rows *begin* to *end*; return those that went, which are the first, and why none did."""
        sends, count = self._socket.sends, end - begin
        key = sends.reserve()
        if self.gives_keys:
            out.keys[begin:end] = (key + np.arange(count, dtype=np.uint64)) & 0xFFFF_FFFF
        sent = self._call(self._event, out, begin, end)
        sends.sent(max(sent, 0), count)
        return Run(key, begin, begin + max(sent, 0)), -min(sent, 0)

    def send_general(self, out: Outgoing, count: int) -> int:
        """Send the first *count* of *out*; return how many of them could not be sent."""
        failed = begin = 0
        while begin < count:
            sent = self._call(self._general, out, begin, count)
            if sent <= 0:
                if -sent in _NO_ROOM:
                    return failed + count - begin
                failed, sent = failed + 1, 1  # nobody there, or no way: the others do not suffer for it
            begin += sent
        return failed

    @staticmethod
    def _call(fd: int, out: Outgoing, begin: int, end: int) -> int:
        sent = int(_C.sendmmsg(fd, ctypes.c_void_p(out.address(begin)), min(end - begin, _PER_CALL), 0))
        return sent if sent >= 0 else -ctypes.get_errno()

    # -- receiving -----------------------------------------------------------------------------------

    def receive_event(self) -> Arrived:
        """Return event frames that wait, at most 256; what is returned is overwritten by the next call."""
        count = self._receive(self._in, _FRAMES)
        messages = self._in.control[:count, :64].copy().view(_STAMP_MESSAGE).reshape(-1)
        stamps_ns = self._stamps(messages)
        lengths = self._in.headers["length"][:count].astype(np.int64)
        lengths[(self._in.headers["flags"][:count] & _MSG_TRUNC) != 0] = 0
        self._in.rewind(count)
        return Arrived(self._in.octets[:count], lengths, self._in.names[:count], stamps_ns)

    def transmit_stamps(self) -> Stamped:
        """Return transmit stamps that have arrived, at most 256."""
        count = self._receive(self._errors, _STAMPS)
        if not count:
            return NOTHING_STAMPED
        control = self._errors.control[:count]
        stamps_ns = self._stamps(control[:, :64].copy().view(_STAMP_MESSAGE).reshape(-1))
        errors = control[:, 64:112].copy().view(_ERROR_MESSAGE).reshape(-1)
        self._errors.rewind(count)
        good = (stamps_ns != 0) & (errors["origin"] == _SO_EE_ORIGIN_TIMESTAMPING)
        keys, known = self._socket.sends.keys_of(errors["data"][good])
        return Stamped(keys, stamps_ns[good][known])

    def _receive(self, into: _Headers, flags: int) -> int:
        count = int(_C.recvmmsg(self._event, ctypes.c_void_p(into.address(0)), MOST, flags, None))
        if count >= 0:
            return count
        number = ctypes.get_errno()
        if number in (errno.EAGAIN, errno.EINTR):
            return 0
        raise self._socket.explained(OSError(number, "recvmmsg"))

    def _stamps(self, messages: NDArray[np.void]) -> Integers:
        stamps = messages["stamps"]
        stamps_ns: Integers = stamps[:, self._column] * 1_000_000_000 + stamps[:, self._column + 1]
        stamps_ns[(messages["level"] != socket.SOL_SOCKET) | (messages["type"] != SO_TIMESTAMPING)] = 0
        return stamps_ns
