"""The driver on real sockets of the loopback, with servers that are threads, names and a clock that are scripted."""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

from hw.timestamping import Timestamping
from ntp.candidate import Policy
from ntp.client.sample import StampSource
from ntp.client.settings import AssociationSettings
from ntp.ensemble import Ensemble
from ntp.resolver import Resolver
from ntp.transport import Address, ClientSocket
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.ntp_driver import NtpDriver
from ptpstack.daemon.ntp_source import (
    NtpSourceState,
)
from ptpstack.daemon.state_store import StateStore
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.time import (
    MILLISECOND,
    NANOSECOND,
    SECOND,
    LocalTime,
    TimeInterval,
    UtcTime,
)
from tests.daemon.fakes import Workshop
from tests.ntp.world import Server

TAI_S = 37


def utc_now() -> UtcTime:
    return UtcTime(time.time_ns() * NANOSECOND)


class LoopbackServer:
    """A server in a thread, which is wrong by *offset* and may keep silent."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0, offset: TimeInterval = 0) -> None:
        self.server = Server("loopback", offset=offset)
        self.silent = False
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, port))
        self.address = Address(socket.AF_INET, self._socket.getsockname())
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        while True:
            octets, port = self._socket.recvfrom(2048)
            if not octets:
                return
            now = utc_now() + self.server.offset
            reply = self.server.reply(octets, now, now)
            if reply and not self.silent:
                self._socket.sendto(reply, port)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.sendto(b"", self.address.sockaddr)
        self._thread.join(10)
        self._socket.close()


class TrueClock:
    """CLOCK_REALTIME and *ahead* more, on TAI."""

    name = "true"
    stamping = Timestamping.SOFTWARE
    max_frequency_ppb = 1e5

    def __init__(self, ahead: TimeInterval) -> None:
        self.ahead = ahead
        self.fails = False

    def time(self) -> LocalTime:
        if self.fails:
            raise HardwareError("cannot read", where=self.name, why="a test")
        return LocalTime(int(utc_now()) + TAI_S * SECOND + self.ahead)

    def local_time(self, stamp_ns: int) -> LocalTime:
        return LocalTime(stamp_ns * NANOSECOND + TAI_S * SECOND + self.ahead)


class FakeClockDriver:
    """What a clock driver is to NTP."""

    def __init__(self, clock: TrueClock) -> None:
        self.clock = clock
        self.frequency_ppb = 0.0
        self.time_properties: TimeProperties | None = None
        self.taken: list[Measurement] = []
        self.leap_seconds = LeapSeconds(())
        self.kept = KeptState(StateStore(""))
        self.moved: list[TimeInterval] = []
        self.taken_when_moved: list[list[Measurement]] = []
        self.arbiter = ClockArbiter(clock.name, ["ntp"])

    def local_time(self, stamp_ns: int) -> LocalTime:
        return self.clock.local_time(stamp_ns)

    def moved_by_others(self, delta: TimeInterval, why: str) -> None:
        assert "NTP sources" in why
        self.moved.append(delta)
        self.taken_when_moved.append([*self.taken])

    def take(self, user: NtpDriver, measurement: Measurement) -> None:
        assert user.name == "ntp"
        self.taken.append(measurement)


class Bench(Workshop):
    def __init__(self, *addresses: Address, count: int = 1, ahead: TimeInterval = 5 * MILLISECOND, **keys: Any) -> None:
        super().__init__()
        self.addresses = list(addresses)
        self.lookups = 0
        self.clock = TrueClock(ahead)
        self.clock_driver = FakeClockDriver(self.clock)
        self.source = NtpSourceState(NtpSource(address="ntp.example", **keys), count)
        self.ensemble = Ensemble(Policy())
        self.ntp = NtpDriver(
            self.clock_driver,  # type: ignore[arg-type]
            self.ensemble,
            [self.source],
            settings_of=lambda _source, name: AssociationSettings(
                name=name, min_poll=-3, max_poll=-3, iburst=False, stamps=StampSource.KERNEL
            ),
            open_socket=lambda address: ClientSocket(address, Timestamping.SOFTWARE),
            names=Resolver(self._look_up),
            kernel_tai_offset_s=lambda: TAI_S,
            loop=self.loop,
            recorder=self.recorder,
        )

    def _look_up(self, _name: str, _port: int, _family: int) -> list[Address]:
        self.lookups += 1
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses

    def run_until(self, holds: Any, seconds: float = 20) -> None:
        for _ in range(round(seconds * 10)):
            if holds():
                return
            self.run_for(0.1)
        raise AssertionError(self.ntp.as_dict())

    def source_dict_or_none(self) -> dict[str, Any] | None:
        return next(iter(self.ntp.as_dict()["sources"].values()), None)

    def source_dict(self) -> dict[str, Any]:
        (only,) = self.ntp.as_dict()["sources"].values()
        result: dict[str, Any] = only
        return result
