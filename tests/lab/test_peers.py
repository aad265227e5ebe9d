import shutil
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab import namespaces
from lab.peers import ptp4l, tshark

OLD = """\
ptp4l[1643.088]: port 1: INITIALIZING to LISTENING on INIT_COMPLETE
ptp4l[1648.147]: port 1: LISTENING to UNCALIBRATED on RS_SLAVE
ptp4l[1654.512]: master offset        -87 s2 freq  +1234 path delay       371
ptp4l[1656.154]: rms  961 max 1462 freq    +76 +/- 340 delay   347 +/-  18
"""
NEW = """\
ptp4l[1643.088]: [tag] port 1 (eth0): INITIALIZING to LISTENING on INIT_COMPLETE
ptp4l[1648.147]: [tag] port 1 (eth0): LISTENING to UNCALIBRATED on RS_SLAVE
ptp4l[1654.512]: [tag] master offset        -87 s2 freq  +1234 path delay       371
ptp4l[1656.154]: [tag] rms  961 max 1462 freq    +76 +/- 340 delay   347 +/-  18
"""


@pytest.mark.parametrize("text", [OLD, NEW], ids=["3.1", "4.x"])
def test_the_log_of_ptp4l_is_read(text: str) -> None:
    assert ptp4l.parse_offsets(text) == [(1654.512, -87, 2, 1234, 371)]
    assert ptp4l.parse_summaries(text) == [(1656.154, 961, 1462, 76, 347)]
    assert [(change.old, change.new, change.event) for change in ptp4l.parse_transitions(text)] == [
        ("INITIALIZING", "LISTENING", "INIT_COMPLETE"),
        ("LISTENING", "UNCALIBRATED", "RS_SLAVE"),
    ]


def test_a_summary_without_a_delay_is_read() -> None:
    assert ptp4l.parse_summaries("ptp4l[1.5]: rms  961 max 1462 freq    +76 +/- 340\n") == [(1.5, 961, 1462, 76, None)]


def test_the_answers_of_pmc_are_read() -> None:
    text = (
        "sending: GET DOMAIN\n"
        "\t5aaf94.fffe.ee20ef-0 seq 0 RESPONSE MANAGEMENT DOMAIN \n\t\tdomainNumber 3\n"
        "\t5aaf94.fffe.ee20ef-1 seq 1 RESPONSE MANAGEMENT PORT_DATA_SET \n"
        "\t\tportState               UNCALIBRATED\n\t\tpeerMeanPathDelay       313\n"
    )
    assert ptp4l.parse_responses(text) == [
        ("5aaf94.fffe.ee20ef-0", "RESPONSE", "DOMAIN", {"domainNumber": "3"}),
        (
            "5aaf94.fffe.ee20ef-1",
            "RESPONSE",
            "PORT_DATA_SET",
            {"portState": "UNCALIBRATED", "peerMeanPathDelay": "313"},
        ),
    ]


@pytest.fixture
def net() -> Iterator[namespaces.Network]:
    missing = [program for program in ("ptp4l", "pmc", "tshark", "dumpcap") if shutil.which(program) is None]
    why = f"not installed: {', '.join(missing)}" if missing else namespaces.why_unavailable()
    if why:
        pytest.skip(why)
    with namespaces.Network() as net:
        yield net


@pytest.mark.peer
@pytest.mark.namespaces
def test_two_ptp4l_on_a_cable_are_seen_to_agree_and_their_frames_are_clean(
    net: namespaces.Network, tmp_path: Path
) -> None:
    a, b = net.node("a"), net.node("b")
    net.cable(a, "eth0", b, "eth0")
    common = {"network_transport": "L2", "delay_mechanism": "P2P", "logAnnounceInterval": -1, "logSyncInterval": -3}
    master = ptp4l.Ptp4l(a, tmp_path / "a", "eth0", priority1=1, **common)
    slave = ptp4l.Ptp4l(b, tmp_path / "b", "eth0", slaveOnly=1, freq_est_interval=0, summary_interval=-3, **common)
    capture = tshark.Capture(b, "eth0", tmp_path / "b.pcap")
    slave.start()
    master.start()
    slave.wait_for(r"offset .* path delay", 20)
    assert master.state() == "MASTER"
    assert slave.state() in ("UNCALIBRATED", "SLAVE")  # the first is as far as 3.1 goes while it runs free
    offset = slave.offsets()[-1]
    assert abs(offset.offset_ns) < 100_000  # one clock, two names
    assert slave.get("PORT_DATA_SET", "CURRENT_DATA_SET")["PORT_DATA_SET"]["portState"] == slave.state()
    time.sleep(0.2)
    file = capture.stop()
    assert tshark.marks(file) == []
    kinds = {int(kind, 16) for (kind,) in tshark.field_values(file, "ptp.v2.messagetype")}
    assert {0x0, 0x2, 0x3, 0x8, 0xA, 0xB} <= kinds
    assert len(tshark.dissect(file)) == len(tshark.field_values(file, "frame.number"))


@pytest.mark.peer
def test_ptp4l_that_refuses_its_configuration_is_quoted(net: namespaces.Network, tmp_path: Path) -> None:
    with pytest.raises(ptp4l.Ptp4lError, match="out of range"):
        ptp4l.Ptp4l(net.node("a"), tmp_path, "eth0", priority1=1000).start()


@pytest.mark.peer
def test_a_capture_that_cannot_start_is_quoted(net: namespaces.Network, tmp_path: Path) -> None:
    with pytest.raises(tshark.TsharkError, match="does not capture"):
        tshark.Capture(net.node("a"), "eth9", tmp_path / "a.pcap")


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tshark") is None, reason="not installed: tshark")
@pytest.mark.parametrize(("octets", "clean"), [(34, False), (44, True)])
def test_a_frame_that_is_too_short_is_marked(tmp_path: Path, octets: int, clean: bool) -> None:
    sync = bytes.fromhex("0012002c") + bytes(16) + bytes.fromhex("00112233445566770001") + bytes(14)
    frame = bytes.fromhex("011b19000000 020000000001 88f7") + sync[:octets]
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0xFFFF, 1)
    file = tmp_path / "one.pcap"
    file.write_bytes(header + struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
    assert (tshark.marks(file) == []) is clean
