"""gpsd's reports, good and broken; a server that speaks as gpsd does; and gpsd itself, its receiver on a pty."""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import socket
import time
import tty
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.gpsd import PORT, GpsdReport, SystemStamp, decode_gpsd
from hw.time_of_day import PulseSecond, TimeOfDay, UtcSecond
from hw.time_of_day_gpsd import GpsdTimeOfDay
from lab import namespaces
from lab.peers.gpsd import burst
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND

NINE = 1_768_003_200  # 2026-01-10
BANNER = b'{"class":"VERSION","release":"3.22","rev":"3.22","proto_major":3,"proto_minor":14}\r\n'


def tpv(second: int, mode: int = 3, **more: object) -> bytes:
    clock = f"2026-01-10T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.000Z"
    return json.dumps({"class": "TPV", "device": "/dev/pts/0", "mode": mode, "time": clock, **more}).encode() + b"\r\n"


def pulse(report: str, second: int) -> bytes:
    what = {"class": report, "device": "/dev/pts/0", "real_sec": NINE + second, "real_nsec": 0, "clock_sec": 5}
    return json.dumps({**what, "clock_nsec": 910_514_874, "precision": -20}).encode() + b"\r\n"


def stamp(second: int) -> SystemStamp:
    return SystemStamp(5_910_514_874, (NINE + second) * 1_000_000_000, -20)


# The decoder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(tpv(5), GpsdReport("TPV", UtcSecond(NINE + 5), has_fix=True), id="a fix"),
        pytest.param(tpv(5, 2), GpsdReport("TPV", UtcSecond(NINE + 5), has_fix=True), id="in two dimensions"),
        pytest.param(tpv(5, 1), GpsdReport("TPV", UtcSecond(NINE + 5), has_fix=False), id="no fix"),
        pytest.param(b'{"class":"TPV","mode":0}', GpsdReport("TPV", None, has_fix=False), id="nothing yet"),
        pytest.param(
            tpv(5, leapseconds=18), GpsdReport("TPV", UtcSecond(NINE + 5), has_fix=True, tai_offset_s=37), id="leaps"
        ),
        pytest.param(
            b'{"class":"TPV","mode":3,"time":"2026-01-10T00:00:05.200Z"}',
            GpsdReport("TPV", UtcSecond(NINE + 5, 0.2), has_fix=True),
            id="5 Hz",
        ),
        pytest.param(
            b'{"class":"TPV","mode":3,"time":"2016-12-31T23:59:60.000Z"}',
            GpsdReport("TPV", UtcSecond(1_483_228_800, leap_second=True), has_fix=True),
            id="a leap second",
        ),
        pytest.param(pulse("PPS", 5), GpsdReport("PPS", UtcSecond(NINE + 5), stamp=stamp(5)), id="a pulse"),
        pytest.param(pulse("TOFF", 5), GpsdReport("TOFF", UtcSecond(NINE + 5), stamp=stamp(5)), id="an offset"),
        pytest.param(
            b'{"class":"TOFF","device":"/dev/pts/0","real_sec":1795422957, "real_nsec":0,"clock_sec":1,"clock_nsec":2}',
            GpsdReport(
                "TOFF",
                UtcSecond(1_795_422_957),
                stamp=SystemStamp(1_000_000_002, 1_795_422_957_000_000_000),
            ),
            id="as gpsd 3.22 wrote it",
        ),
        pytest.param(BANNER, None, id="the banner"),
        pytest.param(b'{"class":"SKY","satellites":[{"PRN":1}]}', None, id="the sky"),
        pytest.param(b'{"class":"FUTURE","real_sec":"x"}', None, id="a report of tomorrow"),
    ],
)
def test_a_report_is_decoded(line: bytes, said: GpsdReport | None) -> None:
    assert decode_gpsd(line) == said


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half"),
        pytest.param(b"$GPZDA,201530.00,04,07,2002,00,00*60", id="raw NMEA"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="no class"),
        pytest.param(b'{"class":7}', id="a class that is a number"),
        pytest.param(b'{"class":"TPV"}', id="no mode"),
        pytest.param(b'{"class":"TPV","mode":3,"time":17}', id="a time that is a number"),
        pytest.param(b'{"class":"TPV","mode":3,"time":"2026-01-10"}', id="a time that is a date"),
        pytest.param(b'{"class":"TPV","mode":3,"time":"2026-02-30T00:00:00.000Z"}', id="no such day"),
        pytest.param(b'{"class":"PPS","real_sec":1}', id="half a pulse"),
        pytest.param(b'{"class":"PPS","real_sec":1.5,"real_nsec":0}', id="a fraction"),
        pytest.param(b'{"class":"PPS","real_sec":"1","real_nsec":0}', id="a text"),
        pytest.param(b'{"class":"PPS","real_sec":1,"real_nsec":1' + b"0" * 400 + b"}", id="more than a float holds"),
        pytest.param(b'{"class":"PPS","real_sec":1000000000000000,"real_nsec":0}', id="after the end of calendars"),
        pytest.param(b'{"class":"PPS","real_sec":-1,"real_nsec":0}', id="before 1970"),
        pytest.param(b'{"class":"TPV","mode":3,"leapseconds":99999}', id="no such number of leap seconds"),
        pytest.param(b'\xff{"class":"PPS"}', id="no text at all"),
    ],
)
def test_a_broken_report_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        decode_gpsd(line)


