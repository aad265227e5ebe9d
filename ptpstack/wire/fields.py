"""The two composite fields of message bodies: Timestamp (IEEE 1588-2019 5.3.3) and PortIdentity (5.3.5).

Timestamps are whole nanoseconds on the wire and 2**-16 ns inside; 48 bits of seconds are two struct
fields (high 16, low 32), since ``struct`` has no 48-bit integer.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct

from ptpstack.errors import WireError
from ptpstack.time import NANOSECOND, SECOND, PtpTime
from ptpstack.wire.types import ClockIdentity, PortIdentity

EPOCH = PtpTime(0)

TIMESTAMP = Struct(">HLL")
PORT_IDENTITY = Struct(">8sH")
TIMESTAMP_AND_PORT_IDENTITY = Struct(">HLL8sH")


def timestamp_from_fields(seconds_high: int, seconds_low: int, nanoseconds: int) -> PtpTime:
    """Return the instant of a wire Timestamp. Raises ``WireError`` where nanoseconds reach a second."""
    if nanoseconds >= 1_000_000_000:
        raise WireError(
            f"a timestamp has {nanoseconds} nanoseconds", why="nanosecondsField is always less than 10**9 (5.3.3)"
        )
    return PtpTime((seconds_high << 32 | seconds_low) * SECOND + nanoseconds * NANOSECOND)


def timestamp_to_fields(instant: PtpTime) -> tuple[int, int, int]:
    """Return seconds (high 16 and low 32 bits) and nanoseconds.

    Raises ``ValueError`` where *instant* has a fraction of a nanosecond (it belongs in correctionField)
    or does not fit 48 bits of seconds.
    """
    seconds, rest = divmod(int(instant), SECOND)
    nanoseconds, fraction = divmod(rest, NANOSECOND)
    if fraction:
        raise ValueError(f"timestamp {instant} has a fraction of {fraction}/65536 ns: put it into correction_field")
    if not 0 <= seconds < 1 << 48:
        raise ValueError(f"timestamp {instant} is {seconds} s, which does not fit 48 unsigned bits")
    return seconds >> 32, seconds & 0xFFFF_FFFF, nanoseconds


@lru_cache(maxsize=1024)
def port_identity(clock_identity: bytes, port_number: int) -> PortIdentity:
    """Return the (shared) identity of one port: a network has few, and each of their frames names one."""
    return PortIdentity(ClockIdentity(clock_identity), port_number)
