"""Packets and the octets that they are, made by hand from RFC 5905 Figure 8 and RFC 7822.

Every field has a value of its own, so that two exchanged fields cannot go unseen.
"""

from __future__ import annotations

from typing import NamedTuple

from ntp.wire.extension_field import NetworkCorrection, UnknownField
from ntp.wire.packet import Leap, Mac, Mode, Packet


class Vector(NamedTuple):
    name: str
    packet: Packet
    octets: bytes


def octets(*groups: str) -> bytes:
    return bytes.fromhex("".join(groups))


HEADER = (
    "64 02 06 e9",  # leap 1, version 4, mode 4; stratum 2; poll 6; precision -23
    "00000102 00000304",  # root delay, root dispersion
    "c0000201",  # reference id 192.0.2.1
    "e0000001 10000001 e0000002 20000002",  # reference, origin
    "e0000003 30000003 e0000004 40000004",  # receive, transmit
)


def reply(**others: object) -> Packet:
    return Packet(
        leap=Leap.INSERT,
        mode=Mode.SERVER,
        stratum=2,
        poll=6,
        precision=-23,
        root_delay=0x102,
        root_dispersion=0x304,
        reference_id=bytes([192, 0, 2, 1]),
        reference_timestamp=0xE000_0001_1000_0001,
        origin_timestamp=0xE000_0002_2000_0002,
        receive_timestamp=0xE000_0003_3000_0003,
        transmit_timestamp=0xE000_0004_4000_0004,
        **others,  # type: ignore[arg-type]
    )


VECTORS = [
    Vector(
        "a request that tells nothing of its sender",
        Packet(precision=32, transmit_timestamp=0x0123_4567_89AB_CDEF),
        octets("23 00 00 20", "00" * 36, "0123456789abcdef"),
    ),
    Vector("a reply", reply(), octets(*HEADER)),
    Vector(
        "a kiss-o'-death",
        Packet(leap=Leap.UNSYNCHRONIZED, mode=Mode.SERVER, reference_id=b"RATE", origin_timestamp=7),
        octets("e4 00 00 00", "0000000000000000", "52415445", "00" * 8, "0000000000000007", "00" * 16),
    ),
    Vector(
        "version 3 in the symmetric passive mode",
        Packet(leap=Leap.DELETE, version=3, mode=Mode.SYMMETRIC_PASSIVE, poll=-6),
        octets("9a 00 fa 00", "00" * 44),
    ),
    Vector(
        "an AES-CMAC digest",
        reply(mac=Mac(0x0102, bytes(range(16)))),
        octets(*HEADER, "00000102", bytes(range(16)).hex()),
    ),
    Vector(
        "a digest of 20 octets",
        reply(mac=Mac(3, bytes(range(20)))),
        octets(*HEADER, "00000003", bytes(range(20)).hex()),
    ),
    Vector("a crypto-NAK", reply(mac=Mac(0, b"")), octets(*HEADER, "00000000")),
    Vector(
        "version 3 with a digest of SHA-512",
        Packet(version=3, mac=Mac(9, bytes(range(64)))),
        octets("1b 00 00 00", "00" * 44, "00000009", bytes(range(64)).hex()),
    ),
    Vector(
        "a network correction",
        reply(extension_fields=(NetworkCorrection(0x1122_3344_5566_7788),)),
        octets(*HEADER, "010a 001c 1122334455667788", "00" * 16),
    ),
    Vector(
        "a short unknown field before a longer known one, and a digest",
        reply(
            extension_fields=(UnknownField(0xF00D, bytes(range(12))), NetworkCorrection(5, b"\x01" * 4)),
            mac=Mac(1, b"\xaa" * 16),
        ),
        octets(
            *HEADER, "f00d 0010 000102030405060708090a0b", "010a 0010 0000000000000005 01010101", "00000001", "aa" * 16
        ),
    ),
    Vector(
        "a field whose reading nobody here registered",
        reply(extension_fields=(UnknownField(0x7E04, b"\x5a" * 100),)),
        octets(*HEADER, "7e04 0068", "5a" * 100),
    ),
]
