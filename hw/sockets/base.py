"""What the sockets of every transport share: two descriptors, draining, stamps, errors."""

from __future__ import annotations

import contextlib
import socket
from abc import ABC, abstractmethod
from collections.abc import Hashable, Sequence
from typing import Any, ClassVar

from msgspec import Struct

from hw.sockets.batch import Batch
from hw.sockets.errors import receive_error, transmit_error
from hw.sockets.keys import STAMPS_PER_CALL, StampedSends, TransmitStamp, kernel_takes_keys
from hw.timestamping import (
    Granted,
    RxFilter,
    Timestamping,
    TxType,
    enable_hardware_timestamping,
    hardware_timestamping,
    stamp_from,
)
from ptpstack.errors import HardwareError

_FRAME_SIZE = 2048
_CONTROL_SIZE = 256
_BUFFER_BYTES = 4 << 20
"""Frames *and* waiting transmit stamps are charged to the receive buffer: the default holds just 255 stamps."""

_SO_RCVBUFFORCE = 33

_TYPE, _SYNC = 0x0F, 0x00
_FLAGS, _TWO_STEP = 6, 0x02
"""Where a Sync says that a Follow_Up comes (IEEE 1588-2019 13.3)."""


class Received(Struct, frozen=True):
    """One frame: *source* can be given back as the destination of a unicast answer.

    *stamp_ns* is the ingress stamp in ns of the stamping clock, None if the frame came without one.
    *vlan_id* is that of a frame which carried a VLAN tag although it came in by the parent interface.
    *is_unicast* tells that it was sent to this host alone, which is known on Ethernet only.
    """

    payload: bytes
    stamp_ns: int | None
    source: Hashable
    vlan_id: int | None = None
    is_unicast: bool = False


class PortSocket(ABC):
    """The sockets of one port. Addresses are text: ``01:1b:19:00:00:00``, ``224.0.1.129``, ``ff0e::181``.

    Nothing blocks. Every method may raise ``InterfaceGone`` or ``InterfaceDown``; the sends also ``TransmitFailed``.
    """

    filters: ClassVar[Sequence[RxFilter]]
    """The receive filters that let this transport's event frames through, the preferred one first."""

    def __init__(
        self, interface: str, index: int, sockets: tuple[socket.socket, socket.socket], granted: Granted
    ) -> None:
        self.interface = interface
        self.granted = granted
        self.index = index
        self._event, self._general = sockets
        self._event_batch, self._general_batch = Batch(), Batch()
        self._writes_into_syncs = granted.tx_type is TxType.ONESTEP_SYNC
        self.sends = StampedSends(self._event, granted.timestamping, give_keys=kernel_takes_keys())

    def explained(self, error: OSError) -> HardwareError:
        """Return what *error* of a receiving call on the event socket means."""
        return receive_error(error, self._event, self.interface, self.index)

    def event_fileno(self) -> int:
        """Return the descriptor that is readable when an event frame or a transmit stamp waits."""
        return self._event.fileno()

    def general_fileno(self) -> int:
        """Return the descriptor that is readable when a general frame waits."""
        return self._general.fileno()

    def send_event(self, payload: bytes, destination: Hashable) -> int:
        """Send an event frame and return the key under which its stamp will come (or not, if it gets lost).

        A NIC opened for one-step Syncs gives the stamp of one that is to have a Follow_Up: it is set as each Sync is.
        """
        if self._writes_into_syncs and payload[0] & _TYPE == _SYNC:
            self._stamp_syncs(TxType.ON if payload[_FLAGS] & _TWO_STEP else TxType.ONESTEP_SYNC)
        octets, address = self._frame(payload, destination, event=True)
        try:
            return self.sends.send(octets, address)
        except OSError as error:
            raise transmit_error(error, self._event, self.interface, self.index) from error

    def send_general(self, payload: bytes, destination: Hashable) -> None:
        """Send a general frame."""
        octets, address = self._frame(payload, destination, event=False)
        try:
            if address is None:
                self._general.send(octets)
            else:
                self._general.sendto(octets, address)
        except OSError as error:
            raise transmit_error(error, self._event, self.interface, self.index) from error

    def transmit_stamps(self, most: int = STAMPS_PER_CALL) -> list[TransmitStamp]:
        """Return transmit stamps that have arrived, at most so many; ignore keys that are no longer awaited."""
        try:
            return self.sends.stamps(most)
        except OSError as error:
            raise receive_error(error, self._event, self.interface, self.index) from error

    def receive_event(self) -> list[Received]:
        """Return event frames that wait, not always all of them: call again while the descriptor is readable."""
        return self._drain(self._event, self._event_batch)

    def receive_general(self) -> list[Received]:
        """Return general frames that wait, as :meth:`receive_event` does."""
        return self._drain(self._general, self._general_batch)

    def restore_stamping(self) -> Granted | None:
        """Look whether the NIC still stamps as granted, and set it again if not: any program may change that.

        Returns how it was found when it was changed. What is found and suffices stays, and is what is granted now.
        Raises ``HardwareError`` when the NIC refuses what it granted before.
        """
        if self.granted.timestamping is not Timestamping.HARDWARE:
            return None
        try:
            found = hardware_timestamping(self._event, self.interface)
        except OSError:  # it cannot be read, or it just went away, which the next frame will tell
            return None
        if found == self.granted:
            return None
        wanted = self.granted.tx_type
        self.granted = enable_hardware_timestamping(self._event, self.interface, self.filters, wanted)
        return found

    def _stamp_syncs(self, wanted: TxType) -> None:
        if self.granted.tx_type is not wanted:
            self.granted = enable_hardware_timestamping(self._event, self.interface, self.filters, wanted)

    def family_and_ports(self) -> tuple[int, tuple[int, int]]:
        """Return the address family, and the ports of event and general frames; only UDP has them."""
        raise NotImplementedError

    def close(self) -> None:
        """Close both sockets, which leaves the groups."""
        self._event.close()
        self._general.close()

    @abstractmethod
    def _frame(self, payload: bytes, destination: Hashable, *, event: bool) -> tuple[bytes, Any]:
        """Return what to send: octets, and an address unless they contain it."""

    @abstractmethod
    def _received(self, data: bytes, control: list[tuple[int, int, bytes]], address: Any) -> Received | None:  # noqa: ANN401 (as of each family)
        """Return the frame in what ``recvmsg`` gave, None if it is not one."""

    def _drain(self, sock: socket.socket, batch: Batch) -> list[Received]:
        frames: list[Received] = []
        taken = 0
        try:
            while taken < batch.size:
                data, control, _, address = sock.recvmsg(_FRAME_SIZE, _CONTROL_SIZE)
                taken += 1
                frame = self._received(data, control, address)
                if frame is not None:
                    frames.append(frame)
        except BlockingIOError:
            pass
        except OSError as error:
            raise receive_error(error, self._event, self.interface, self.index) from error
        batch.taken(taken)
        return frames

    def _stamp(self, control: list[tuple[int, int, bytes]]) -> int | None:
        return stamp_from(control, self.granted.timestamping)


def set_common_options(sock: socket.socket, *, priority: int | None) -> None:
    """Set what every socket of a port has: never blocking, a large buffer, a transmit priority if one is given."""
    sock.setblocking(False)
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER_BYTES)
    except PermissionError:  # the system's limit (net.core.rmem_max) is the best that can be had
        with contextlib.suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
    if priority is not None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, priority)
