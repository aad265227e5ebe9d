"""What the tester's messages carry by the profile of the port: TLVs, flags, and what keeps a neighbour listening."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from profiles.loader import Profile
from ptpstack.conform.port_under_test import is_gptp
from ptpstack.wire.messages import Signaling
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    AlternateTimeOffsetIndicator,
    GrantUnicastTransmission,
    IeeeC37238,
    IeeeC37238Of2011,
    PathTrace,
    RequestUnicastTransmission,
)
from ptpstack.wire.tlvs.ieee_802_1as import FollowUpInformation
from ptpstack.wire.types import ClockIdentity

RENEWAL_INVITED = 1
QUALITY_LEVELS = 84, 90, 96, 102, 104
CLOCK_CLASSES = 6, 7, 13, 52, 58


def clock_classes(profile: Profile) -> Sequence[int]:
    """Return the clockClass of five grandmasters, the best first: in G.8265.1 they are quality levels (unverified)."""
    return QUALITY_LEVELS if profile.bmca == "ql_g8265" else CLOCK_CLASSES


def announce_tlvs(profile: Profile, grandmaster: ClockIdentity) -> tuple[Tlv, ...]:
    """Return the TLVs without which the profile may ignore an Announce of *grandmaster*."""
    if is_gptp(profile):
        return (PathTrace((grandmaster,)),)
    local_time = AlternateTimeOffsetIndicator(1, 3563, 3600, 1_774_746_037, b"CET")
    match profile.announce_tlv:
        case "ieee_c37_238_2017":
            return (IeeeC37238(7, 200), local_time)
        case "ieee_c37_238_2011":
            return (IeeeC37238Of2011(7, 200), local_time)
    return ()


def follow_up_tlvs(profile: Profile) -> tuple[Tlv, ...]:
    """Return the TLVs without which the profile ignores a Follow_Up."""
    return (FollowUpInformation(),) if is_gptp(profile) else ()


def grants_for(signaling: Signaling) -> Iterator[GrantUnicastTransmission]:
    """Yield a grant for all that is asked."""
    for tlv in signaling.tlvs:
        if isinstance(tlv, RequestUnicastTransmission):
            interval, duration_s = tlv.log_inter_message_period, tlv.duration_field
            yield GrantUnicastTransmission(tlv.message_type, interval, duration_s, RENEWAL_INVITED)
