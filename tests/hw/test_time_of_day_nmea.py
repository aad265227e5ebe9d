"""NMEA sentences, good and broken, and a receiver on a pty."""

from __future__ import annotations

import contextlib
import errno
import os
import tty
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw import serial_receiver
from hw.time_of_day import PulseSecond, TimeOfDay, UtcSecond
from hw.time_of_day_nmea import NmeaTime, NmeaTimeOfDay, decode_nmea
from lab.peers.gpsd import sentence
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MILLISECOND, SECOND

MIDNIGHT = 1_767_225_600  # 2026-01-01
NINE = MIDNIGHT + 9 * 86_400  # 2026-01-10


def zda(second: int) -> bytes:
    """A ZDA so many seconds into 2026-01-10."""
    return sentence(f"GNZDA,{second // 3600:02}{second // 60 % 60:02}{second % 60:02}.00,10,01,2026,00,00")


def rmc(second: int, status: str = "A") -> bytes:
    clock = f"{second // 3600:02}{second // 60 % 60:02}{second % 60:02}.00"
    return sentence(f"GNRMC,{clock},{status},4717.11,N,00833.91,E,0.0,0.0,100126,,,{status}")


# The decoder


@pytest.mark.parametrize(
    ("line", "said"),
    [
        pytest.param(
            b"$GPZDA,201530.00,04,07,2002,00,00*60\r\n",
            NmeaTime("ZDA", UtcSecond(1_025_813_730), None),
            id="a textbook's",
        ),
        pytest.param(
            b"$GPRMC,123519,A,4807.038,N,01131.000,E,022.4,084.4,230394,003.1,W*6A",
            NmeaTime("RMC", UtcSecond(764_426_119), True),
            id="another textbook's, of the last century",
        ),
        pytest.param(zda(0), NmeaTime("ZDA", UtcSecond(NINE), None), id="any talker"),
        pytest.param(rmc(1), NmeaTime("RMC", UtcSecond(NINE + 1), True), id="fix"),
        pytest.param(rmc(1, "V"), NmeaTime("RMC", UtcSecond(NINE + 1), False), id="no fix"),
        pytest.param(
            sentence("GNRMC,000001.00,A,,,,,,,100126,,,N,V"), NmeaTime("RMC", UtcSecond(NINE + 1), False), id="mode N"
        ),
        pytest.param(sentence("GPRMC,,V,,,,,,,,,,N"), NmeaTime("RMC", None, False), id="neither time nor fix"),
        pytest.param(sentence("GPZDA,,,,,,"), NmeaTime("ZDA", None, None), id="no time"),
        pytest.param(sentence("GPZDA,000000.00,,,,,"), NmeaTime("ZDA", None, None), id="a time without a date"),
        pytest.param(sentence("GPZDA,000000.20,10,01,2026,,"), NmeaTime("ZDA", UtcSecond(NINE, 0.2), None), id="5 Hz"),
        pytest.param(
            sentence("GPZDA,235960.00,31,12,2025,,"),
            NmeaTime("ZDA", UtcSecond(MIDNIGHT, leap_second=True), None),
            id="a leap second",
        ),
        pytest.param(
            zda(0).lower().replace(b"gnzda", b"GNZDA"), NmeaTime("ZDA", UtcSecond(NINE), None), id="hex in lower case"
        ),
        pytest.param(
            sentence("GPGGA,123519,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"), None, id="no date in it"
        ),
        pytest.param(
            sentence("PUBX,04,073731.00,091202,113851.00,1196,15D,1930035,-2660.664,43"), None, id="a maker's"
        ),
        pytest.param(sentence("PXZDA,073731.00"), None, id="a maker's that looks like one"),
        pytest.param(sentence(""), None, id="nothing, rightly summed"),
    ],
)
def test_a_sentence_is_decoded(line: bytes, said: NmeaTime | None) -> None:
    assert decode_nmea(line) == said


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"$", id="no end"),
        pytest.param(b"$GPZDA,201530.00,04,07,2002,00,00", id="no checksum"),
        pytest.param(b"$GPZDA,201530.00,04,07,2002,00,00*61", id="a wrong checksum"),
        pytest.param(b"$GPZDA,201531.00,04,07,2002,00,00*60", id="a wrong digit"),
        pytest.param(b"$GPZDA,201530.00,04,07,2002,00,00*6", id="half a checksum"),
        pytest.param(b"30.00,04,07,2002,00,00*60", id="the end of one"),
        pytest.param(sentence("GPZDA,201530.00,04,07"), id="too few fields"),
        pytest.param(sentence("GPZDA,201530.00,04,07,02,00,00"), id="a short year"),
        pytest.param(sentence("GPZDA,201530.00,32,07,2002,00,00"), id="no such day"),
        pytest.param(sentence("GPZDA,251530.00,04,07,2002,00,00"), id="no such hour"),
        pytest.param(sentence("GPZDA,201560.00,04,07,2002,00,00"), id="a leap second at tea time"),
        pytest.param(sentence("GPZDA,2015,04,07,2002,00,00"), id="a short time"),
        pytest.param(sentence("GPRMC,123519,X,,,,,,,230394,,"), id="a status that is none"),
        pytest.param(sentence("GPRMC,123519,A,,,,,,,2303,,"), id="a short date"),
        pytest.param(sentence("GPRMC,123519"), id="too few fields of RMC"),
        pytest.param(bytes(range(128, 256)), id="noise of a wrong baud rate"),
    ],
)
def test_a_broken_sentence_is_refused(line: bytes) -> None:
    with pytest.raises(WireError):
        decode_nmea(line)


