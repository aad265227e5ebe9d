"""The interfaces stamp what they are told to, when the frame was on the wire; and lose what they are told to lose."""

import errno
import socket
import struct
import time

from hw.discovery import discover
from hw.timestamping import RxFilter, TxType
from lab.vptp import read_truth, set_knob
from lab.vptp.debugfs import ROOT
from tests.vm.guest.bed import (
    ANNOUNCE,
    DELAY_REQ,
    PTP_MULTICAST,
    SYNC,
    all_of,
    clock_difference_ns,
    get_stamping,
    has_carrier,
    link,
    message,
    run,
    send_one,
    set_stamping,
    wait_until,
)


def check_ethtool_shows_hardware_stamps_and_the_clock() -> None:
    said = run("ethtool", "-T", "vptp0").split()
    wanted = "hardware-transmit hardware-receive hardware-raw-clock off on onestep-sync none all ptpv2-event"
    assert set(wanted.split()) <= set(said), said
    assert said[said.index("Clock:") + 1] == read_truth().clocks[0].device.removeprefix("/dev/ptp")


def check_our_discovery_finds_each_interface_with_its_clock() -> None:
    found = {interface.name: interface for interface in discover()}
    clocks = read_truth().clocks
    for name, number in (("vptp0", 0), ("vptp1", 1), ("vptp2", 2), ("vptp3", 2)):
        assert found[name].timestamping.stamps_in_hardware
        assert found[name].phc is not None
        assert found[name].phc.device == clocks[number].device
        assert found[name].phc.clock_name == f"vptp{number}"
        assert found[name].driver == "vptp"


def check_a_filter_is_widened_to_what_the_card_has_and_read_back() -> None:
    cases = [
        (RxFilter.NONE, RxFilter.NONE),
        (RxFilter.PTP_V2_EVENT, RxFilter.PTP_V2_EVENT),
        (RxFilter.PTP_V2_L2_SYNC, RxFilter.PTP_V2_EVENT),
        (RxFilter.PTP_V2_L4_DELAY_REQ, RxFilter.PTP_V2_EVENT),
        (RxFilter.PTP_V1_L4_EVENT, RxFilter.ALL),
        (RxFilter.NTP_ALL, RxFilter.ALL),
    ]
    for wanted, granted in cases:
        for tx_type in (TxType.ON, TxType.ONESTEP_SYNC, TxType.OFF):
            assert set_stamping("vptp0", tx_type, wanted) == (tx_type, granted)
            assert get_stamping("vptp0") == (tx_type, granted)


def check_what_the_card_cannot_do_is_refused_and_changes_nothing() -> None:
    set_stamping("vptp0", TxType.ON, RxFilter.ALL)
    for tx_type, rx_filter in ((TxType.ONESTEP_P2P, RxFilter.ALL), (9, RxFilter.ALL), (TxType.ON, 99)):
        assert refusal(tx_type, rx_filter) == errno.ERANGE
    assert get_stamping("vptp0") == (TxType.ON, RxFilter.ALL)


def check_both_stamps_of_a_frame_differ_by_the_wire_alone() -> None:
    set_knob("port0/delay_ns", 1_200)
    set_knob("port1/delay_ns", 300)
    with link() as (here, there):
        ahead = clock_difference_ns(1, 0)
        sent, received = send_one(here, there, message(SYNC))
        assert abs(received - sent - ahead - 1_200) < 2
        sent, received = send_one(there, here, message(DELAY_REQ))
        assert abs(received - sent + ahead - 300) < 2


def check_ports_that_share_a_clock_stamp_by_it() -> None:
    with link("vptp2", "vptp3") as (here, there):
        sent, received = send_one(here, there, message(SYNC))
        assert abs(received - sent - 500) < 2


def check_a_step_between_sending_and_reading_does_not_touch_the_stamp() -> None:
    set_knob("port0/stamp_latency_ns", 20_000_000)
    with link() as (here, there):
        before = read_truth().clocks[0].ns
        here.send_event(message(SYNC), PTP_MULTICAST)
        device = read_truth().clocks[0].device
        run("phc_ctl", device, "adj", "37.0")
        (sent,) = wait_until(here.transmit_stamps, 1)
        assert 0 <= sent.stamp_ns - before < 1e9
        assert wait_until(there.receive_event, 1)


def check_jitter_spreads_the_stamps_evenly_within_its_bounds() -> None:
    for port in ("port0", "port1"):
        set_knob(f"{port}/stamp_jitter_ns", 20)
    with link() as (here, there):
        ahead = clock_difference_ns(1, 0)
        errors = []
        for _ in range(200):
            sent, received = send_one(here, there, message(SYNC))
            errors.append(received - sent - ahead - 500)
    assert max(map(abs, errors)) <= 42, errors
    deviation = (sum(error * error for error in errors) / len(errors)) ** 0.5
    assert 12 < deviation < 21, deviation  # two even chances of ±20 ns: 16.3


