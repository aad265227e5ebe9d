"""Many datagrams with one system call: received into the rows of arrays, and answered from the rows of others.

The system's calls recvmmsg and sendmmsg take arrays of ``struct mmsghdr``; here these are numpy arrays whose pointers
are written once. A reply goes to the name, and by the control message, that its request came with: these are not even
copied. What lives here: rows, headers, the calls. What does not: what the octets mean.
"""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

from hw.timestamping import SO_TIMESTAMPING

ROWS = 512
"""Datagrams a call, at most."""

_FEW = 4
"""Up to so many rows are looked at one by one: arrays would cost more."""

ROW_OCTETS = 1280
"""The longest request that is looked at: IPv6's least MTU; longer ones come truncated, and are marked so."""

WORDS = 8
"""A ``struct mmsghdr`` in words of 8 octets: name, its length, iov, its length, control, its length, flags, octets."""

NAME_LENGTH, CONTROL, CONTROL_LENGTH, FLAGS, LENGTH = 1, 4, 5, 6, 7
_NAME, _IOV, _IOV_LENGTH = 0, 2, 3
_NOW = int(socket.MSG_DONTWAIT)

_CMSG_HEADER = struct.Struct("@Nii")
_WANT_STAMP = struct.Struct("@NiiI4x")
"""A control message of one number."""

_STAMP_OCTETS = 2 * _WANT_STAMP.size
_SCM_TS_OPT_ID = 81
_STAMPS_OCTETS = 3 * 16
_IPV6_PKTINFO_OCTETS, _IP_PKTINFO_OCTETS = 20, 12
_NAME_OCTETS: Final[dict[int, int]] = {socket.AF_INET: 16, socket.AF_INET6: 28}
_NAME_ROW, CONTROL_ROW = 32, 128

STAMP_AT = _CMSG_HEADER.size
"""Where the kernel's stamp begins in the control messages that come with each datagram."""

_INFO_AT = STAMP_AT + _STAMPS_OCTETS

Words = npt.NDArray[np.uint64]
Octets = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.intp]
"""Some of the rows, in an order."""