@given(
    st.one_of(st.binary(max_size=100), st.dictionaries(st.text(), st.integers()).map(lambda d: json.dumps(d).encode()))
)
def test_noise_is_refused_or_says_nothing(noise: bytes) -> None:
    with contextlib.suppress(WireError):
        assert decode_gpsd(noise) is None


@given(st.sampled_from(["TPV", "PPS", "TOFF"]), st.integers(), st.integers(), st.text(), st.integers())
def test_members_of_any_content_are_decoded_or_refused(kind: str, sec: int, nsec: int, clock: str, mode: int) -> None:
    line = json.dumps({"class": kind, "real_sec": sec, "real_nsec": nsec, "time": clock, "mode": mode}).encode()
    with contextlib.suppress(WireError):
        decode_gpsd(line)


# The connection


class Server:
    """Listens as gpsd does, and speaks when the test says so."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connection: socket.socket | None = None

    def accept(self) -> None:
        self.connection, _ = self.listener.accept()

    def say(self, source: GpsdTimeOfDay, at_ms: int, *reports: bytes) -> None:
        """Send reports, which the source receives at so many ms of the monotonic clock."""
        assert self.connection is not None
        self.connection.sendall(b"".join(reports))
        select.select([source], [], [])
        source.receive(at_ms * MILLISECOND)

    def hang_up(self, source: GpsdTimeOfDay, at_ms: int) -> None:
        assert self.connection is not None
        self.connection.recv(1000)  # or closing is a reset
        self.connection.close()
        select.select([source], [], [])
        source.receive(at_ms * MILLISECOND)

    def close(self) -> None:
        self.listener.close()
        if self.connection is not None:
            self.connection.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


@pytest.fixture
def source(server: Server) -> Iterator[GpsdTimeOfDay]:
    source = GpsdTimeOfDay(0, port=server.port)
    server.accept()
    yield source
    source.close()


def test_it_asks_for_reports_when_gpsd_has_greeted(server: Server, source: GpsdTimeOfDay) -> None:
    assert source.second_of(0) == PulseSecond(None, doubt="gpsd has not answered yet")
    server.say(source, 100, BANNER)
    assert source.second_of(0) == PulseSecond(None, doubt="no time of day yet")
    assert server.connection is not None
    assert server.connection.recv(1000) == b'?WATCH={"enable": true, "json": true, "pps": true};\n'


def test_it_asks_for_one_receiver_if_told(server: Server) -> None:
    source = GpsdTimeOfDay(0, port=server.port, device="/dev/ttyS1")
    server.accept()
    server.say(source, 100, BANNER)
    assert server.connection is not None
    assert b'"device": "/dev/ttyS1"' in server.connection.recv(1000)
    source.close()


def test_pulses_are_numbered_by_positions(server: Server, source: TimeOfDay) -> None:
    assert isinstance(source, GpsdTimeOfDay)
    server.say(source, 10_300, BANNER, tpv(10, leapseconds=18))
    server.say(source, 11_300, tpv(11))
    assert source.second_of(12 * SECOND) == PulseSecond(NINE + 12, 700 * MILLISECOND)
    assert source.tai_offset_s == 37


def test_pulses_reported_by_gpsd_go_before_the_rest(server: Server, source: GpsdTimeOfDay) -> None:
    for second in (10, 11):
        server.say(source, second * 1000 + 2, pulse("PPS", second))
        server.say(source, second * 1000 + 300, pulse("TOFF", second + 70), tpv(second + 700))
    assert source.second_of(12 * SECOND) == PulseSecond(NINE + 12, 998 * MILLISECOND)


def test_no_fix_is_told(server: Server, source: GpsdTimeOfDay) -> None:
    server.say(source, 10_300, tpv(10))
    server.say(source, 11_300, tpv(11, 1))
    assert source.second_of(11 * SECOND).doubt == "the receiver has no fix"


def test_a_report_may_come_in_pieces_and_broken_ones_are_counted(server: Server, source: GpsdTimeOfDay) -> None:
    server.say(source, 10_300, BANNER, b"{broken}\r\n", tpv(10)[:30])
    server.say(source, 10_310, tpv(10)[30:])
    server.say(source, 11_300, tpv(11))
    assert source.dropped == 1
    assert source.second_of(11 * SECOND) == PulseSecond(NINE + 11)


def test_a_gpsd_that_ends_is_told_and_found_again(server: Server, source: GpsdTimeOfDay) -> None:
    server.say(source, 10_300, BANNER, tpv(10))
    server.say(source, 11_300, tpv(11))
    server.hang_up(source, 12_000)
    assert source.second_of(12 * SECOND).doubt == "not connected to gpsd: it closed the connection"
    assert (source.fileno(), source.wake_at) == (-1, 13 * SECOND)
    source.receive(13 * SECOND - 1)
    assert source.fileno() == -1
    source.receive(13 * SECOND)
    server.accept()
    server.say(source, 13_300, BANNER, tpv(13))
    assert source.second_of(14 * SECOND) == PulseSecond(NINE + 14, 700 * MILLISECOND)


def test_tries_come_at_growing_distances(server: Server) -> None:
    server.listener.close()
    source = GpsdTimeOfDay(0, port=server.port)
    tried = []
    for _ in range(8):
        if source.wake_at is None:  # the refusal comes by the descriptor
            select.select([source], [], [])
            source.receive((tried[-1] if tried else 0) * SECOND)
        assert "refused" in source.second_of(0).doubt
        assert source.wake_at is not None
        tried.append(source.wake_at // SECOND)
        source.receive(source.wake_at)
    assert tried == [1, 3, 7, 15, 31, 63, 123, 183]
    source.close()
    assert source.wake_at is None


def test_a_host_without_an_address_is_refused() -> None:
    with pytest.raises(HardwareError, match="no such host"):
        GpsdTimeOfDay(0, host="no such name")


# gpsd itself


@pytest.mark.peer
@pytest.mark.namespaces
def test_gpsd_numbers_pulses_as_its_receiver_does(node: namespaces.Node) -> None:
    if shutil.which("gpsd") is None:
        pytest.skip("needs gpsd (Debian: apt-get install gpsd)")
    receiver, other = os.openpty()
    tty.setraw(other)
    # Its shared memory for ntpd stays in a namespace of its own: no clock must hear of this receiver.
    node.start(["unshare", "--ipc", "gpsd", "-N", "-n", os.ttyname(other)])
    source = node.inside(wait_for_gpsd)
    started_s = time.monotonic_ns() // 1_000_000_000
    try:
        for second in range(60):  # as many as it takes; four are usual
            while time.monotonic_ns() < (started_s + second) * 1_000_000_000 + 300_000_000:
                select.select([source], [], [], 0.05)
                source.receive(time.monotonic_ns() * NANOSECOND)
            os.write(receiver, burst(START + second))
            number = source.second_of((started_s + second) * SECOND)
            if number.is_valid:
                break
    finally:
        source.close()
        os.close(receiver)
        os.close(other)
    assert number.is_valid, number.doubt
    assert number.utc_s == START + second
    assert source.dropped == 0


START = int(time.time()) // 86_400 * 86_400  # gpsd doubts other days than today


def wait_for_gpsd() -> GpsdTimeOfDay:
    for _ in range(200):
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", PORT)).close()
            break
        time.sleep(0.1)
    return GpsdTimeOfDay(time.monotonic_ns() * NANOSECOND)
