"""Nanoseconds since 1970 as NTP timestamps, for one and for arrays alike: the same result to the last bit.

``ntp.wire.timestamp`` does the same for 2**-16 ns; here a stamp has a nanosecond, and some 20 ns of time.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from ntp.wire.timestamp import UNIX_EPOCH_S

MASK: Final = (1 << 64) - 1
_PER_NS = 9_223_372_037
"""2**63 / 10**9, rounded up: a nanosecond in 2**-63 s. The fraction of 999,999,999 ns stays below one."""

_SHIFT = 31
_PER_NS_ARRAY, _SHIFT_ARRAY, _EPOCH_ARRAY, _SECOND_SHIFT = (
    np.uint64(_PER_NS),
    np.uint64(_SHIFT),
    np.uint64(UNIX_EPOCH_S),
    np.uint64(32),
)

Words = npt.NDArray[np.uint64]


def timestamp(unix_ns: int) -> int:
    """Return the 64-bit timestamp of *unix_ns*; the era is dropped."""
    seconds, ns = divmod(unix_ns, 1_000_000_000)
    return ((seconds + UNIX_EPOCH_S) << 32 | ns * _PER_NS >> _SHIFT) & MASK


def units(ns: int) -> int:
    """Return *ns* in units of a timestamp, 2**-32 s."""
    return ns * _PER_NS >> _SHIFT


def timestamps(seconds: Words, ns: Words, out: Words) -> None:
    """Write the timestamps of *seconds* and *ns* since 1970 to *out*, most significant octet first."""
    fraction = ns * _PER_NS_ARRAY
    fraction >>= _SHIFT_ARRAY
    whole = seconds + _EPOCH_ARRAY
    whole <<= _SECOND_SHIFT
    whole |= fraction
    out[:] = whole.byteswap()


def interval(ns: float) -> int:
    """Return a short interval (2**-16 s, 32 bits) of at least *ns*, at most the longest there is."""
    return min(max(-int(-ns * 65536 // 1_000_000_000), 0), 0xFFFF_FFFF)