def _space(octets: int) -> int:
    """Return CMSG_SPACE of so many octets."""
    return _CMSG_HEADER.size + -(-octets // 8) * 8


class Datagrams:
    """Rows for the datagrams of sockets of one *family*.

    ``requests`` and ``replies`` are octets by row, ``names`` the senders, ``control`` what the kernel says with each.
    *told_address*: the kernel also says to which of our addresses each came (IP_PKTINFO), and the reply leaves by it.
    """

    def __init__(self, family: int, *, told_address: bool, rows: int = ROWS) -> None:
        self.family = family
        self.rows = rows
        self.told_address = told_address
        self.requests: Octets = _aligned(rows, ROW_OCTETS)
        self.replies: Octets = _aligned(rows, ROW_OCTETS)
        self.names: Octets = _aligned(rows, _NAME_ROW)
        self.control: Octets = _aligned(rows, CONTROL_ROW)
        self.name_octets = _NAME_OCTETS[family]
        info = _IPV6_PKTINFO_OCTETS if family == socket.AF_INET6 else _IP_PKTINFO_OCTETS
        self.info_octets = _space(info) if told_address else 0
        self.full_control = _space(_STAMPS_OCTETS) + self.info_octets
        """Octets of the control messages that come with a stamp."""
        self.headers: Words = np.zeros((rows, WORDS), np.uint64)
        self.reply_headers: Words = np.zeros((rows, WORDS), np.uint64)
        self._iov: Words = np.zeros((rows, 2), np.uint64)
        self._reply_iov: Words = np.zeros((rows, 2), np.uint64)
        self._wire(self.headers, self._iov, self.requests, self.control, CONTROL_ROW)
        self._wire(self.reply_headers, self._reply_iov, self.replies, self.control[:, _INFO_AT:], self.info_octets)
        self.headers[:, CONTROL_LENGTH] = CONTROL_ROW
        self.header_words = memoryview(self.headers.data).cast("B").cast("Q")
        self.reply_lengths = self._reply_iov[:, 1]
        self.reply_lengths[:] = 48
        self.stamp_words = self.control.view(np.int64)[:, STAMP_AT // 8 :]
        """Seconds and nanoseconds of the kernel's stamp, two words of nothing, those of the NIC's stamp."""
        index_at = _INFO_AT + _CMSG_HEADER.size + (16 if family == socket.AF_INET6 else 0)
        self._interfaces = self.control.view(np.uint32)[:, index_at // 4]
        self._receive, self._send = _calls()
        self._address, self._reply_address = self.headers.ctypes.data, self.reply_headers.ctypes.data
        self._selected: Words = np.zeros((rows, WORDS), np.uint64)
        self.reply_header_words = memoryview(self.reply_headers.data).cast("B").cast("Q")
        self._control_octets = memoryview(self.control.data).cast("B")
        self._control_address = self.control.ctypes.data
        self._stamped: list[int] = []
        self.unstamped: list[int] = []
        """Of the rows received last those that came without the kernel's stamp: before it began to stamp at all."""

    def _wire(self, headers: Words, iov: Words, octets: Octets, control: Octets, control_octets: int) -> None:
        """Write the pointers of *headers*."""
        numbers = np.arange(self.rows, dtype=np.uint64)
        iov[:, 0] = octets.ctypes.data + numbers * np.uint64(octets.strides[0])
        iov[:, 1] = octets.shape[1]
        headers[:, _NAME] = self.names.ctypes.data + numbers * np.uint64(_NAME_ROW)
        headers[:, NAME_LENGTH] = self.name_octets
        headers[:, _IOV] = iov.ctypes.data + numbers * np.uint64(iov.strides[0])
        headers[:, _IOV_LENGTH] = 1
        if control_octets:
            headers[:, CONTROL] = control.ctypes.data + numbers * np.uint64(CONTROL_ROW)
            headers[:, CONTROL_LENGTH] = control_octets

    def receive(self, fd: int) -> int:
        """Return how many datagrams waited, and are in the first rows now. Raises ``OSError`` but for EAGAIN."""
        count = self._receive(fd, self._address, self.rows, _NOW, None)
        if count < 0:
            return _nothing(ctypes.get_errno())
        if count <= _FEW:
            words, full = self.header_words, self.full_control
            self.unstamped = [row for row in range(count) if words[row * WORDS + CONTROL_LENGTH] != full]
        else:
            self.unstamped = np.flatnonzero(self.headers[:count, CONTROL_LENGTH] != self.full_control).tolist()
        for row in self.unstamped:  # what else the kernel says stands where the stamp would be
            self.control[row, _INFO_AT : _INFO_AT + self.info_octets] = self.control[row, : self.info_octets]
        return count

    def forget_interfaces(self, count: int) -> None:
        """Let the replies of the first *count* rows leave by the route to their clients, not by where those came in."""
        if self.told_address:
            self._interfaces[:count] = 0

    def recycle(self, count: int) -> None:
        """Make the first *count* rows ready to be received into again."""
        if count <= _FEW:
            for at in range(0, count * WORDS, WORDS):
                self.header_words[at + NAME_LENGTH] = self.name_octets
                self.header_words[at + CONTROL_LENGTH] = CONTROL_ROW
        else:
            self.headers[:count, NAME_LENGTH] = self.name_octets
            self.headers[:count, CONTROL_LENGTH] = CONTROL_ROW

    def want_stamp(self, row: int, flags: int, key: int | None) -> None:
        """Let the kernel stamp the reply of *row* when it leaves, and number the stamp *key* (None: it counts itself).

        The words for that take the place of the request's stamp, which is gone then. Until :meth:`unmark`.
        """
        octets = _STAMP_OCTETS if key is not None else _STAMP_OCTETS // 2
        at = row * CONTROL_ROW + _INFO_AT - octets
        _WANT_STAMP.pack_into(self._control_octets, at, _WANT_STAMP.size - 4, socket.SOL_SOCKET, SO_TIMESTAMPING, flags)
        if key is not None:
            key_at = at + _WANT_STAMP.size
            _WANT_STAMP.pack_into(
                self._control_octets, key_at, _WANT_STAMP.size - 4, socket.SOL_SOCKET, _SCM_TS_OPT_ID, key
            )
        self.reply_header_words[row * WORDS + CONTROL] = self._control_address + at
        self.reply_header_words[row * WORDS + CONTROL_LENGTH] = octets + self.info_octets
        self._stamped.append(row)

    def unmark(self) -> None:
        """Let the rows that were marked for stamps be ordinary again."""
        for row in self._stamped:
            self.reply_header_words[row * WORDS + CONTROL] = self._control_address + row * CONTROL_ROW + _INFO_AT
            self.reply_header_words[row * WORDS + CONTROL_LENGTH] = self.info_octets
        self._stamped.clear()

    def send(self, fd: int, rows: Rows) -> int:
        """Send the replies of *rows*, in ascending order; return how many the kernel refused."""
        where, count = span(rows), len(rows)
        if isinstance(where, slice):
            return self._send_all(fd, self._reply_address + int(rows[0]) * self.reply_headers.strides[0], count)
        np.take(self.reply_headers, rows, axis=0, out=self._selected[:count], mode="clip")
        return self._send_all(fd, self._selected.ctypes.data, count)

    def _send_all(self, fd: int, address: int, count: int) -> int:
        """Send all, leaving out those that cannot be sent."""
        refused = 0
        while count > 0:
            sent = self._send(fd, address, count, _NOW)
            if sent < 0:
                sent = 1  # the first one failed: a firewall, no route, no room
                refused += 1
            count -= sent
            address += sent * WORDS * 8
        return refused


def span(rows: Rows) -> Rows | slice:
    """Return *rows* as a slice where there is no gap between them: arrays are quicker with it."""
    first, last = int(rows[0]), int(rows[-1])
    return slice(first, last + 1) if last - first + 1 == len(rows) else rows


def _nothing(number: int) -> int:
    """Return that nothing came, or raise the ``OSError`` *number*; a refusal by ICMP is about a reply, not about us."""
    if number in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH):
        return 0
    raise OSError(number, os.strerror(number))


def _aligned(rows: int, octets: int) -> Octets:
    """Return zeros whose rows begin where lines of the processor's cache do, if *octets* allows."""
    flat = np.zeros(rows * octets + 64, np.uint8)
    begin = -flat.ctypes.data % 64
    return flat[begin : begin + rows * octets].reshape(rows, octets)


def _calls() -> tuple[Callable[..., int], Callable[..., int]]:
    libc = ctypes.CDLL(None, use_errno=True)
    receive, send = libc.recvmmsg, libc.sendmmsg
    receive.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
    send.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
    receive.restype = send.restype = ctypes.c_int
    return receive, send
