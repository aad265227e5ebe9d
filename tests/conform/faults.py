"""Faults of clocks that negotiate unicast, and of gPTP systems: each is what one check is there to find."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec.structs import replace

from ptpstack.conform.simulated import IDENTITY, Faults
from ptpstack.conform.tester import FIRST, SECOND_MASTER
from ptpstack.wire.message import Flag, Message
from ptpstack.wire.messages import Announce, DelayReq, FollowUp, PdelayReq, PdelayResp, Signaling, Sync
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    PathTrace,
    RequestUnicastTransmission,
)
from ptpstack.wire.tlvs.ieee_802_1as import MessageIntervalRequest
from ptpstack.wire.types import ALL_PORTS, ClockQuality, MessageType, PortIdentity
from tests.conform.changes import Change, beside, changed, dropped, only_the_first, thrice

OWN = PortIdentity(IDENTITY, 1)
BORN = 1
"""Requests that a client has sent before a check begins: it begins anew with each."""

TELECOM, GPTP, CAR = "g8275-2", "gptp", "avnu-automotive"


def with_tlvs(kind: type[Tlv], **fields: Any) -> Change:
    """TLVs of a kind get other fields; a field may be made of the TLV by a function."""

    def change(tlv: Tlv) -> Tlv:
        if not isinstance(tlv, kind):
            return tlv
        made = {name: value(tlv) if callable(value) else value for name, value in fields.items()}
        return replace(tlv, **made)  # type: ignore[type-var]

    return changed(Signaling, tlvs=lambda message: tuple(map(change, message.tlvs)))


def has(kind: type[Tlv]) -> Callable[[Any], bool]:
    return lambda message: any(isinstance(tlv, kind) for tlv in message.tlvs)


def asked_for_before(kind: MessageType) -> Change:
    """Who asks for the delay is taken to have asked for this, too."""

    def change(message: Message) -> Iterable[Message]:
        if isinstance(message, DelayReq):
            yield Signaling(
                source_port_identity=message.source_port_identity,
                domain_number=message.domain_number,
                flag_field=Flag.UNICAST,
                target_port_identity=ALL_PORTS,
                tlvs=(RequestUnicastTransmission(kind, -4 if kind is MessageType.DELAY_RESP else 0, 60),),
            )
        yield message

    return change


def one_request_of_each_type() -> Change:
    seen: Counter[int] = Counter()

    def change(message: Message) -> Iterable[Message]:
        if isinstance(message, Signaling):
            for tlv in message.tlvs:
                if isinstance(tlv, RequestUnicastTransmission):
                    seen[tlv.message_type] += 1
                    if seen[tlv.message_type] > 1:
                        return ()
        return (message,)

    return change


UNICAST_FAULTS: dict[str, tuple[str, Faults]] = {
    "a_grant_is_what_was_asked": (
        TELECOM,
        Faults(outgoing=with_tlvs(GrantUnicastTransmission, log_inter_message_period=1)),
    ),
    "nothing_comes_that_was_not_granted": (TELECOM, Faults(incoming=asked_for_before(MessageType.DELAY_RESP))),
    "unicast_messages_are_marked": (TELECOM, Faults(outgoing=changed(Sync, log_message_interval=-4))),
    "a_grant_lasts_as_long_as_it_says": (
        TELECOM,
        Faults(
            incoming=with_tlvs(RequestUnicastTransmission, duration_field=lambda tlv: 10 * tlv.duration_field),
            outgoing=with_tlvs(GrantUnicastTransmission, duration_field=lambda tlv: tlv.duration_field // 10),
        ),
    ),
    "a_renewal_keeps_a_grant_going": (TELECOM, Faults(incoming=one_request_of_each_type())),
    "a_cancellation_is_acknowledged_and_obeyed": (
        TELECOM,
        Faults(incoming=dropped(Signaling, has(CancelUnicastTransmission))),
    ),
    "what_is_not_served_is_refused": (
        TELECOM,
        Faults(outgoing=with_tlvs(GrantUnicastTransmission, duration_field=10)),
    ),
    "a_client_asks_within_the_profile": (
        TELECOM,
        Faults(outgoing=with_tlvs(RequestUnicastTransmission, duration_field=5)),
    ),
    "a_refused_client_asks_again_without_haste": (TELECOM, Faults(outgoing=thrice(Signaling))),
    "a_client_renews_in_time": (TELECOM, Faults(outgoing=only_the_first(Signaling, BORN + 2))),
    "a_client_asks_delays_only_where_answers_are_granted": (
        TELECOM,
        Faults(outgoing=beside(Signaling, lambda _m: DelayReq(source_port_identity=OWN))),
    ),
    "a_client_acknowledges_a_master_that_cancels": (
        TELECOM,
        Faults(outgoing=dropped(Signaling, has(AcknowledgeCancelUnicastTransmission))),
    ),
}

OF_SECOND = lambda message: message.source_port_identity == SECOND_MASTER  # noqa: E731 (a predicate of the table)

SEVERAL_MASTERS_FAULTS: dict[str, tuple[str, Faults]] = {
    "the_next_best_takes_over_within_the_announce_timeout": (
        "default-e2e",
        Faults(incoming=dropped(Announce, OF_SECOND)),
    ),
    "the_better_master_is_followed_again": (
        "default-e2e",
        Faults(incoming=dropped(Announce, lambda message: not OF_SECOND(message))),
    ),
    "a_master_that_sends_no_syncs_is_left_for_the_next": ("g8275-1", Faults(instance={"signal_fail": None})),
    "a_master_that_answers_no_delay_reqs_is_left_for_the_next": ("g8275-1", Faults(instance={"signal_fail": None})),
    "who_is_not_acceptable_is_not_followed": ("default-e2e", Faults(instance={"acceptable_masters": ()})),
    "the_better_quality_level_wins": (
        "g8265-1",
        Faults(incoming=changed(Announce, OF_SECOND, grandmaster_clock_quality=ClockQuality(100, 0x21, 0x4E5D))),
    ),
    "a_level_not_to_be_used_is_ignored": ("g8265-1", Faults(instance={"by_quality_level": False})),
}

STILL_SERVES = Faults(outgoing=beside(PdelayReq, lambda _m: Sync(source_port_identity=OWN)))

GPTP_FAULTS: dict[str, tuple[str, Faults]] = {
    "it_says_that_it_invokes_gptp": (GPTP, Faults(outgoing=dropped(Signaling))),
    "an_interval_request_is_obeyed": (CAR, Faults(incoming=dropped(Signaling, has(MessageIntervalRequest)))),
    "follow_ups_carry_the_information_tlv": (GPTP, Faults(outgoing=changed(FollowUp, tlvs=()))),
    "announces_trace_their_path": (GPTP, Faults(outgoing=changed(Announce, tlvs=()))),
    "a_path_through_itself_is_ignored": (
        GPTP,
        Faults(incoming=changed(Announce, tlvs=(PathTrace((FIRST.clock_identity,)),))),
    ),
    "a_neighbour_without_peer_delay_is_not_served": (GPTP, STILL_SERVES),
    "a_link_that_is_too_long_is_not_served": (GPTP, STILL_SERVES),
    "several_answers_end_service": (
        GPTP,
        Faults(incoming=dropped(PdelayResp, lambda message: message.source_port_identity == SECOND_MASTER)),
    ),
    "a_master_without_syncs_is_left": (GPTP, Faults(outgoing=dropped(Announce))),
}
