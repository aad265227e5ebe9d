"""Receivers as reference clocks: gpsd's reports, NMEA and UBX on a scripted port; UBX is encoded by pyubx2."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.gpsd import GpsdReport, decode_gpsd
from hw.time_of_day import UtcSecond
from hw.time_of_day_ubx import UbxTimeOfDay
from hw.ubx import UbxMessages, UbxTime
from lab.peers.gpsd import burst, sentence
from ntp.reference.receivers import GpsdInput, SerialInput
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND, MonotonicTime

pyubx2 = pytest.importorskip("pyubx2", reason="needs pyubx2 (the extra gnss)")

SECOND_S = 1_795_000_000  # 2026-11-18 11:06:40 UTC
SYSTEM_NS = SECOND_S * 1_000_000_000 + 180_000_000


FIX, NO_FIX = b'{"class":"TPV","mode":3,"leapseconds":18}', b'{"class":"TPV","mode":1}'


def at(seconds: float) -> MonotonicTime:
    return MonotonicTime(round(seconds * SECOND))


class ScriptedGpsd:
    name, fault, dropped, wake_at = "gpsd", "", 0, None

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    def fileno(self) -> int:
        return -1

    def receive(self, _now: MonotonicTime) -> list[GpsdReport]:
        lines, self.lines = self.lines, []
        return [said for line in lines if (said := decode_gpsd(line)) is not None]

    def close(self) -> None:
        """Nothing."""


def report(kind: str, **more: object) -> bytes:
    stamp = {"real_sec": SECOND_S, "real_nsec": 0, "clock_sec": SECOND_S, "clock_nsec": 180_000_000}
    return json.dumps({"class": kind, "device": "/dev/pts/0", **stamp, **more}).encode()


def test_gpsd_gives_pulses_as_they_are_and_sentences_as_late_as_set() -> None:
    gpsd = ScriptedGpsd()
    source = GpsdInput(
        gpsd,  # type: ignore[arg-type]
        pulse_bound=10 * MICROSECOND,
        delay=150 * MILLISECOND,
        bound=50 * MILLISECOND,
    )
    gpsd.lines = [report("TOFF"), FIX, report("PPS", precision=-20, qErr=7000), report("PPS", precision=-10)]
    toff, pulse, coarse = source.receive(at(0))
    assert (toff.system_ns - toff.true_ns, toff.bound, toff.rank) == (30_000_000, 50 * MILLISECOND, 0)
    assert (pulse.system_ns - pulse.true_ns, pulse.bound, pulse.rank) == (180_000_007, 10 * MICROSECOND, 1)
    assert coarse.bound == SECOND >> 10
    assert not pulse.is_pulse


def test_without_a_fix_gpsd_says_nothing_and_why() -> None:
    gpsd = ScriptedGpsd()
    source = GpsdInput(gpsd, pulse_bound=0, delay=0, bound=0)  # type: ignore[arg-type]
    gpsd.lines = [report("TOFF"), NO_FIX, FIX, NO_FIX]
    assert source.receive(at(0)) == []
    gpsd.lines = [report("TOFF"), FIX]
    assert len(source.receive(at(0))) == 1
    assert source.tai_offset_s == 37
    assert source.fault == ""
    gpsd.lines = [NO_FIX]
    source.receive(at(1))
    assert source.fault == "the receiver has no fix"


def test_a_receiver_that_has_lost_count_of_weeks_is_not_read() -> None:
    gpsd = ScriptedGpsd()
    source = GpsdInput(gpsd, pulse_bound=0, delay=0, bound=0)  # type: ignore[arg-type]
    gpsd.lines = [report("PPS", real_sec=SECOND_S - 1024 * 7 * 86_400)]
    assert source.receive(at(0)) == []


class ScriptedPort:
    def __init__(self) -> None:
        self.data = b""

    def fileno(self) -> int:
        return 7

    def read(self, _size: int) -> bytes:
        data, self.data = self.data, b""
        return data

    def close(self) -> None:
        """Nothing."""


def serial_input(port: ScriptedPort, *, ubx: bool) -> SerialInput:
    return SerialInput(
        "/dev/ttyS9",
        at(0),
        speaks_ubx=ubx,
        delay=200 * MILLISECOND,
        bound=100 * MILLISECOND,
        open_port=lambda _port, _baud_rate: port,
        system_ns=lambda: SYSTEM_NS,
    )


def nav_pvt(second: int = 40, **more: Any) -> bytes:
    fields = {
        "year": 2026,
        "month": 11,
        "day": 18,
        "hour": 11,
        "min": 6,
        "second": second,
        "validDate": 1,
        "validTime": 1,
        "fullyResolved": 1,
        "nano": 0,
        "fixType": 3,
        "gnssFixOk": 1,
    }
    message = pyubx2.UBXMessage("NAV", "NAV-PVT", pyubx2.GET, **(fields | more))
    octets: bytes = message.serialize()
    return octets


def tim_tp(qerr_ps: int) -> bytes:
    octets: bytes = pyubx2.UBXMessage("TIM", "TIM-TP", pyubx2.GET, towMS=1, qErr=qerr_ps, week=2400).serialize()
    return octets


def test_the_first_sentence_of_a_second_counts() -> None:
    port = ScriptedPort()
    source = serial_input(port, ubx=False)
    port.data = burst(SECOND_S)
    (reading,) = source.receive(at(1))
    assert reading.system_ns == SYSTEM_NS
    assert reading.true_ns == SECOND_S * 1_000_000_000 + 200_000_000
    port.data = burst(SECOND_S)
    assert source.receive(at(1.1)) == []
    port.data = sentence("GPRMC,110641.00,V,,,,,,,181126,,,N") + burst(SECOND_S + 1)[-40:]
    assert source.receive(at(2)) == []
    assert source.fault == "the receiver has no fix"


def test_a_nav_pvt_names_its_second() -> None:
    port = ScriptedPort()
    source = serial_input(port, ubx=True)
    port.data = nav_pvt() + nav_pvt(41)[:50]
    assert [one.true_ns for one in source.receive(at(1))] == [SECOND_S * 1_000_000_000 + 200_000_000]
    port.data = nav_pvt(41)[50:]
    assert [one.true_ns for one in source.receive(at(2))] == [(SECOND_S + 1) * 1_000_000_000 + 200_000_000]


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        pytest.param(nav_pvt(), UbxTime(UtcSecond(SECOND_S), has_fix=True), id="a fix"),
        pytest.param(nav_pvt(gnssFixOk=0), UbxTime(UtcSecond(SECOND_S), has_fix=False), id="no good fix"),
        pytest.param(nav_pvt(fixType=0), UbxTime(UtcSecond(SECOND_S), has_fix=False), id="no fix"),
        pytest.param(nav_pvt(fullyResolved=0), UbxTime(None, has_fix=True), id="leap seconds not known"),
        pytest.param(nav_pvt(nano=-300), UbxTime(UtcSecond(SECOND_S), has_fix=True), id="a tick before"),
        pytest.param(nav_pvt(nano=200_000_000), UbxTime(UtcSecond(SECOND_S, 0.2), has_fix=True), id="5 Hz"),
        pytest.param(
            nav_pvt(nano=-200_000_000), UbxTime(UtcSecond(SECOND_S - 1, 0.8), has_fix=True), id="5 Hz, rounded up"
        ),
        pytest.param(
            nav_pvt(60, month=12, day=31, hour=23, min=59),
            UbxTime(UtcSecond(1_798_761_600, leap_second=True), has_fix=True),
            id="a leap second",
        ),
        pytest.param(tim_tp(-4321), UbxTime(qerr_ps=-4321), id="the next pulse"),
    ],
)
def test_a_message_is_decoded(octets: bytes, said: UbxTime) -> None:
    assert list(UbxMessages().take(octets)) == [said]


def test_frames_are_found_among_other_octets_and_broken_ones_counted() -> None:
    broken = bytearray(nav_pvt())
    broken[20] ^= 1
    messages = UbxMessages()
    assert len(list(messages.take(b"$GPZDA\xb5" + bytes(broken) + b"\xb5\x62\xff" + nav_pvt()))) == 0
    found = list(messages.take(b"\xff\xff" + 4 * nav_pvt()))  # a length that was noise is passed over
    assert found
    assert messages.dropped >= 1


@given(st.binary(max_size=300))
def test_noise_says_nothing(noise: bytes) -> None:
    assert list(UbxMessages().take(noise)) == []


@given(st.binary(min_size=92, max_size=92))
def test_a_nav_pvt_of_any_content_is_decoded_or_counted(payload: bytes) -> None:
    body = b"\x01\x07" + len(payload).to_bytes(2, "little") + payload
    first = second = 0
    for octet in body:
        first = (first + octet) & 0xFF
        second = (second + first) & 0xFF
    messages = UbxMessages()
    assert len(list(messages.take(b"\xb5\x62" + body + bytes((first, second))))) + messages.dropped == 1


def test_a_pulse_is_corrected_by_the_message_before_it() -> None:
    port = ScriptedPort()
    open_port: Callable[[str, int], ScriptedPort] = lambda _port, _baud_rate: port  # noqa: E731
    source = UbxTimeOfDay("/dev/ttyS9", at(0), open_port=open_port)
    for second in (40, 41):
        port.data = nav_pvt(second) + tim_tp(9000)
        source.receive(at(second + 0.3))
    number = source.second_of(at(42))
    assert number.is_valid
    assert number.utc_s == SECOND_S + 2
    assert number.early_by == 9 * NANOSECOND
    assert source.second_of(at(43)).early_by == 0