def check_a_late_stamp_comes_late_and_is_right() -> None:
    set_knob("port0/stamp_latency_ns", 50_000_000)
    with link() as (here, there):
        start = time.monotonic()
        sent, received = send_one(here, there, message(SYNC))
        assert time.monotonic() - start >= 0.05
        assert abs(received - sent - clock_difference_ns(1, 0) - 500) < 2


def check_half_of_the_transmit_stamps_can_be_lost() -> None:
    lost_before = int((ROOT / "port0/lost_stamps").read_text())
    set_knob("port0/stamp_loss_ppm", 500_000)
    with link() as (here, there):
        keys = [here.send_event(message(SYNC, number), PTP_MULTICAST) for number in range(200)]
        time.sleep(0.1)
        stamped = [stamp.key for stamp in here.transmit_stamps()]
        received = all_of(there.receive_event)
    lost = int((ROOT / "port0/lost_stamps").read_text()) - lost_before
    assert 60 < lost < 140
    assert len(stamped) == 200 - lost
    assert set(stamped) < set(keys)
    assert len(received) == 200


def check_half_of_the_frames_can_be_lost() -> None:
    set_knob("port0/loss_ppm", 500_000)
    with link() as (here, there):
        for number in range(200):
            here.send_event(message(SYNC, number), PTP_MULTICAST)
        time.sleep(0.1)
        received = all_of(there.receive_event)
        assert len(here.transmit_stamps()) == 200
    assert 60 < len(received) < 140


def check_a_filter_for_events_leaves_other_messages_without_stamp() -> None:
    with link() as (here, there):
        here.send_general(message(ANNOUNCE), PTP_MULTICAST)
        (announce,) = wait_until(there.receive_general, 1)
        assert announce.stamp_ns is None
        assert send_one(here, there, message(SYNC))


def check_one_step_writes_the_time_of_departure_into_the_sync() -> None:
    with link() as (here, there):
        set_stamping("vptp0", TxType.ONESTEP_SYNC, RxFilter.PTP_V2_EVENT)
        here.send_event(message(SYNC), PTP_MULTICAST)
        (received,) = wait_until(there.receive_event, 1)
        departure = origin_ns(received.payload)
        assert abs(received.stamp_ns - departure - clock_difference_ns(1, 0) - 500) < 2
        time.sleep(0.01)
        assert here.transmit_stamps() == []
        assert send_one(here, there, message(DELAY_REQ))  # other events still get theirs


def check_one_step_keeps_the_checksum_of_udp_right() -> None:
    with link():
        set_stamping("vptp0", TxType.ONESTEP_SYNC, RxFilter.NONE)
        with packet_socket("vptp0") as sender, packet_socket("vptp1") as receiver:
            sender.send(udp_frame(message(SYNC)))
            frame = wait_until(lambda: next((f for f in received_frames(receiver) if f[12:14] == b"\x08\0"), b""), 1)
        assert origin_ns(frame[42:]) > 0
        assert internet_sum(pseudo_header(frame) + frame[34:86]) == 0xFFFF


def check_a_pulled_plug_takes_the_carrier_of_both_ends() -> None:
    with link() as (here, there):
        set_knob("port1/link", 0)
        assert not has_carrier("vptp0")
        assert not has_carrier("vptp1")
        assert there.receive_event() == []
        set_knob("port1/link", 1)
        wait_until(lambda: has_carrier("vptp0") and has_carrier("vptp1"), 1)
        assert send_one(here, there, message(SYNC))


def check_an_interface_that_is_down_takes_the_carrier_of_its_peer() -> None:
    with link():
        run("ip", "link", "set", "vptp1", "down")
        assert not has_carrier("vptp0")


def refusal(tx_type: int, rx_filter: int) -> int | None:
    try:
        set_stamping("vptp0", tx_type, rx_filter)
    except OSError as error:
        return error.errno
    return None


def origin_ns(payload: bytes) -> int:
    high, low, ns = struct.unpack_from(">HII", payload, 34)
    return (high << 32 | low) * 10**9 + ns


def packet_socket(interface: str) -> socket.socket:
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0003))
    sock.bind((interface, 0x0003))
    sock.setblocking(False)
    return sock


def received_frames(sock: socket.socket) -> list[bytes]:
    frames = []
    while True:
        try:
            frames.append(sock.recv(2048))
        except BlockingIOError:
            return frames


def udp_frame(payload: bytes) -> bytes:
    length = 8 + len(payload)
    ip = struct.pack(
        ">BBHHHBBH4s4s", 0x45, 0, 20 + length, 0, 0, 1, 17, 0, bytes([10, 0, 0, 1]), bytes([224, 0, 1, 129])
    )
    ip = ip[:10] + struct.pack(">H", 0xFFFF - internet_sum(ip)) + ip[12:]
    frame = (
        bytes.fromhex("01005e000181027670747000") + b"\x08\0" + ip + struct.pack(">HHHH", 319, 319, length, 0) + payload
    )
    return frame[:40] + struct.pack(">H", 0xFFFF - internet_sum(pseudo_header(frame) + frame[34:])) + frame[42:]


def pseudo_header(frame: bytes) -> bytes:
    return frame[26:34] + bytes([0, 17]) + frame[38:40]


def internet_sum(data: bytes) -> int:
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total
