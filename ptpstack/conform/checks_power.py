"""The power profiles: TLVs, inaccuracy, classes (IEEE C37.238, IEC/IEEE 61850-9-3)."""

from __future__ import annotations

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.arbiter.clock_worth import Announced, Situation, worth
from ptpstack.conform.following import begin, is_ignored
from ptpstack.conform.port_under_test import NotTestable, PortUnderTest, check, require
from ptpstack.conform.tester import FIRST, Tester
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.messages import Announce
from ptpstack.wire.tlv import TlvType, UnknownTlv
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.tlvs.ieee_c37_238 import UNKNOWN_INACCURACY_NS
from ptpstack.wire.types import ClockQuality

C37 = (IeeeC37238, IeeeC37238Of2011)


def _announced(port: PortUnderTest) -> Announce:
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    heard = port.heard(Announce)
    if not heard:
        raise NotTestable("the port sends no Announce")
    message = heard[-1].message
    assert isinstance(message, Announce)
    return message


@check
def the_power_tlv_comes_first(port: PortUnderTest) -> None:
    """C37.238-2017 5.4: IEEE_C37_238 at octet 64, ALTERNATE_TIME_OFFSET_INDICATOR behind it."""
    tlvs = _announced(port).tlvs
    require(tlvs and isinstance(tlvs[0], C37), f"the first TLV is {type(tlvs[0]).__name__ if tlvs else 'none'}")
    others = [tlv for tlv in tlvs if isinstance(tlv, AlternateTimeOffsetIndicator)]
    if port.profile.requires_announce_tlvs:
        require(others, "there is no ALTERNATE_TIME_OFFSET_INDICATOR, which this edition asks for")
    require(not others or tlvs.index(others[0]) == 1, "ALTERNATE_TIME_OFFSET_INDICATOR is not the second TLV")


@check
def the_grandmaster_id_is_within_its_range(port: PortUnderTest) -> None:
    """2011: 0x0003 to 0x00FE; 2017: any, 0 for none."""
    found = [tlv.grandmaster_id for tlv in _announced(port).tlvs if isinstance(tlv, C37)]
    allowed = port.profile.attributes["grandmaster_id"]
    require(found, "there is no IEEE_C37_238")
    require(allowed.min <= found[0] <= allowed.max, f"grandmasterID is 0x{found[0]:04X}")


@check
def announces_without_the_tlvs_are_ignored(port: PortUnderTest) -> None:
    """C37.238-2011 5.12.2: they take no part in the choice of the grandmaster."""
    is_ignored(port, tlvs=())


@check
def announces_without_the_tlvs_are_followed(port: PortUnderTest) -> None:
    """C37.238-2017: the rule of 2011 is gone."""
    tester = begin(port)
    tester.serve(6 * tester.announce_s, (FIRST, {"tlvs": ()}))
    require(tester.follows(), "it does not follow a master that sends no IEEE_C37_238")


@check
def unknown_tlvs_are_passed_over(port: PortUnderTest) -> None:
    """14.1: an organization that nobody knows does no harm."""
    tester = begin(port)
    unknown = UnknownTlv(TlvType.ORGANIZATION_EXTENSION, bytes.fromhex("000102000009cafe"))
    tester.serve(6 * tester.announce_s, (FIRST, {"tlvs": (*tester.tlvs(), unknown)}))
    require(tester.follows(), "it does not follow a master that sends a TLV of an unknown organization")


@check
def a_lost_reference_degrades_the_class(port: PortUnderTest) -> None:
    """61850-9-3: 6 while locked, 7 in holdover within specification, then 52 and 187 (when: settings)."""
    configured = Announced(ClockQuality(248, 0xFE, 0xFFFF), TimeProperties())
    rows = port.profile.clock_qualities()
    stages = (
        (ClockState.LOCKED, "a", 6),
        (ClockState.HOLDOVER_IN_SPEC, "a", 7),
        (ClockState.HOLDOVER_OUT_OF_SPEC, "a", 52),
        (ClockState.HOLDOVER_OUT_OF_SPEC, "b", 187),
    )
    for state, degradation, clock_class in stages:
        situation = Situation(state, "prtc", "none", None, degradation)  # type: ignore[arg-type]
        found = worth(rows, situation, configured).quality.clock_class
        require(found == clock_class, f"{situation}: class {found}, not {clock_class}")


@check
def clocks_on_the_way_add_their_inaccuracy(port: PortUnderTest) -> None:
    """C37.238-2017 5.4: a boundary clock hands the TLV on, and adds what it may make the time worse by."""
    port.become("boundary")
    tester = Tester(port)
    tester.serve(8 * tester.announce_s, (FIRST, {}))
    told = [heard.message.tlvs for heard in port.heard_below(Announce) if heard.message.steps_removed == 1]
    require(told, "it announces no grandmaster of others below")
    tlvs = [tlv for tlv in told[-1] if isinstance(tlv, C37)]
    require(tlvs, "it hands on no IEEE_C37_238")
    before = next(tlv for tlv in tester.tlvs() if isinstance(tlv, C37))
    grown = _inaccuracy_ns(tlvs[0]) - _inaccuracy_ns(before)
    require(0 < grown < UNKNOWN_INACCURACY_NS // 2, f"the inaccuracy grows by {grown} ns on its way through the clock")


def _inaccuracy_ns(tlv: IeeeC37238 | IeeeC37238Of2011) -> int:
    if isinstance(tlv, IeeeC37238):
        return tlv.total_time_inaccuracy_ns
    return tlv.grandmaster_time_inaccuracy_ns + tlv.network_time_inaccuracy_ns
