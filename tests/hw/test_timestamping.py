"""What is asked of the NIC and the socket for stamps, and how the answers are read."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator

import pytest

from hw import timestamping
from hw.sockets import PortSocket, Transport, open_socket
from hw.timestamping import (
    L2_FILTERS,
    L4_FILTERS,
    SIOCGHWTSTAMP,
    SIOCSHWTSTAMP,
    SO_TIMESTAMPING,
    Granted,
    RxFilter,
    SocketFlags,
    Timestamping,
    TxType,
    enable_hardware_timestamping,
    hardware_timestamping,
    key_from,
    socket_flags,
    stamp_from,
)
from ptpstack.errors import HardwareError
from ptpstack.wire.message import Flag, encode
from ptpstack.wire.messages import PdelayReq, Sync

HARDWARE, SOFTWARE = Timestamping.HARDWARE, Timestamping.SOFTWARE


class Nic:
    """A driver's side of SIOCGHWTSTAMP and SIOCSHWTSTAMP."""

    def __init__(self, *, takes: dict[RxFilter, RxFilter], now: tuple[TxType, RxFilter] | None = None) -> None:
        self.takes = takes
        self.now = now
        self.requests: list[RxFilter] = []
        self.refusal = errno.ERANGE

    def ioctl(self, _sock: socket.socket, request: int, ifreq: bytes) -> None:
        name, address = struct.unpack("16sP16x", ifreq)
        assert name.rstrip(b"\0") == b"eth7"
        config = (ctypes.c_int * 3).from_address(address)
        if request == SIOCGHWTSTAMP:
            if self.now is None:
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        else:
            assert request == SIOCSHWTSTAMP
            self.requests.append(RxFilter(config[2]))
            if config[2] not in self.takes:
                raise OSError(self.refusal, os.strerror(self.refusal))
            self.now = (TxType(config[1]), self.takes[RxFilter(config[2])])
        config[1], config[2] = self.now


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Nic], Nic]:
    def installer(nic: Nic) -> Nic:
        monkeypatch.setattr(timestamping.fcntl, "ioctl", nic.ioctl)
        return nic

    return installer


def enable(filters: tuple[RxFilter, ...], tx_type: TxType = TxType.ON) -> Granted:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        return enable_hardware_timestamping(sock, "eth7", filters, tx_type)


@pytest.mark.parametrize(
    ("filters", "takes", "granted", "requests"),
    [
        pytest.param(
            L2_FILTERS,
            {RxFilter.PTP_V2_EVENT: RxFilter.PTP_V2_EVENT},
            RxFilter.PTP_V2_EVENT,
            [RxFilter.PTP_V2_EVENT],
            id="the first filter is taken",
        ),
        pytest.param(
            L2_FILTERS,
            {RxFilter.PTP_V2_L2_EVENT: RxFilter.PTP_V2_L2_EVENT, RxFilter.ALL: RxFilter.ALL},
            RxFilter.PTP_V2_L2_EVENT,
            [RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_L2_EVENT],
            id="one for Ethernet",
        ),
        pytest.param(
            L4_FILTERS,
            {RxFilter.PTP_V2_L4_EVENT: RxFilter.PTP_V2_L4_EVENT},
            RxFilter.PTP_V2_L4_EVENT,
            [RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_L4_EVENT],
            id="one for UDP",
        ),
        pytest.param(L4_FILTERS, {RxFilter.ALL: RxFilter.ALL}, RxFilter.ALL, list(L4_FILTERS), id="only everything"),
        pytest.param(
            L2_FILTERS,
            {RxFilter.PTP_V2_EVENT: RxFilter.ALL},
            RxFilter.ALL,
            [RxFilter.PTP_V2_EVENT],
            id="the driver stamps more than was asked",
        ),
        pytest.param(
            L2_FILTERS,
            {RxFilter.PTP_V2_EVENT: RxFilter.NONE, RxFilter.PTP_V2_L2_EVENT: RxFilter.SOME},
            RxFilter.SOME,
            [RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_L2_EVENT],
            id="a yes that means no is not taken",
        ),
    ],
)
def test_the_narrowest_filter_that_the_driver_takes_is_granted(
    install: Callable[[Nic], Nic],
    filters: tuple[RxFilter, ...],
    takes: dict[RxFilter, RxFilter],
    granted: RxFilter,
    requests: list[RxFilter],
) -> None:
    nic = install(Nic(takes=takes))
    assert enable(filters) == Granted(HARDWARE, TxType.ON, granted)
    assert nic.requests == requests


