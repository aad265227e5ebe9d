"""Which replies count (RFC 5905 8 and Appendix A.5.1.1): a table of what can be wrong, and the order of asking.

A reply must first prove that it answers our request; only then may it say anything, a kiss-o'-death included.
"""

from __future__ import annotations

from enum import Enum

from ntp.keys import Key
from ntp.wire.packet import HEADER, Leap, Mode, Packet
from ntp.wire.timestamp import interval_from_short
from ptpstack.time import SECOND, TimeInterval

MAX_ROOT_DISTANCE: TimeInterval = 16 * SECOND
"""A server that says it may be this wrong is not synchronized (RFC 5905 7.2 MAXDISP)."""

HIGHEST_STRATUM = 15


class Rejected(Enum):
    """Why a reply was not used."""

    NOT_A_REPLY = "it is no server's reply"
    NOT_OURS = "its origin timestamp answers no open request (a late copy, or forged)"
    NOT_AUTHENTICATED = "it carries no proof of where it comes from, although keys are configured"
    WRONG_KEY = "its digest is by another key"
    WRONG_DIGEST = "its digest is wrong: the secrets differ, or it was changed on the way"
    NTS_NAK = "the server cannot open the cookie any more (NTS NAK)"
    KEY_REFUSED = "the server does not accept the key (crypto-NAK)"
    UNSYNCHRONIZED = "the server says that it is not synchronized"
    NO_TIMESTAMPS = "its receive or transmit timestamp is missing"
    TOO_DISTANT = "the server says that it may be wrong by 16 s or more"
    SYNC_LOOP = "the server follows this very machine"
    TURNED_BACK = "it left the server before the request came there"
    KEPT_TOO_LONG = "the server kept the request for more than 4 s"
    NO_STAMP = "a stamp of request or reply was lost"
    DELAYED = "it came late, and its offset says nothing that the delay does not explain"
    DELAY_TOO_LONG = "it was on the way for longer than max_delay"
    CLOCK_MOVED = "the local clock was moved meanwhile"
    MALFORMED = "it is no NTP packet"


AUTHENTICATION_FAILURES = frozenset(
    {Rejected.NOT_AUTHENTICATED, Rejected.WRONG_KEY, Rejected.WRONG_DIGEST, Rejected.KEY_REFUSED}
)


def not_a_reply(reply: Packet, version: int) -> Rejected | None:
    """Test mode and version."""
    return None if reply.mode is Mode.SERVER and reply.version == version else Rejected.NOT_A_REPLY


def not_authentic(reply: Packet, octets: bytes, key: Key | None) -> Rejected | None:
    """Test the digest that a configured *key* asks for."""
    if key is None:
        return None
    if reply.mac is None:
        return Rejected.NOT_AUTHENTICATED
    if not reply.mac.digest:
        return Rejected.KEY_REFUSED
    if reply.mac.key_id != key.key_id:
        return Rejected.WRONG_KEY
    covered = octets[: len(octets) - 4 - len(reply.mac.digest)]
    assert len(covered) >= HEADER.size
    return None if key.accepts(reply.mac.digest, covered) else Rejected.WRONG_DIGEST


def not_usable(reply: Packet, own_reference_id: bytes) -> Rejected | None:
    """Test what the server says of itself."""
    if reply.leap is Leap.UNSYNCHRONIZED or not 1 <= reply.stratum <= HIGHEST_STRATUM:
        return Rejected.UNSYNCHRONIZED
    if not (reply.receive_timestamp and reply.transmit_timestamp):
        return Rejected.NO_TIMESTAMPS
    if interval_from_short(reply.root_delay) // 2 + interval_from_short(reply.root_dispersion) >= MAX_ROOT_DISTANCE:
        return Rejected.TOO_DISTANT
    if reply.stratum > 1 and reply.reference_id == own_reference_id:
        return Rejected.SYNC_LOOP
    return None