@given(st.binary(max_size=100))
def test_noise_is_refused_or_says_nothing(noise: bytes) -> None:
    with contextlib.suppress(WireError):
        assert decode_nmea(noise) is None


@given(st.sampled_from(["GPZDA", "GNRMC"]), st.lists(st.text("0123456789.AVN-", max_size=10), max_size=14))
def test_fields_of_any_content_are_decoded_or_refused(address: str, fields: list[str]) -> None:
    with contextlib.suppress(WireError):
        decode_nmea(sentence(",".join([address, *fields])))


# The port


class Receiver:
    """A GNSS receiver on a pty: what it writes is read from ``port``."""

    def __init__(self) -> None:
        self.fd, self._other = os.openpty()
        tty.setraw(self._other)
        self.port = os.ttyname(self._other)

    def write(self, data: bytes) -> None:
        os.write(self.fd, data)

    def unplug(self) -> None:
        os.close(self.fd)
        os.close(self._other)
        self.fd = -1

    def close(self) -> None:
        if self.fd >= 0:
            self.unplug()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    pytest.importorskip("serial", reason="needs pyserial (the extra gnss)")
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def source(receiver: Receiver) -> Iterator[NmeaTimeOfDay]:
    source = NmeaTimeOfDay(receiver.port, 0)
    yield source
    source.close()


Hear = Callable[..., None]


@pytest.fixture
def hear(receiver: Receiver, source: NmeaTimeOfDay) -> Hear:
    """Let sentences arrive; they are read at so many ms of the monotonic clock."""

    def hear(at_ms: int, *sentences: bytes) -> None:
        receiver.write(b"".join(sentences))
        source.receive(at_ms * MILLISECOND)

    return hear


def test_pulses_are_numbered_by_zda(source: TimeOfDay, hear: Hear) -> None:
    hear(10_300, zda(10))
    hear(11_300, zda(11))
    assert source.second_of(12 * SECOND) == PulseSecond(NINE + 12, 700 * MILLISECOND)


def test_pulses_are_numbered_by_rmc_where_there_is_no_zda(source: TimeOfDay, hear: Hear) -> None:
    hear(10_300, rmc(10))
    hear(11_300, rmc(11))
    assert source.second_of(12 * SECOND) == PulseSecond(NINE + 12, 700 * MILLISECOND)


def test_zda_is_preferred_and_rmc_says_whether_there_is_a_fix(source: TimeOfDay, hear: Hear) -> None:
    for second in (10, 11):
        hear(second * 1000 + 300, zda(second), rmc(second + 500))
    assert source.second_of(11 * SECOND) == PulseSecond(NINE + 11)
    hear(12_300, zda(12), rmc(12, "V"))
    assert source.second_of(12 * SECOND).doubt == "the receiver has no fix"
    hear(13_300, zda(13), rmc(13))
    assert source.second_of(13 * SECOND) == PulseSecond(NINE + 13)


