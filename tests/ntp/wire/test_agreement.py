"""Scapy's NTP layer and Wireshark's dissector, written by others, read every header field that we write."""

from __future__ import annotations

import json
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from ntp.wire.packet import HEADER, Packet, decode, encode

from .strategies import any_packet
from .vectors import VECTORS, reply

SCAPY = {
    "leap": "leap",
    "version": "version",
    "mode": "mode",
    "stratum": "stratum",
    "poll": "poll",
    "precision": "precision",
}
TSHARK = {
    "ntp.flags.li": "leap",
    "ntp.flags.vn": "version",
    "ntp.flags.mode": "mode",
    "ntp.stratum": "stratum",
    "ntp.ppoll": "poll",
    "ntp.precision": "precision",
}
TIMESTAMPS = {
    "ref": "reference_timestamp",
    "orig": "origin_timestamp",
    "recv": "receive_timestamp",
    "sent": "transmit_timestamp",
}


@given(any_packet)
def test_scapy_reads_our_headers(packet: Packet) -> None:
    scapy_ntp = pytest.importorskip("scapy.layers.ntp", reason="scapy is not installed")
    dissected = scapy_ntp.NTPHeader(encode(packet)[: HEADER.size])
    for theirs, ours in SCAPY.items():
        value = getattr(dissected, theirs)
        expected = getattr(packet, ours)
        assert (value & 0xFF if isinstance(value, int) else value) == expected & 0xFF, theirs
    assert float(dissected.delay) * 65536 == pytest.approx(packet.root_delay, abs=8)  # it keeps four decimals
    assert float(dissected.dispersion) * 65536 == pytest.approx(packet.root_dispersion, abs=8)  # it keeps four decimals
    for theirs, ours in TIMESTAMPS.items():
        assert abs(float(getattr(dissected, theirs)) - getattr(packet, ours) / (1 << 32)) < 1e-5


def test_we_read_what_scapy_writes() -> None:
    scapy_ntp = pytest.importorskip("scapy.layers.ntp", reason="scapy is not installed")
    written = scapy_ntp.NTPHeader(
        leap=1, version=4, mode=4, stratum=2, poll=6, precision=-23, delay=1.5, dispersion=0.25,
        id="192.0.2.1", ref=3.9e9, orig=3.9e9 + 1, recv=3.9e9 + 2.5, sent=3.9e9 + 3,
    )  # fmt: skip
    packet = decode(bytes(written)[: HEADER.size])
    assert packet.precision == reply().precision
    assert packet.root_delay == 3 << 15
    assert packet.root_dispersion == 1 << 14
    assert packet.receive_timestamp == (3_900_000_002 << 32) + (1 << 31)


def dissect(packets: list[Packet], pcap: Path) -> list[dict[str, Any]]:
    records = [struct.pack("<LHHLLLL", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)]
    for second, packet in enumerate(packets):
        payload = encode(packet)
        udp = struct.pack(">HHHH", 40_000, 123, 8 + len(payload), 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0, b"\x0a\0\0\1", b"\x0a\0\0\2")
        frame = bytes(12) + b"\x08\x00" + ip + udp
        records += [struct.pack("<LLLL", second, 0, len(frame), len(frame)), frame]
    pcap.write_bytes(b"".join(records))
    done = subprocess.run(
        ["tshark", "-T", "json", "--no-duplicate-keys", "-r", pcap], capture_output=True, text=True, check=True
    )
    return [frame["_source"]["layers"] for frame in json.loads(done.stdout)]


def values_of(tree: object, name: str) -> list[str]:
    if not isinstance(tree, dict):
        return [value for item in tree for value in values_of(item, name)] if isinstance(tree, list) else []
    found = [tree[name]] if name in tree else []
    found = [item for value in found for item in (value if isinstance(value, list) else [value])]
    return found + [value for subtree in tree.values() for value in values_of(subtree, name)]


@pytest.mark.peer
@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_reads_every_vector_and_finds_nothing_malformed(tmp_path: Path) -> None:
    packets = [vector.packet for vector in VECTORS]
    for packet, layers in zip(packets, dissect(packets, tmp_path / "vectors.pcap"), strict=True):
        assert "_ws.malformed" not in layers
        for theirs, ours in TSHARK.items():
            assert int(values_of(layers["ntp"], theirs)[0], 0) & 0xFF == getattr(packet, ours) & 0xFF, theirs
        assert len(values_of(layers["ntp"], "ntp.ext.type")) == len(packet.extension_fields)
        keys = [int(value.replace(":", ""), 16) for value in values_of(layers["ntp"], "ntp.keyid")]
        assert keys == ([packet.mac.key_id] if packet.mac else [])
