"""Event sends and their stamps, matched by SOF_TIMESTAMPING_OPT_ID.

A key numbers each frame. Since Linux 6.13 the key goes along with the frame (SCM_TS_OPT_ID), so a failed
send cannot confuse anything. Older kernels count the frames of a socket themselves, and whether a send
that failed was counted depends on where it failed. There, every failure restarts the kernel's count from
zero (by switching OPT_ID off and on), and the stamps still on their way then are discarded when they
come: a failure may cost a stamp but never gives a frame the stamp of another.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import TYPE_CHECKING, Any, NamedTuple

from hw.timestamping import SO_TIMESTAMPING, SocketFlags, Timestamping, key_from, socket_flags, stamp_from

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SCM_TS_OPT_ID = 81
_KEY = struct.Struct("=I")
_KEY_MASK = 0xFFFF_FFFF
_CONTROL_SIZE = 512
STAMPS_PER_CALL = 256
_ON_THEIR_WAY = 256
BATCHES_ON_THEIR_WAY = 8
"""How many unstamped frames can still have a stamp coming, or batches of them; the older ones are lost."""


class TransmitStamp(NamedTuple):
    """The egress stamp of the frame that ``send_event`` numbered *key*, in ns of the stamping clock."""

    key: int
    stamp_ns: int


def kernel_takes_keys() -> bool:
    """Tell whether the running kernel knows SCM_TS_OPT_ID."""
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor.split("-")[0])) >= (6, 13)


class StampedSends:
    """The sending half of an event socket."""

    def __init__(self, sock: socket.socket, timestamping: Timestamping, *, give_keys: bool) -> None:
        self._socket = sock
        self._timestamping = timestamping
        self._flags = socket_flags(timestamping)
        self.gives_keys = give_keys
        self._next_key = 0
        self._counted = 0  # how many frames the kernel counted since its count restarted
        self._stamped = 0  # of these, how many have their stamp or will never have one
        self._largest = 1  # frames sent at once
        self._discard: set[int] = set()  # the kernel's numbers of stamps from before the restart
        self._restart_count()

    def send(self, octets: bytes, address: Any = None) -> int:  # noqa: ANN401 (as of each family)
        """Send one frame and return its key. Raises ``OSError``."""
        key = self._next_key
        if self.gives_keys:
            self._next_key = (key + 1) & _KEY_MASK
            control = [(socket.SOL_SOCKET, _SCM_TS_OPT_ID, _KEY.pack(key))]
            self._socket.sendmsg((octets,), control, 0, address)
            return key
        try:
            self._socket.sendmsg((octets,), [], 0, address)
        except OSError:
            self._restart_count()
            raise
        self._counted += 1
        self._next_key = (key + 1) & _KEY_MASK
        return key

    def stamps(self, most: int = STAMPS_PER_CALL) -> list[TransmitStamp]:
        """Return the stamps that have arrived, at most so many, without waiting. Raises ``OSError``."""
        stamps: list[TransmitStamp] = []
        for _ in range(most):
            try:
                _, control, _, _ = self._socket.recvmsg(0, _CONTROL_SIZE, socket.MSG_ERRQUEUE)
            except BlockingIOError:
                break
            number, stamp_ns = key_from(control), stamp_from(control, self._timestamping)
            if number is None or stamp_ns is None:
                continue
            key = number if self.gives_keys else self._key_of(number)
            if key is not None:
                stamps.append(TransmitStamp(key, stamp_ns))
        return stamps

    # -- many at once (``datagrams``) ------------------------------------------------------------------

    def reserve(self) -> int:
        """Return the key of the next frame; those that follow it have the next ones."""
        return self._next_key

    def sent(self, count: int, of: int) -> None:
        """Take that *count* frames of those reserved were sent, and that the next one failed if there were more."""
        self._largest = max(self._largest, of)
        self._next_key = (self._next_key + (of if self.gives_keys else count)) & _KEY_MASK
        if not self.gives_keys:
            self._counted += count
            if count < of:
                self._restart_count()

    def keys_of(self, numbers: NDArray[np.uint32]) -> tuple[NDArray[np.uint32], NDArray[np.bool_]]:
        """Return the keys of the frames that the kernel stamped under *numbers*, and of which numbers they are."""
        import numpy as np  # noqa: PLC0415 (whoever asks for many has it)

        if self.gives_keys:
            return numbers, np.ones(len(numbers), np.bool_)
        keys = [self._key_of(number) for number in numbers.tolist()]
        known = np.array([key is not None for key in keys], np.bool_)
        return np.array([key for key in keys if key is not None], np.uint32), known

    def _key_of(self, number: int) -> int | None:
        """Return the key of the frame that the kernel counted as *number*."""
        if number in self._discard:
            self._discard.remove(number)
            return None
        self._stamped = max(self._stamped, number + 1)
        return (self._first_key + number) & _KEY_MASK

    def _restart_count(self) -> None:
        on_their_way = max(_ON_THEIR_WAY, BATCHES_ON_THEIR_WAY * self._largest)
        awaited = range(max(self._stamped, self._counted - on_their_way), self._counted)
        self._discard.update(awaited)
        self._counted = self._stamped = 0
        self._first_key = self._next_key
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, self._flags & ~SocketFlags.OPT_ID)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPING, self._flags)