def test_a_sentence_may_come_in_pieces(source: TimeOfDay, hear: Hear) -> None:
    hear(10_300, zda(10)[:20])
    hear(10_310, zda(10)[20:])
    hear(11_300, zda(11)[:1])
    hear(11_310, zda(11)[1:])
    assert source.second_of(11 * SECOND) == PulseSecond(NINE + 11)


def test_broken_lines_are_counted_and_passed_over(source: NmeaTimeOfDay, hear: Hear) -> None:
    hear(10_300, zda(10), b"\xff\xfe noise\r\n", zda(10)[5:], b"$GPZDA*00\r\n")
    hear(11_300, zda(11))
    assert source.dropped == 3
    assert source.second_of(11 * SECOND).is_valid


def test_noise_without_end_is_not_kept(source: NmeaTimeOfDay, hear: Hear) -> None:
    for _ in range(20):
        hear(10_000, b"U" * 3000)
    assert len(source._language._line) <= 1024
    hear(10_300, b"\n" + zda(10))
    hear(11_300, zda(11))
    assert source.second_of(11 * SECOND).is_valid


def test_what_waits_in_the_port_at_the_start_is_of_earlier_seconds(receiver: Receiver) -> None:
    first = NmeaTimeOfDay(receiver.port, 0)
    receiver.write(zda(1) + zda(2) + zda(3))
    first.close()
    source = NmeaTimeOfDay(receiver.port, 0)
    source.receive(SECOND)
    assert source.second_of(SECOND).utc_s is None
    source.close()


def test_the_port_is_open_for_us_alone(receiver: Receiver, source: NmeaTimeOfDay) -> None:
    other = NmeaTimeOfDay(receiver.port, 0)
    assert source.fileno() >= 0
    assert other.fileno() == -1
    assert "cannot open" in other.second_of(SECOND).doubt


def test_a_receiver_that_is_unplugged_is_told_and_looked_for(
    receiver: Receiver, source: NmeaTimeOfDay, hear: Hear
) -> None:
    hear(10_300, zda(10))
    hear(11_300, zda(11))
    receiver.unplug()
    source.receive(12 * SECOND)
    assert source.fileno() == -1
    assert source.wake_at == 13 * SECOND
    assert f"cannot read {receiver.port}" in source.second_of(12 * SECOND).doubt


class ScriptedPort:
    def __init__(self, *data: bytes) -> None:
        self.data = list(data)

    def fileno(self) -> int:
        return 7

    def read(self, _size: int) -> bytes:
        return self.data.pop(0)

    def close(self) -> None:
        self.data.clear()


def test_a_port_is_tried_at_growing_distances_and_works_again() -> None:
    answers: list[OSError | ScriptedPort] = [OSError(errno.ENOENT, "No such file or directory") for _ in range(4)]
    answers.append(ScriptedPort(zda(20), zda(21)))

    def open_port(_port: str, _baud_rate: int) -> ScriptedPort:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer

    source = NmeaTimeOfDay("/dev/ttyS9", 0, open_port=open_port)
    tried = []
    while source.wake_at is not None:
        assert source.second_of(0) == PulseSecond(None, doubt="cannot open /dev/ttyS9: No such file or directory")
        source.receive(source.wake_at - 1)
        tried.append(source.wake_at // SECOND)
        source.receive(source.wake_at)
    assert tried == [1, 3, 7, 15]
    assert source.fileno() == 7
    source.receive(20_300 * MILLISECOND)
    source.receive(21_300 * MILLISECOND)
    assert source.second_of(21 * SECOND) == PulseSecond(NINE + 21)


def test_without_pyserial_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(serial_receiver.importlib, "import_module", missing)
    with pytest.raises(HardwareError, match=r"install ptpstack\[gnss\]"):
        NmeaTimeOfDay("/dev/ttyS9", 0)
