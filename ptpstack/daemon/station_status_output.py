"""Tells each second how far this station is, by AVnu's Test Status message: for the bench that tests an ECU.

What does not live here: the message (``wire.station_status``), and AVB_MEDIA_READY, which only an application knows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.gptp.instance import GptpInstance
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.station_status import StationState, StationStatus

INTERVAL: TimeInterval = SECOND


class GroupSocket(Protocol):
    """What sends to AVnu's group on one interface (``hw.sockets.ethernet_group``)."""

    def send(self, payload: bytes) -> None:
        """Send a payload. Raises ``HardwareError``."""

    def close(self) -> None:
        """Close it."""


class StationStatusOutput:
    """Sends the status of port *port_number* of *instance*, called *name*, from *mac*.

    *open_socket* may fail, and is tried again; *is_synced* tells whether the clock has the grandmaster's time,
    *clock_ns* what it reads.
    """

    def __init__(
        self,
        name: str,
        instance: GptpInstance,
        port_number: int,
        mac: bytes,
        *,
        open_socket: Callable[[], GroupSocket],
        is_synced: Callable[[], bool],
        clock_ns: Callable[[], int],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self._instance = instance
        self._port_number = port_number
        self._mac = mac
        self._open_socket = open_socket
        self._is_synced = is_synced
        self._clock_ns = clock_ns
        self._recorder = recorder
        self._timer = loop.timer(self._on_timer)
        self._socket: GroupSocket | None = None
        self._sequence_id = 0
        self._failed = ""

    def start(self) -> None:
        """Tell from now on."""
        self._on_timer()

    def stop(self) -> None:
        """Tell no more."""
        self._timer.close()
        self._close()

    def _on_timer(self) -> None:
        self._timer.set(monotonic_now() + INTERVAL)
        port = self._instance.ports[self._port_number]
        if not port.variables.port_oper:
            self._close()
            return
        try:
            status = self._status()
            if self._socket is None:
                self._socket = self._open_socket()
            self._socket.send(status.encode())
        except HardwareError as error:
            self._close()
            if self._failed != str(error):
                self._failed = str(error)
                self._recorder.record(Unavailable(what="the Test Status message", why=str(error)), self.name)
        else:
            self._failed = ""
            self._sequence_id += 1

    def _status(self) -> StationStatus:
        port_ds = self._instance.ports[self._port_number].port_ds
        return StationStatus(
            mac=self._mac,
            sequence_id=self._sequence_id,
            link_up_count=port_ds.link_up_count,
            link_down_count=port_ds.link_down_count,
            gm_changed_count=self._instance.current_ds.gm_change_count,
            message_timestamp_ns=self._clock_ns(),
            station_state=StationState.AVB_SYNC if self._is_synced() else StationState.ETHERNET_READY,
        )

    def _close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None
