"""The sockets of a port with many unicast clients: what can be done for many at once is, the rest as ever.

Who has many clients gets their requests one by one, and stamps them when they come: nothing is lost by letting a few
gather before they are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptpstack.daemon.loop import monotonic_now
from ptpstack.daemon.port_io import PortIo
from ptpstack.engine.outputs import UnicastBatch
from ptpstack.errors import HardwareError

if TYPE_CHECKING:
    from ptpstack.daemon.unicast_batches import UnicastBatches

FEW = 2
"""So few at once, and they are read when they come."""


class BatchedPortIo(PortIo):
    """A port whose clients are served by *batches*, which :meth:`serve` brings along."""

    _batches: UnicastBatches | None = None

    def serve(self, batches: UnicastBatches) -> None:
        """Serve the clients of one port of one instance by *batches*, from the opening of the sockets on."""
        self._batches = batches
        self._gathered = self._loop.timer(self._read_on)

    def send_batch(self, batch: UnicastBatch) -> None:
        """Send one message to each client of a slot, and the Follow_Ups as far as there are stamps."""
        if self._batches is None or self._socket is None:
            self.counters["not sent"] += len(batch.slot.grants)
            return
        self._batches.send(batch)
        self._take_stamps()
        if self._gathered.deadline is not None:
            self._read_on()  # as this is awake already

    def forget_stamps(self) -> None:
        """Give up the transmit stamps of batches: the clock was stepped."""
        if self._batches is not None:
            self._batches.forget()

    def close(self) -> None:
        """Close the sockets for good."""
        super().close()
        if self._batches is not None:
            self._gathered.close()

    def _open(self) -> None:
        super()._open()
        if self._batches is not None and self._socket is not None:
            self._batches.open(self._socket, self.counters)

    def _close_socket(self) -> None:
        super()._close_socket()
        if self._batches is not None:
            self._batches.close()
            self._gathered.set(None)

    def _on_event(self) -> None:
        if self._socket is None or self._batches is None:
            super()._on_event()
            return
        try:
            frames, count = self._batches.receive()
        except HardwareError as error:
            self._take_error(error)
            return
        if not count or self._awaited or self._batches.awaits_stamps:  # else it was frames that woke us
            self._take_stamps()
        if frames:
            for frame in self._answer(self._of_own_vlan(frames)):
                self._take_frame(frame)
        if FEW < count < self._batches.most and self._socket is not None:
            self._loop.unwatch(self._socket.event_fileno())
            self._gathered.set(monotonic_now() + self._batches.gathering_time)

    def _read_on(self) -> None:
        if self._socket is not None:
            self._loop.watch(self._socket.event_fileno(), self._on_event)
            self._on_event()

    def _take_stamps(self) -> None:
        assert self._batches is not None
        try:
            stamps = self._batches.take_stamps()
        except HardwareError as error:
            self._take_error(error)
            return
        for stamp in stamps:
            self._awaited.came(stamp)
