"""Datagrams of SOCK and segments of SHM: vectors written out by hand, there and back, and rubbish."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import stat
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.reference.shm import Segment, ShmInput, ShmOutput, read_segment, write_segment
from ntp.reference.sock import SockInput, SockOutput, SockSample, decode_sock, encode_sock
from ntp.wire.packet import Leap
from ptpstack.errors import HardwareError, WireError
from ptpstack.time import MICROSECOND, SECOND, MonotonicTime

pytestmark = pytest.mark.skipif(sys.maxsize < 2**32, reason="the layouts are those of 64-bit Linux")

NOW_NS = 1_795_000_000_123_456_000
VECTOR = struct.pack("=qqdiiii", 1_795_000_000, 123_456, -0.25, 0, 1, 0, 0x534F434B)
UNITS = (201, 202)


def test_a_datagram_is_laid_out_as_chrony_has_it() -> None:
    sample = SockSample(NOW_NS, -0.25, leap=Leap.INSERT)
    assert encode_sock(sample) == VECTOR
    assert decode_sock(VECTOR) == sample


@given(
    st.integers(0, 2**40 - 1),
    st.integers(0, 999_999),
    st.floats(-(2**31), 2**31),
    st.booleans(),
    st.sampled_from([Leap.NONE, Leap.INSERT, Leap.DELETE]),
)
def test_a_sample_survives_its_datagram(second: int, us: int, offset_s: float, pulse: bool, leap: Leap) -> None:
    sample = SockSample(second * 1_000_000_000 + us * 1000, offset_s, pulse, leap)
    assert decode_sock(encode_sock(sample)) == sample


@given(st.one_of(st.binary(max_size=60), st.binary(min_size=40, max_size=40)))
def test_noise_is_refused(noise: bytes) -> None:
    with contextlib.suppress(WireError):
        assert math.isfinite(decode_sock(noise).offset_s)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ((1, 0, 0.0, 0, 0, 0, 1), "magic"),
        ((1, 1_000_000, 0.0, 0, 0, 0, 0x534F434B), "no time"),
        ((1, 0, math.nan, 0, 0, 0, 0x534F434B), "no offset"),
        ((1, 0, math.inf, 0, 0, 0, 0x534F434B), "no offset"),
        ((1, 0, 0.0, 0, 3, 0, 0x534F434B), "leap"),
    ],
)
def test_what_makes_no_sense_is_refused(fields: tuple[object, ...], why: str) -> None:
    with pytest.raises(WireError, match=why):
        decode_sock(struct.pack("=qqdiiii", *fields))


# The socket


def at(seconds: float) -> MonotonicTime:
    return MonotonicTime(round(seconds * SECOND))


@pytest.fixture
def taker(tmp_path: Path) -> Iterator[SockInput]:
    made = SockInput(str(tmp_path / "new" / "gps.sock"), at(0), bound=10 * MICROSECOND, mode=0o660)
    yield made
    made.close()


def test_a_socket_is_made_with_its_mode_and_samples_keep_their_own_time(taker: SockInput) -> None:
    assert stat.S_IMODE(Path(taker.name).stat().st_mode) == 0o660
    output = SockOutput(taker.name)
    output.write(SockSample(NOW_NS, 0.5), -20)
    output.write(SockSample(NOW_NS + 1000, -0.25, pulse=True), -20)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as noise:
        noise.sendto(b"noise", taker.name)
    readings = taker.receive(at(1))
    assert [(one.system_ns, one.true_ns, one.is_pulse) for one in readings] == [
        (NOW_NS, NOW_NS + 500_000_000, False),
        (NOW_NS + 1000, NOW_NS + 1000 - 250_000_000, True),
    ]
    assert taker.dropped == 1
    output.close()


def test_a_socket_that_somebody_removed_is_made_again(taker: SockInput) -> None:
    Path(taker.name).unlink()
    before = taker.fileno()
    taker.receive(at(1))
    assert taker.fileno() == before
    taker.receive(at(3))
    output = SockOutput(taker.name)
    output.write(SockSample(NOW_NS, 0.5), -20)
    assert len(taker.receive(at(3.5))) == 1
    output.close()


def test_what_an_earlier_run_left_is_replaced_and_what_others_own_is_not(tmp_path: Path) -> None:
    path = tmp_path / "gps.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as left:
        left.bind(str(path))
        other = SockInput(str(path), at(0), bound=0)
        assert "another program listens there" in other.fault
        assert other.fileno() == -1
    other.receive(at(3))
    assert other.fault == ""
    assert other.fileno() >= 0
    other.close()
    assert not path.exists()
    path.write_text("mine")
    assert "is no socket" in SockInput(str(path), at(0), bound=0).fault
    assert path.read_text() == "mine"


def test_a_place_where_it_cannot_be_is_told() -> None:
    assert "cannot listen at /proc/no/gps.sock" in SockInput("/proc/no/gps.sock", at(0), bound=0).fault
    assert "group" in SockInput("/tmp/ptpstack-no.sock", at(0), bound=0, group="no such group").fault
    Path("/tmp/ptpstack-no.sock").unlink(missing_ok=True)


def test_a_sink_without_a_taker_says_so(tmp_path: Path) -> None:
    output = SockOutput(str(tmp_path / "nobody.sock"))
    with pytest.raises(HardwareError, match="nobody takes samples there"):
        output.write(SockSample(NOW_NS, 0.0), -20)
    output.close()


# Shared memory


def test_a_segment_is_laid_out_as_ntpd_has_it() -> None:
    segment = Segment()
    write_segment(segment, SockSample(NOW_NS, 1.5), -20)
    octets = bytes(segment)
    assert len(octets) == 96
    mode, count, clock_s, clock_us, receive_s, receive_us, leap, precision, nsamples, valid, clock_ns, receive_ns = (
        struct.unpack("=iiqi4xqiiiiiII", octets[:60])
    )
    assert (mode, count, valid, leap, precision, nsamples) == (1, 2, 1, 0, -20, 3)
    assert (clock_s, clock_us, clock_ns) == (1_795_000_001, 623_456, 623_456_000)
    assert (receive_s, receive_us, receive_ns) == (1_795_000_000, 123_456, 123_456_000)


def test_a_sample_is_read_once() -> None:
    segment = Segment()
    write_segment(segment, SockSample(NOW_NS, 1.5, leap=Leap.DELETE), -10)
    assert read_segment(segment) == (SockSample(NOW_NS, 1.5, leap=Leap.DELETE), -10)
    assert read_segment(segment) is None


def test_mode_0_counts_on_valid_alone_and_microseconds_will_do() -> None:
    segment = Segment(mode=0, count=7, clock_s=1_795_000_000, clock_us=250_000, receive_s=1_795_000_000, valid=1)
    assert read_segment(segment) == (SockSample(1_795_000_000_000_000_000, 0.25), 0)


class WrittenMeanwhile(Segment):
    """A writer changes the count while it is read."""

    looks = 0

    def __getattribute__(self, name: str) -> object:
        if name == "count":
            type(self).looks += 1
            return type(self).looks
        return super().__getattribute__(name)


def test_in_mode_1_a_sample_that_changes_while_it_is_read_waits() -> None:
    segment = WrittenMeanwhile(mode=1, valid=1, clock_s=1, receive_s=1)
    assert read_segment(segment) is None
    assert segment.valid == 1


@given(st.binary(min_size=96, max_size=96))
def test_a_segment_of_noise_is_refused_or_read(noise: bytes) -> None:
    with contextlib.suppress(ValueError):
        read_segment(Segment.from_buffer_copy(noise))


@pytest.fixture
def unit() -> Iterator[int]:
    yield UNITS[0]
    os.system(f"ipcrm -M {0x4E545030 + UNITS[0]:#x} 2>&-")


def test_a_segment_is_shared_between_writer_and_reader(unit: int) -> None:
    reader = ShmInput(unit, at(0), bound=MICROSECOND)
    writer = ShmOutput(unit)
    writer.write(SockSample(NOW_NS, 0.125), -10)
    (reading,) = reader.receive(at(0))
    assert (reading.system_ns, reading.true_ns) == (NOW_NS, NOW_NS + 125_000_000)
    assert reading.bound == SECOND >> 10
    assert reader.receive(at(0.4)) == []
    writer.write(SockSample(NOW_NS, 0.125), -25)
    writer.close()
    assert reader.receive(at(1)) == []  # a writer that ends leaves nothing that looks fresh
    reader.close()
