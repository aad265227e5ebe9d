"""Clocks that break just one of the rules that a check looks at, and the words by which it says so."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from msgspec.structs import replace

from ptpstack.conform.simulated import Faults
from ptpstack.conform.tester import FIRST, GOOD
from ptpstack.time import MICROSECOND, PtpTime
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Signaling,
    Sync,
)
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    AlternateTimeOffsetIndicator,
    GrantUnicastTransmission,
    IeeeC37238Of2011,
    PathTrace,
    RequestUnicastTransmission,
)
from ptpstack.wire.tlvs.ieee_802_1as import FollowUpInformation, GptpCapable
from ptpstack.wire.types import ClockIdentity, ClockQuality, MessageType, PortIdentity
from tests.conform.changes import Change, beside, changed, dropped, numbered, only_the_first, twice
from tests.conform.faults import GPTP, OWN, TELECOM, asked_for_before, has, with_tlvs

E2E, P2P = "default-e2e", "default-p2p"
STRANGER = PortIdentity(ClockIdentity.from_text("0000aa.fffe.0000ff"), 1)


class Broken(NamedTuple):
    """A check, the profile it is tried on, what is broken, and what it says."""

    check: str
    profile: str
    faults: Faults
    says: str


def out(check: str, profile: str, change: Change, says: str) -> Broken:
    return Broken(check, profile, Faults(outgoing=change), says)


def into(check: str, profile: str, change: Change, says: str) -> Broken:
    return Broken(check, profile, Faults(incoming=change), says)


def quality(**fields: int) -> Callable[[Any], ClockQuality]:
    return lambda message: message.grandmaster_clock_quality._replace(**fields)


def later(field: str) -> Callable[[Any], int]:
    """The number in a field, and one more."""
    return lambda message: int(getattr(message, field)) + 1


def announce_of_first(number: int) -> Announce:
    return Announce(
        source_port_identity=FIRST, sequence_id=1000 + number, grandmaster_identity=FIRST.clock_identity, **GOOD
    )


def _wants(kind: MessageType) -> Change:
    """What a client asks for is called *kind*."""
    return with_tlvs(RequestUnicastTransmission, message_type=kind)


def management_granted(message: Message) -> Iterable[Message]:
    def served(tlv: Any) -> Any:
        of_management = isinstance(tlv, GrantUnicastTransmission) and tlv.message_type == MessageType.MANAGEMENT
        return replace(tlv, duration_field=10) if of_management else tlv

    yield replace(message, tlvs=tuple(map(served, message.tlvs))) if isinstance(message, Signaling) else message


TWO_PATHS = (FollowUpInformation(), FollowUpInformation())

BROKEN = (
    Broken("attributes_are_within_the_profile", "g8275-1", Faults(instance={"domain_number": 5}), "domain_number is 5"),
    Broken(
        "attributes_are_within_the_profile",
        E2E,
        Faults(port={"announce_receipt_timeout": 200}),
        "timeout is 200",
    ),
    Broken("attributes_are_within_the_profile", E2E, Faults(instance={"sdo_id": 0x300}), "sdoId is 0x300"),
    out("announces_come_at_their_interval", E2E, changed(Announce, log_message_interval=3), "tell logMessageInterval"),
    out("announces_come_at_their_interval", E2E, only_the_first(Announce, 6), "sends no Announces any more"),
    Broken(
        "announces_come_at_their_interval",
        E2E,
        Faults(port={"log_announce_interval": -3}),
        "interval is -3",
    ),
    out("syncs_come_at_their_interval", E2E, changed(Sync, log_message_interval=3), "tell logMessageInterval"),
    out("syncs_come_at_their_interval", E2E, dropped(Sync), "sends no Sync"),
    Broken("syncs_come_at_their_interval", E2E, Faults(port={"log_sync_interval": -5}), "log_sync_interval is -5"),
    Broken(
        "pdelay_reqs_come_at_their_interval",
        P2P,
        Faults(port={"log_min_pdelay_req_interval": -3}),
        "log_min_pdelay_req_interval is -3",
    ),
    out("pdelay_reqs_come_at_their_interval", P2P, twice(PdelayReq), "logMinPdelayReqInterval: mean"),
    *(
        out("announces_carry_the_data_sets", E2E, changed(Announce, **{field: value}), "its data sets say")
        for field, value in {
            "grandmaster_priority1": 1,
            "grandmaster_identity": STRANGER.clock_identity,
            "steps_removed": 1,
        }.items()
    ),
    *(
        out("announces_carry_the_data_sets", E2E, changed(Announce, grandmaster_clock_quality=wrong), "data sets say")
        for wrong in (quality(clock_class=6), quality(clock_accuracy=0x20), quality(offset_scaled_log_variance=1))
    ),
    out("announces_carry_the_data_sets", E2E, only_the_first(Announce, 6), "sends no Announces any more"),
    out("headers_are_of_its_domain", E2E, changed(Announce, major_sdo_id=1), "ANNOUNCE has another"),
    out("headers_are_of_its_domain", E2E, changed(Sync, source_port_identity=STRANGER), "SYNC has another"),
    out(
        "headers_are_of_its_domain",
        E2E,
        changed(Sync, source_port_identity=OWN._replace(port_number=2)),
        "messages of one port are from",
    ),
    out("sequence_ids_count_up", E2E, changed(Announce, sequence_id=7), "Announce 7 is followed by 7"),
    out("sequence_ids_count_up", E2E, dropped(Sync), "0 Sync come"),
    out("each_two_step_sync_has_its_follow_up", E2E, changed(FollowUp, precise_origin_timestamp=PtpTime(0)), "go up"),
    out(
        "each_two_step_sync_has_its_follow_up", E2E, changed(FollowUp, sequence_id=later("sequence_id")), "no Follow_Up"
    ),
    out(
        "a_follower_is_silent_upwards", E2E, beside(DelayReq, lambda _m: Sync(source_port_identity=OWN)), "sends Syncs"
    ),
    out("pdelay_reqs_have_their_fields", P2P, changed(PdelayReq, flag_field=Flag.UNICAST), "the unicast flag"),
    out("pdelay_reqs_have_their_fields", P2P, dropped(PdelayReq), "sends no Pdelay_Req"),
    out("pdelay_reqs_are_answered", P2P, dropped(PdelayResp), "gets 0 answers"),
    out("pdelay_reqs_are_answered", P2P, twice(PdelayResp), "gets 2 answers"),
    out(
        "pdelay_reqs_are_answered", P2P, changed(PdelayResp, sequence_id=later("sequence_id")), "Resp has another sequ"
    ),
    out("pdelay_reqs_are_answered", P2P, changed(PdelayResp, requesting_port_identity=STRANGER), "gets 0 answers"),
    out("pdelay_reqs_are_answered", P2P, dropped(PdelayRespFollowUp), "has 0 Follow_Ups"),
    out(
        "pdelay_reqs_are_answered",
        P2P,
        changed(PdelayRespFollowUp, sequence_id=later("sequence_id")),
        "Follow_Up has another sequenceId",
    ),
    out(
        "pdelay_reqs_are_answered",
        P2P,
        changed(PdelayRespFollowUp, response_origin_timestamp=PtpTime(0)),
        "answers before it was asked",
    ),
    out("pdelay_reqs_are_answered", GPTP, changed(PdelayResp, flag_field=0), "answers in one step"),
    out("delay_reqs_are_not_answered_at_all", P2P, beside(PdelayReq, lambda _m: DelayReq()), "sends Delay_Reqs"),
    out("delay_reqs_are_not_answered_at_all", P2P, beside(PdelayReq, lambda _m: DelayResp()), "answers a Delay_Req"),
    out("pdelay_reqs_are_not_answered_at_all", E2E, beside(Announce, lambda _m: PdelayReq()), "sends Pdelay_Reqs"),
    out("pdelay_reqs_are_not_answered_at_all", E2E, beside(Announce, lambda _m: PdelayResp()), "answers a Pdelay_Req"),
    out("delay_reqs_are_answered_by_a_master", E2E, dropped(DelayResp), "gets 0 answers"),
    out("delay_reqs_are_answered_by_a_master", E2E, twice(DelayResp), "gets 2 answers"),
    out("delay_reqs_are_answered_by_a_master", E2E, changed(DelayResp, sequence_id=77), "another sequenceId"),
    out("delay_reqs_are_answered_by_a_master", E2E, changed(DelayResp, receive_timestamp=PtpTime(0)), "0.000 s apart"),
    into(
        "a_silent_master_is_left_after_the_announce_timeout",
        E2E,
        beside(Sync, numbered(announce_of_first)),
        "stays",
    ),
    *(
        into("the_data_sets_are_compared_in_order", E2E, changed(Announce, **{field: value}), f"^{says} does")
        for says, field, value in (
            ("priority1", "grandmaster_priority1", 9),
            ("clockClass", "grandmaster_clock_quality", quality(clock_class=6)),
            ("clockAccuracy", "grandmaster_clock_quality", quality(clock_accuracy=0x21)),
            ("offsetScaledLogVariance", "grandmaster_clock_quality", quality(offset_scaled_log_variance=0x4E5D)),
            ("priority2", "grandmaster_priority2", 128),
            ("priority1", "grandmaster_priority1", lambda message: message.grandmaster_priority2),
        )
    ),
    out("the_power_tlv_comes_first", "c37-238-2017", changed(Announce, tlvs=()), "the first TLV is none"),
    out(
        "the_power_tlv_comes_first",
        "c37-238-2011",
        changed(Announce, tlvs=lambda message: message.tlvs[:1]),
        "no ALTERNATE_TIME_OFFSET_INDICATOR",
    ),
    out(
        "the_power_tlv_comes_first",
        "c37-238-2017",
        changed(Announce, tlvs=lambda message: (message.tlvs[0], PathTrace(()), *message.tlvs[1:])),
        "is not the second TLV",
    ),
    out(
        "the_grandmaster_id_is_within_its_range",
        "c37-238-2011",
        changed(Announce, tlvs=(AlternateTimeOffsetIndicator(1, 0, 0, 0, b"UTC"),)),
        "there is no IEEE_C37_238",
    ),
    out("clocks_on_the_way_add_their_inaccuracy", "c37-238-2011", changed(Announce, tlvs=()), "hands on no"),
    out(
        "clocks_on_the_way_add_their_inaccuracy",
        "c37-238-2011",
        changed(Announce, tlvs=(IeeeC37238Of2011(7, 4_000_000_000),)),
        "the inaccuracy grows by",
    ),
    out(
        "a_grant_is_what_was_asked",
        TELECOM,
        with_tlvs(GrantUnicastTransmission, duration_field=60),
        "10 s were asked for and 60 s granted",
    ),
    out("a_grant_is_what_was_asked", TELECOM, changed(Signaling, flag_field=0), "no unicast flag"),
    out("a_grant_is_what_was_asked", TELECOM, changed(Signaling, target_port_identity=STRANGER), "who did not ask"),
    into("nothing_comes_that_was_not_granted", TELECOM, asked_for_before(MessageType.ANNOUNCE), "Announce comes"),
    into("nothing_comes_that_was_not_granted", TELECOM, asked_for_before(MessageType.SYNC), "Sync comes"),
    *(
        out("unicast_messages_are_marked", TELECOM, changed(kind, flag_field=0), f"{kind.__name__} has no unicast flag")
        for kind in (Announce, Sync, FollowUp, DelayResp)
    ),
    *(
        out("unicast_messages_are_marked", TELECOM, dropped(kind), f"{kind.__name__} was granted, and none comes")
        for kind in (Announce, Sync, DelayResp)
    ),
    *(
        out(
            "unicast_messages_are_marked",
            TELECOM,
            changed(kind, log_message_interval=-4),
            f"unicast {kind.__name__}",
        )
        for kind in (FollowUp, DelayResp)
    ),
    out("a_grant_lasts_as_long_as_it_says", TELECOM, only_the_first(Announce, 4), "has ended before"),
    out("a_grant_lasts_as_long_as_it_says", TELECOM, only_the_first(Sync, 9), "SYNC was .* has ended"),
    out("a_renewal_keeps_a_grant_going", TELECOM, changed(Announce, sequence_id=7), "do not count up over a renewal"),
    out("a_renewal_keeps_a_grant_going", TELECOM, dropped(Sync, lambda m: 30 < m.sequence_id < 400), "s without"),
    out(
        "a_cancellation_is_acknowledged_and_obeyed",
        TELECOM,
        dropped(Signaling, has(AcknowledgeCancelUnicastTransmission)),
        "gets acknowledgements of",
    ),
    out("what_is_not_served_is_refused", TELECOM, management_granted, "Management messages is granted"),
    into(
        "what_is_not_served_is_refused",
        TELECOM,
        dropped(Signaling, lambda m: any(getattr(tlv, "log_inter_message_period", 0) < -7 for tlv in m.tlvs)),
        "gets 0 answers",
    ),
    out(
        "a_client_asks_within_the_profile",
        TELECOM,
        with_tlvs(RequestUnicastTransmission, log_inter_message_period=3),
        "it asks for .* every",
    ),
    out(
        "a_client_asks_within_the_profile",
        TELECOM,
        _wants(MessageType.SYNC),
        "before there was an Announce",
    ),
    out("it_says_that_it_invokes_gptp", GPTP, with_tlvs(GptpCapable, log_gptp_capable_message_interval=0), "comes"),
    out("an_interval_request_is_obeyed", GPTP, dropped(Sync, lambda m: m.sequence_id % 3), "asked for Syncs every"),
    out(
        "follow_ups_carry_the_information_tlv",
        GPTP,
        changed(FollowUp, tlvs=(FollowUpInformation(cumulative_scaled_rate_offset=-(1 << 31)),)),
        "cumulativeScaledRateOffset is",
    ),
    out("follow_ups_carry_the_information_tlv", GPTP, changed(FollowUp, tlvs=TWO_PATHS), "has 2 Follow_Up information"),
    out(
        "follow_ups_carry_the_information_tlv",
        GPTP,
        changed(FollowUp, correction_field=MICROSECOND),
        "the fraction",
    ),
    out("follow_ups_carry_the_information_tlv", GPTP, changed(Sync, correction_field=1), "of a Sync is not 0"),
    out("follow_ups_carry_the_information_tlv", GPTP, dropped(FollowUp), "no Follow_Up comes"),
    out("announces_trace_their_path", GPTP, changed(Announce, tlvs=(PathTrace((FIRST.clock_identity,)),)), "path is"),
    out(
        "announces_trace_their_path",
        GPTP,
        changed(Announce, lambda m: m.sequence_id % 2, tlvs=()),
        "has 0 path trace TLVs",
    ),
    out(
        "a_neighbour_without_peer_delay_is_not_served",
        GPTP,
        only_the_first(PdelayReq, 16),
        "has stopped",
    ),
)
