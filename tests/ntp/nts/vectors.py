"""NTS-KE messages and the octets that they are, made by hand from RFC 8915 4."""

from __future__ import annotations

from typing import NamedTuple

from ntp.nts.messages import Request, Response
from ntp.nts.records import Record, RecordType


class RecordVector(NamedTuple):
    name: str
    records: tuple[Record, ...]
    octets: bytes


class MessageVector(NamedTuple):
    name: str
    message: Request | Response
    octets: bytes


def octets(*groups: str) -> bytes:
    return bytes.fromhex("".join(groups))


END = "8000 0000"
RECORDS = [
    RecordVector("nothing but its end", (), octets(END)),
    RecordVector("one that may be passed over", (Record(0x4001, b"\1\2\3"),), octets("4001 0003 010203", END)),
    RecordVector("the highest type, critical", (Record(0x7FFF, b"", critical=True),), octets("ffff 0000", END)),
    RecordVector(
        "cookies of two lengths",
        (Record(RecordType.NEW_COOKIE, b"\xaa" * 4), Record(RecordType.NEW_COOKIE, b"\xbb" * 8)),
        octets("0005 0004 aaaaaaaa 0005 0008 bbbbbbbbbbbbbbbb", END),
    ),
]
MESSAGES = [
    MessageVector("the least request", Request(algorithms=(15,)), octets("8001 0002 0000 8004 0002 000f", END)),
    MessageVector(
        "a request for 30 or 15, with keys as RFC 8915 says",
        Request(algorithms=(30, 15), compliant_export=True),
        octets("8001 0002 0000 8004 0004 001e 000f 0400 0000", END),
    ),
    MessageVector(
        "a request for protocols of which one is known",
        Request(algorithms=(15,), next_protocols=(0x8001, 0)),
        octets("8001 0004 8001 0000 8004 0002 000f", END),
    ),
    MessageVector(
        "a response with two cookies and another server",
        Response(algorithm=15, cookies=(b"\xaa" * 4, b"\xbb" * 4), server="ntp.test", port=1123),
        octets(
            "8001 0002 0000 8004 0002 000f 8006 0008 6e74702e74657374 8007 0002 0463",
            "0005 0004 aaaaaaaa 0005 0004 bbbbbbbb",
            END,
        ),
    ),
    MessageVector(
        "a response that knows no algorithm", Response(algorithm=None), octets("8001 0002 0000 8004 0000", END)
    ),
    MessageVector(
        "a response that knows no protocol",
        Response(next_protocol=None, algorithm=None),
        octets("8001 0000 8004 0000", END),
    ),
]