def test_a_setting_that_suffices_is_left_alone(install: Callable[[Nic], Nic]) -> None:
    nic = install(Nic(takes={}, now=(TxType.ON, RxFilter.ALL)))
    assert enable(L2_FILTERS).rx_filter is RxFilter.ALL
    assert nic.requests == []


@pytest.mark.parametrize(
    "now", [(TxType.OFF, RxFilter.ALL), (TxType.ON, RxFilter.PTP_V2_L4_EVENT), (TxType.ONESTEP_SYNC, RxFilter.ALL)]
)
def test_a_setting_that_does_not_suffice_is_changed(
    install: Callable[[Nic], Nic], now: tuple[TxType, RxFilter]
) -> None:
    nic = install(Nic(takes={RxFilter.PTP_V2_EVENT: RxFilter.PTP_V2_EVENT}, now=now))
    enable(L2_FILTERS)
    assert nic.now == (TxType.ON, RxFilter.PTP_V2_EVENT)


def test_the_setting_can_be_read_back(install: Callable[[Nic], Nic]) -> None:
    install(Nic(takes={}, now=(TxType.ON, RxFilter.PTP_V2_EVENT)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        granted = hardware_timestamping(sock, "eth7")
    assert str(granted) == "hardware stamps (transmit: on, receive: ptp_v2_event)"


@pytest.mark.parametrize(
    ("refusal", "sentence"),
    [
        (errno.ERANGE, r"took none of the receive filters ptp_v2_event, ptp_v2_l2_event, all"),
        (errno.EOPNOTSUPP, r"no hardware timestamping[\s\S]*use software timestamping"),
        (errno.EPERM, r"not permitted[\s\S]*CAP_NET_ADMIN"),
        (errno.EIO, r"Input/output error[\s\S]*kernel log"),
    ],
)
def test_a_refusal_says_why_and_what_next(install: Callable[[Nic], Nic], refusal: int, sentence: str) -> None:
    install(Nic(takes={})).refusal = refusal
    with pytest.raises(HardwareError, match=f"eth7: .*{sentence}"):
        enable(L2_FILTERS)


@pytest.mark.parametrize("kind", Timestamping)
def test_event_sockets_ask_for_stamps_of_one_kind_by_id_and_without_the_payload(kind: Timestamping) -> None:
    flags = socket_flags(kind)
    assert SocketFlags.OPT_ID | SocketFlags.OPT_TSONLY | SocketFlags.OPT_CMSG in flags
    assert (SocketFlags.TX_HARDWARE | SocketFlags.RX_HARDWARE | SocketFlags.RAW_HARDWARE in flags) == (kind is HARDWARE)
    assert (SocketFlags.TX_SOFTWARE | SocketFlags.RX_SOFTWARE | SocketFlags.SOFTWARE in flags) == (kind is SOFTWARE)


def control(*seconds: float) -> list[tuple[int, int, bytes]]:
    longs = [part for second in seconds for part in divmod(round(second * 1e9), 1_000_000_000)]
    return [(socket.SOL_SOCKET, 99, b"else"), (socket.SOL_SOCKET, SO_TIMESTAMPING, struct.pack("@6l", *longs))]


def test_the_stamp_is_that_of_the_kind_asked_for() -> None:
    both = control(1.5, 0, 2.25)
    assert stamp_from(both, SOFTWARE) == 1_500_000_000
    assert stamp_from(both, HARDWARE) == 2_250_000_000


def test_a_stamp_of_the_other_kind_is_none() -> None:
    assert stamp_from(control(1.5, 0, 0), HARDWARE) is None
    assert stamp_from(control(0, 0, 2.25), SOFTWARE) is None
    assert stamp_from([], SOFTWARE) is None


@pytest.mark.parametrize("family", [(263, 16), (0, 11), (41, 25)], ids=["AF_PACKET", "IPv4", "IPv6"])
def test_the_key_comes_from_the_extended_error_of_each_family(family: tuple[int, int]) -> None:
    error = struct.pack("=IBBBBII", errno.ENOMSG, 4, 0, 0, 0, 0, 0xFFFF_FFFE)
    assert key_from([*control(1, 0, 0), (*family, error + bytes(16))]) == 0xFFFF_FFFE


def test_an_error_that_is_no_stamp_has_no_key() -> None:
    icmp = struct.pack("=IBBBBII", errno.ECONNREFUSED, 2, 3, 3, 0, 0, 7)
    assert key_from([(0, 11, icmp)]) is None
    assert key_from([]) is None


class Port(PortSocket):
    """A port whose NIC is a `Nic`; it carries nothing."""

    filters = L2_FILTERS

    def __init__(self, sock: socket.socket, granted: Granted) -> None:
        self.interface, self._event, self.granted = "eth7", sock, granted

    def _frame(self, payload: bytes, destination: object, *, event: bool) -> tuple[list[bytes], object]:
        raise NotImplementedError

    def _received(self, data: bytes, control: object, address: object) -> None:
        raise NotImplementedError


@pytest.fixture
def port() -> Iterator[Port]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        yield Port(sock, Granted(HARDWARE, TxType.ON, RxFilter.PTP_V2_EVENT))


EVENTS_ONLY = {RxFilter.PTP_V2_EVENT: RxFilter.PTP_V2_EVENT}


def test_stamping_that_another_program_changed_is_set_again(install: Callable[[Nic], Nic], port: Port) -> None:
    nic = install(Nic(takes=EVENTS_ONLY, now=(TxType.ON, RxFilter.PTP_V2_EVENT)))
    assert port.restore_stamping() is None
    nic.now = (TxType.OFF, RxFilter.NONE)
    assert port.restore_stamping() == Granted(HARDWARE, TxType.OFF, RxFilter.NONE)
    assert nic.now == (TxType.ON, RxFilter.PTP_V2_EVENT)
    assert port.restore_stamping() is None


def test_stamping_that_was_changed_and_suffices_stays(install: Callable[[Nic], Nic], port: Port) -> None:
    everything = Granted(HARDWARE, TxType.ON, RxFilter.ALL)
    nic = install(Nic(takes={}, now=(TxType.ON, RxFilter.ALL)))
    assert port.restore_stamping() == everything
    assert port.granted == everything
    assert nic.requests == []
    assert port.restore_stamping() is None


def test_stamping_that_is_refused_the_second_time_is_an_error(install: Callable[[Nic], Nic], port: Port) -> None:
    install(Nic(takes={}, now=(TxType.OFF, RxFilter.NONE)))
    with pytest.raises(HardwareError, match="cannot stamp PTP event frames"):
        port.restore_stamping()


def test_a_driver_that_cannot_be_asked_is_taken_at_its_word(install: Callable[[Nic], Nic], port: Port) -> None:
    install(Nic(takes={}))
    assert port.restore_stamping() is None


def test_one_step_is_asked_for_and_a_card_without_it_is_a_clear_error(install: Callable[[Nic], Nic]) -> None:
    nic = install(Nic(takes=EVENTS_ONLY, now=(TxType.ON, RxFilter.PTP_V2_EVENT)))
    assert enable(L2_FILTERS, TxType.ONESTEP_SYNC) == Granted(HARDWARE, TxType.ONESTEP_SYNC, RxFilter.PTP_V2_EVENT)
    assert nic.requests == [RxFilter.PTP_V2_EVENT]
    install(Nic(takes={}))
    with pytest.raises(HardwareError, match=r"onestep_sync[\s\S]*two_step = true"):
        enable(L2_FILTERS, TxType.ONESTEP_SYNC)


def test_a_sync_with_a_follow_up_gets_its_stamp_where_others_are_written_into(install: Callable[[Nic], Nic]) -> None:
    nic = install(Nic(takes=EVENTS_ONLY, now=(TxType.ONESTEP_SYNC, RxFilter.PTP_V2_EVENT)))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        port = Port(sock, hardware_timestamping(sock, "eth7"))
        PortSocket.__init__(port, "eth7", 7, (sock, sock), port.granted)
    one_step, two_step = encode(Sync()), encode(Sync(flag_field=Flag.TWO_STEP))
    for payload, tx_type in (
        (one_step, TxType.ONESTEP_SYNC),
        (two_step, TxType.ON),
        (encode(PdelayReq()), TxType.ON),
        (one_step, TxType.ONESTEP_SYNC),
        (encode(PdelayReq()), TxType.ONESTEP_SYNC),
    ):
        with pytest.raises(NotImplementedError):  # it carries nothing
            port.send_event(payload, None)
        assert nic.now is not None
        assert port.granted.tx_type is nic.now[0] is tx_type


def test_one_step_without_hardware_stamps_is_a_clear_error() -> None:
    with pytest.raises(HardwareError, match=r"eth7: one-step Syncs need hardware stamps[\s\S]*two_step = true"):
        open_socket(
            "eth7",
            transport=Transport.L2,
            timestamping=SOFTWARE,
            groups=[],
            ethertype=0x88F7,
            event_port=319,
            general_port=320,
            one_step_sync=True,
        )
