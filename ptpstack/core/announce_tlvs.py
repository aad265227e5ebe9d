"""What becomes of the TLVs of an Announce on its way (IEEE 1588-2019 Table 52, IEEE C37.238-2017 5.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs.ieee_c37_238 import IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.tlvs.path_trace import PathTrace


def handed_on(announce: Announce) -> Iterator[Tlv]:
    """Yield what a boundary clock hands on of its parent's TLVs, in their order; it extends PATH_TRACE by itself."""
    for tlv in announce.tlvs:
        if isinstance(tlv, IeeeC37238 | IeeeC37238Of2011) or (tlv.propagates and not isinstance(tlv, PathTrace)):
            yield tlv


def extended(tlvs: Iterable[Tlv], inaccuracy_ns: int | None) -> Iterator[Tlv]:
    """Yield *tlvs* of the parent as a clock that adds *inaccuracy_ns* to IEEE_C37_238 sends them.

    A clock of another profile (None) does not know that TLV, and ends it.
    """
    for tlv in tlvs:
        if not isinstance(tlv, IeeeC37238 | IeeeC37238Of2011):
            yield tlv
        elif inaccuracy_ns is not None:
            yield tlv.with_added(inaccuracy_ns)


def passed_on(announce: Announce, inaccuracy_ns: int | None) -> Announce:
    """Return *announce* as a transparent clock hands it on: untouched, but for the inaccuracy that it adds."""
    if inaccuracy_ns is None or not announce.tlvs:
        return announce
    tlvs = tuple(
        tlv.with_added(inaccuracy_ns) if isinstance(tlv, IeeeC37238 | IeeeC37238Of2011) else tlv
        for tlv in announce.tlvs
    )
    return replace(announce, tlvs=tlvs)


def lacks(announce: Announce, required: tuple[type[Tlv], ...]) -> str:
    """Return the name of a *required* TLV that *announce* does not have, or nothing."""
    missing = (kind.__name__ for kind in required if not any(isinstance(tlv, kind) for tlv in announce.tlvs))
    return next(missing, "")
