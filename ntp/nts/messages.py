"""What NTS-KE messages say: a client's request and a server's response (RFC 8915 4).

What lives here: records to meaning and back, with the rules of who may send what. What does not: the wire
(``records``), TLS (``tls``), and whether the response suits the request (``establishment``).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

from ntp.nts.aead import Algorithm
from ntp.nts.records import Record, RecordType
from ptpstack.errors import WireError
from ptpstack.words import counted

NTPV4 = 0
"""The protocol that keys are for (RFC 8915 7.7)."""

LONGEST_NAME = 255


class ErrorCode(IntEnum):
    """What an Error record says (RFC 8915 4.1.3)."""

    UNRECOGNIZED_CRITICAL_RECORD = 0
    BAD_REQUEST = 1
    INTERNAL_SERVER_ERROR = 2


class MessageError(WireError):
    """A message that breaks the rules; *code* is what a server answers it with."""

    def __init__(self, code: ErrorCode, what: str, *, why: str = "") -> None:
        self.code = code
        super().__init__(what, why=why)


class RefusalError(WireError):
    """The server answered with an Error record. *code* is its number."""

    def __init__(self, code: int) -> None:
        self.code = code
        name = ErrorCode(code).name.lower().replace("_", " ") if code in list(ErrorCode) else "unknown"
        super().__init__(f"the server answered with error {code}", why=name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a client asks for. Numbers that nobody here knows stay: they are the other side's business."""

    algorithms: tuple[int, ...]
    next_protocols: tuple[int, ...] = (NTPV4,)
    compliant_export: bool = False
    """The client derives keys for AES-128-GCM-SIV as RFC 8915 says; chrony before 4.6.1 did not."""

    @classmethod
    def from_records(cls, records: Sequence[Record]) -> Request:
        """Return what *records* ask for. Raises ``MessageError``; server and port that are wished for are passed over.

        Cookies, errors and warnings are a server's alone (RFC 8915 4.1.3, 4.1.4, 4.1.6).
        """
        found = _single(
            records,
            {
                RecordType.NEXT_PROTOCOL,
                RecordType.AEAD_ALGORITHM,
                RecordType.NTPV4_SERVER,
                RecordType.NTPV4_PORT,
                RecordType.COMPLIANT_128GCMSIV_EXPORT,
            },
        )
        protocols = _numbers(found.get(RecordType.NEXT_PROTOCOL), "Next Protocol")
        algorithms = _numbers(found.get(RecordType.AEAD_ALGORITHM), "AEAD Algorithm") if NTPV4 in protocols else ()
        return cls(
            algorithms=algorithms,
            next_protocols=protocols,
            compliant_export=_is_compliant(found, algorithms),
        )

    def to_records(self) -> tuple[Record, ...]:
        """Return the records to send."""
        return _negotiation(self.next_protocols, self.algorithms, compliant_export=self.compliant_export)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What a server grants; None as protocol or algorithm: it knows none of those offered."""

    next_protocol: int | None = NTPV4
    algorithm: int | None
    cookies: tuple[bytes, ...] = ()
    server: str = ""
    """The NTP server; empty: the one that was asked."""
    port: int = 123
    compliant_export: bool = False

    @classmethod
    def from_records(cls, records: Sequence[Record]) -> Response:
        """Return what *records* grant. Raises ``RefusalError`` on an Error record, and ``MessageError``."""
        for record in records:
            if record.record_type == RecordType.ERROR:
                raise RefusalError(*_numbers(record, "Error", exactly=1))
        cookies = tuple(record.body for record in records if record.record_type == RecordType.NEW_COOKIE)
        if not all(cookies):
            raise MessageError(ErrorCode.BAD_REQUEST, "a cookie is empty")
        found = _single(
            [record for record in records if record.record_type != RecordType.NEW_COOKIE],
            {
                RecordType.NEXT_PROTOCOL,
                RecordType.AEAD_ALGORITHM,
                RecordType.NTPV4_SERVER,
                RecordType.NTPV4_PORT,
                RecordType.COMPLIANT_128GCMSIV_EXPORT,
            },
        )
        protocols = _numbers(found.get(RecordType.NEXT_PROTOCOL), "Next Protocol")
        aead = found.get(RecordType.AEAD_ALGORITHM)
        algorithms = _numbers(aead, "AEAD Algorithm") if aead else ()
        if len(protocols) > 1 or len(algorithms) > 1:
            raise MessageError(ErrorCode.BAD_REQUEST, "the response chooses more than one", why="one is to be chosen")
        port = found.get(RecordType.NTPV4_PORT)
        return cls(
            next_protocol=protocols[0] if protocols else None,
            algorithm=algorithms[0] if algorithms else None,
            cookies=cookies,
            server=_name(found.get(RecordType.NTPV4_SERVER)),
            port=_numbers(port, "Port", exactly=1)[0] if port else 123,
            compliant_export=_is_compliant(found, algorithms),
        )

    def to_records(self) -> tuple[Record, ...]:
        """Return the records to send."""
        protocols = () if self.next_protocol is None else (self.next_protocol,)
        algorithms = () if self.algorithm is None else (self.algorithm,)
        records = _negotiation(protocols, algorithms, compliant_export=self.compliant_export)
        if self.server:
            records += (Record(RecordType.NTPV4_SERVER, self.server.encode("ascii"), critical=True),)
        if self.port != 123:
            records += (Record(RecordType.NTPV4_PORT, struct.pack(">H", self.port), critical=True),)
        return records + tuple(Record(RecordType.NEW_COOKIE, cookie) for cookie in self.cookies)


def error_records(code: ErrorCode) -> tuple[Record, ...]:
    """Return the message of a server that gives up (RFC 8915 4.1.3).

    It speaks no protocol, which every response must say (4.1.2), and which readers need not get to.
    """
    error = Record(RecordType.ERROR, struct.pack(">H", code), critical=True)
    return (error, Record(RecordType.NEXT_PROTOCOL, critical=True))


def _negotiation(
    protocols: tuple[int, ...], algorithms: tuple[int, ...], *, compliant_export: bool
) -> tuple[Record, ...]:
    records = (
        Record(RecordType.NEXT_PROTOCOL, struct.pack(f">{len(protocols)}H", *protocols), critical=True),
        Record(RecordType.AEAD_ALGORITHM, struct.pack(f">{len(algorithms)}H", *algorithms), critical=True),
    )
    mentions = compliant_export and Algorithm.AES_128_GCM_SIV in algorithms
    return (*records, Record(RecordType.COMPLIANT_128GCMSIV_EXPORT)) if mentions else records


def _is_compliant(found: Mapping[int, Record], algorithms: tuple[int, ...]) -> bool:
    return RecordType.COMPLIANT_128GCMSIV_EXPORT in found and Algorithm.AES_128_GCM_SIV in algorithms


def _single(records: Sequence[Record], known: set[RecordType]) -> dict[int, Record]:
    """Return *records* by type, without unknown ones that may be passed over; each may come once."""
    found: dict[int, Record] = {}
    for record in records:
        if record.record_type not in known:
            if record.critical or record.record_type <= RecordType.NEW_COOKIE:
                code = ErrorCode.BAD_REQUEST if record.record_type <= 7 else ErrorCode.UNRECOGNIZED_CRITICAL_RECORD
                raise MessageError(code, f"record {record.record_type} cannot be accepted", why="it has no place here")
            continue
        if record.record_type in found:
            raise MessageError(ErrorCode.BAD_REQUEST, f"record {record.record_type} comes twice")
        found[record.record_type] = record
    return found


def _numbers(record: Record | None, name: str, *, exactly: int | None = None) -> tuple[int, ...]:
    if record is None:
        raise MessageError(ErrorCode.BAD_REQUEST, f"the record {name} is missing")
    count, rest = divmod(len(record.body), 2)
    if rest or exactly not in (None, count):
        what = f"the record {name} has {counted(len(record.body), 'octet')}"
        raise MessageError(ErrorCode.BAD_REQUEST, what, why=f"it holds {exactly or 'any'} numbers of two octets")
    return struct.unpack(f">{count}H", record.body)


def _name(record: Record | None) -> str:
    if record is None:
        return ""
    if not 0 < len(record.body) <= LONGEST_NAME or any(not 0x21 <= octet <= 0x7E for octet in record.body):
        raise MessageError(ErrorCode.BAD_REQUEST, "the name of the NTP server is no name", why="it is ASCII, not empty")
    return record.body.decode("ascii")
