"""What a test bench hears of an ECU each second."""

from __future__ import annotations

from typing import Any

import pytest

from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.station_status_output import StationStatusOutput
from ptpstack.errors import HardwareError
from ptpstack.wire.station_status import StationState, StationStatus, decode
from tests.daemon.test_announce_tlvs import Loop
from tests.daemon.test_smp_synch_output import Events
from tests.gptp.car import slave_rig

MAC = bytes.fromhex("020000000001")


class Group:
    def __init__(self) -> None:
        self.sent: list[StationStatus] = []
        self.closed = False
        self.fails = False

    def send(self, payload: bytes) -> None:
        if self.fails:
            raise HardwareError("gone", where="eth0", why="unplugged")
        self.sent.append(decode(payload))

    def close(self) -> None:
        self.closed = True


class Station:
    def __init__(self) -> None:
        self.rig = slave_rig()
        self.synced = False
        self.group, self.events, self.loop = Group(), Events(), Loop()
        made: Any = StationStatusOutput(
            "main",
            self.rig.instance,
            1,
            MAC,
            open_socket=lambda: self.group,
            is_synced=lambda: self.synced,
            clock_ns=lambda: 12345,
            loop=self.loop,  # type: ignore[arg-type]
            recorder=self.events,  # type: ignore[arg-type]
        )
        made.start()

    def second(self) -> None:
        self.loop.tick()


def test_it_is_ready_before_it_is_synced() -> None:
    station = Station()
    station.synced = True
    station.second()
    states = [status.station_state for status in station.group.sent]
    assert states == [StationState.ETHERNET_READY, StationState.AVB_SYNC]
    assert [status.sequence_id for status in station.group.sent] == [0, 1]
    assert (station.group.sent[0].mac, station.group.sent[0].message_timestamp_ns) == (MAC, 12345)


def test_links_that_go_and_come_are_counted_and_not_told_while_down() -> None:
    station = Station()
    rig = station.rig
    rig.take(rig.instance.link_changed(1, False, rig.now))
    station.second()
    assert len(station.group.sent) == 1
    assert station.group.closed
    rig.take(rig.instance.link_changed(1, True, rig.now))
    station.second()
    last = station.group.sent[-1]
    assert (last.link_up_count, last.link_down_count) == (2, 1)


@pytest.mark.parametrize("times", [1, 3])
def test_what_cannot_be_sent_is_told_once(times: int) -> None:
    station = Station()
    station.group.fails = True
    for _ in range(times):
        station.second()
    (event,) = station.events.events
    assert isinstance(event, Unavailable)
    station.group.fails = False
    station.second()
    assert len(station.group.sent) == 2
