"""Unicast negotiation: what a master grants, and how a client asks (IEEE 1588-2019 16.1; ITU-T G.8265.1, G.8275.2)."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

from ptpstack.conform.dialect import RENEWAL_INVITED
from ptpstack.conform.following import PATIENCE_S, require_that_it_may_follow
from ptpstack.conform.port_under_test import Failed, Heard, NotTestable, PortUnderTest, check, interval_in_use, require
from ptpstack.conform.tester import FIRST, INTERVALS, UNSPECIFIED, Tester
from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce, DelayReq, DelayResp, FollowUp, Signaling, Sync
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import MessageType

T = TypeVar("T", bound=Tlv)
ATTRIBUTES = {
    MessageType.ANNOUNCE: "log_announce_interval",
    MessageType.SYNC: "log_sync_interval",
    MessageType.DELAY_RESP: "log_min_delay_req_interval",
}
CLASSES: dict[MessageType, type[Message]] = {MessageType.ANNOUNCE: Announce, MessageType.SYNC: Sync}
SHORT_S = 10
"""A grant that a check waits for the end of. Some profiles have clients ask for longer ones, and masters refuse it."""

TWICE_AS_MANY = 3
"""Intervals faster, log2, than the profile allows: nobody may grant that."""

LATE_INTERVALS = 3
HASTE_S = 10
AGAIN_S = 70
"""Who was refused may wait a minute (ITU-T G.8265.1, G.8275.2)."""


def _server(port: PortUnderTest) -> Tester:
    """Let the port serve whoever asks, as nobody has yet."""
    port.become("ordinary")
    tester = Tester(port)
    tester.wait(tester.timeout_s + 2 * tester.announce_s)
    tester.forget()
    return tester


def _tlvs(port: PortUnderTest, kind: type[T]) -> Iterator[tuple[Heard[Signaling], T]]:
    for heard in port.heard(Signaling):
        for tlv in heard.message.tlvs:
            if isinstance(tlv, kind):
                yield heard, tlv


def _answers(port: PortUnderTest, asked: MessageType | int) -> list[GrantUnicastTransmission]:
    return [grant for _, grant in _tlvs(port, GrantUnicastTransmission) if grant.message_type == asked]


class _Granted(NamedTuple):
    grant: GrantUnicastTransmission
    asked_s: int


def _granted(tester: Tester, kind: MessageType, duration_s: int = SHORT_S) -> _Granted:
    """Ask for a message, if need be for as long as the profile has clients ask; it is no master's duty to serve."""
    usual = tester.port.profile.attributes.get("unicast_duration_s")
    for asked_s in sorted({duration_s, max(duration_s, usual.min if usual is not None else 0)}):
        tester.ask(kind, duration_s=asked_s)
        tester.wait(tester.announce_s)
        grants = [grant for grant in _answers(tester.port, kind) if grant.duration_field]
        if grants:
            return _Granted(grants[-1], asked_s)
    raise NotTestable(f"the port grants no {kind.name}: is it a master?")


@check
def a_grant_is_what_was_asked(port: PortUnderTest) -> None:
    """16.1.4.2: the type and interval of the request, for no longer, to the port that asked, by unicast."""
    for kind, attribute in INTERVALS.items():
        tester = _server(port)
        grant, asked_s = _granted(tester, kind)
        [heard] = [heard for heard, tlv in _tlvs(port, GrantUnicastTransmission) if tlv is grant]
        asked = interval_in_use(port, attribute)
        found = grant.log_inter_message_period
        require(found == asked, f"{kind.name} was asked for every 2^{asked} s and granted every 2^{found} s")
        require(grant.duration_field <= asked_s, f"{asked_s} s were asked for and {grant.duration_field} s granted")
        require(heard.message.unicast_flag, "the grant has no unicast flag")
        target = heard.message.target_port_identity
        require(target == tester.real(FIRST), f"the grant is for {target}, who did not ask")


@check
def nothing_comes_that_was_not_granted(port: PortUnderTest) -> None:
    """16.1.1: neither Announce nor Sync, and no answer to a Delay_Req."""
    tester = _server(port)
    port.send(tester.new(DelayReq))
    tester.wait(2 * tester.announce_s)
    for kind in (Announce, Sync, FollowUp, DelayResp):
        require(not port.heard(kind), f"{kind.__name__} comes although nobody was granted it")


@check
def unicast_messages_are_marked(port: PortUnderTest) -> None:
    """Table 42, 13.3.2.8: the unicast flag; logMessageInterval 0x7F in Sync, Follow_Up and Delay_Resp."""
    tester = _server(port)
    for kind in INTERVALS:
        _granted(tester, kind)
    port.send(tester.new(DelayReq))
    tester.wait(2 * tester.announce_s)
    for sent in (Announce, Sync, FollowUp, DelayResp):
        require(port.heard(sent) or sent is FollowUp, f"{sent.__name__} was granted, and none comes")
        for heard in port.heard(sent):
            name, told = sent.__name__, heard.message.log_message_interval
            require(heard.message.unicast_flag, f"{name} has no unicast flag")
            require(sent is Announce or told == UNSPECIFIED, f"logMessageInterval of a unicast {name} is {told}")


@check
def a_grant_lasts_as_long_as_it_says(port: PortUnderTest) -> None:
    """16.1.4.2: until durationField is over, and no longer."""
    for kind, sent in CLASSES.items():
        tester = _server(port)
        duration_s = _granted(tester, kind).grant.duration_field
        interval_s = tester.interval_s(INTERVALS[kind])
        margin_s = LATE_INTERVALS * interval_s + tester.announce_s
        tester.wait(max(0.0, duration_s - tester.announce_s - margin_s))
        tester.forget()
        tester.wait(margin_s)
        require(port.heard(sent), f"{kind.name} was granted for {duration_s} s and has ended before")
        tester.wait(margin_s)
        tester.forget()
        tester.wait(2 * margin_s)
        require(not port.heard(sent), f"{kind.name} was granted for {duration_s} s and comes afterwards")


@check
def a_renewal_keeps_a_grant_going(port: PortUnderTest) -> None:
    """16.1.1: who asks again in time is served without a gap, with the next sequenceId."""
    for kind, sent in CLASSES.items():
        tester = _server(port)
        grant, asked_s = _granted(tester, kind)
        first_s = grant.duration_field
        tester.wait(first_s / 2)
        tester.ask(kind, duration_s=asked_s)
        tester.wait(first_s / 2 + 2 * tester.announce_s)
        heard = port.heard(sent)
        gaps = [late.at_s - early.at_s for early, late in itertools.pairwise(heard)]
        allowed_s = 2 * tester.interval_s(INTERVALS[kind]) + tester.announce_s / 2
        require(gaps and max(gaps) < allowed_s, f"{kind.name}: {max(gaps, default=0):.1f} s without, over a renewal")
        ended = heard[-1].at_s - heard[0].at_s
        require(ended > first_s, f"{kind.name} was granted anew, yet ended after {ended:.0f} s")
        numbers = [each.message.sequence_id for each in heard]
        require(
            all((late - early) & 0xFFFF == 1 for early, late in itertools.pairwise(numbers)),
            f"the sequenceIds of {kind.name} do not count up over a renewal",
        )


@check
def a_cancellation_is_acknowledged_and_obeyed(port: PortUnderTest) -> None:
    """16.1.4.3, 16.1.4.4."""
    tester = _server(port)
    _granted(tester, MessageType.SYNC, 6 * SHORT_S)
    tester.signal(CancelUnicastTransmission(MessageType.SYNC))
    tester.wait(tester.announce_s)
    told = [tlv.message_type for _, tlv in _tlvs(port, AcknowledgeCancelUnicastTransmission)]
    tester.forget()
    tester.wait(2 * tester.announce_s)
    require(not port.heard(Sync), "Syncs come although the client cancelled them")
    require(told == [MessageType.SYNC], f"a cancellation of Syncs gets acknowledgements of {told}")


@check
def what_is_not_served_is_refused(port: PortUnderTest) -> None:
    """16.1.4.2: by a grant for no time, or none, what is never granted; by one what would come too often."""
    tester = _server(port)
    tester.signal(RequestUnicastTransmission(MessageType.MANAGEMENT, 0, SHORT_S))
    tester.wait(tester.announce_s)
    answers = [grant.duration_field for grant in _answers(port, MessageType.MANAGEMENT)]
    require(not any(answers), f"a request for Management messages is granted for {answers} s, not refused (0)")
    for kind, attribute in ATTRIBUTES.items():
        found = port.profile.attributes.get(attribute)  # type: ignore[call-overload]
        if found is None:
            continue
        _granted(tester, kind)
        too_often = found.min - TWICE_AS_MANY
        tester.forget()
        tester.ask(kind, too_often)
        tester.wait(tester.announce_s)
        answer = _answers(port, kind)
        require(len(answer) == 1, f"a request for {kind.name} every 2^{too_often} s gets {len(answer)} answers")
        kept = answer[0].duration_field == 0 or answer[0].log_inter_message_period >= found.min
        require(kept, f"{kind.name} is granted every 2^{too_often} s, the profile allows 2^{found.min} s")


# -- the asking side -----------------------------------------------------------------------------------------------


def _client(port: PortUnderTest, *, grants: bool = True) -> Tester:
    port.become("ordinary")
    tester = Tester(port)
    tester.grants = grants
    if not grants:
        port.served.clear()  # so whoever comes next waits until it asks again
    return tester


def _asked(port: PortUnderTest, kind: MessageType | None = None) -> Sequence[tuple[float, RequestUnicastTransmission]]:
    """Return what was asked for, and when."""
    asked = [(heard.at_s, tlv) for heard, tlv in _tlvs(port, RequestUnicastTransmission)]
    return [(at_s, tlv) for at_s, tlv in asked if kind in (None, tlv.message_type)]


def _require_asking(tester: Tester) -> None:
    """Serve until Syncs are asked for; who was not answered for long asks seldom."""
    for _ in range(round(PATIENCE_S / (4 * tester.announce_s)) + 1):
        tester.serve(4 * tester.announce_s, (FIRST, {}))
        if _asked(tester.port, MessageType.SYNC):
            break
    if not _asked(tester.port):
        raise NotTestable("the port asks nothing of the tester: it is not in its unicast master table")
    if not _asked(tester.port, MessageType.SYNC):
        require_that_it_may_follow(tester.port)
        raise Failed("it asks no Syncs of the best master")


@check
def a_client_asks_within_the_profile(port: PortUnderTest) -> None:
    """16.1.1, 17.4: Announces first; intervals and durations of the profile."""
    tester = _client(port)
    _require_asking(tester)
    first = _asked(port)[0][1].message_type
    remembers = port.epoch > 0  # Announces may have been granted in the check before
    require(remembers or first == MessageType.ANNOUNCE, f"it asks for {first} before there was an Announce")
    duration = port.profile.attributes.get("unicast_duration_s")
    for _, tlv in _asked(port):
        found = port.profile.attributes.get(ATTRIBUTES[MessageType(tlv.message_type)])  # type: ignore[call-overload]
        if found is not None:
            inside = found.min <= tlv.log_inter_message_period <= found.max
            require(inside, f"it asks for {tlv.message_type} every 2^{tlv.log_inter_message_period} s")
        if duration is not None:
            inside = duration.min <= tlv.duration_field <= duration.max
            require(inside, f"it asks for {tlv.duration_field} s, the profile: {duration.min} to {duration.max} s")


@check
def a_refused_client_asks_again_without_haste(port: PortUnderTest) -> None:
    """16.1.1: it asks on, for the same at most once a second."""
    tester = _client(port, grants=False)
    refused: Counter[int] = Counter()
    for second in range(HASTE_S + AGAIN_S):
        tester.wait(1.0)
        for _, tlv in _asked(port)[refused.total() :]:
            tester.signal(GrantUnicastTransmission(tlv.message_type, tlv.log_inter_message_period, 0))
            refused[tlv.message_type] += 1
        if second >= HASTE_S and max(refused.values(), default=0) > 1:
            break
        most = max(refused.values(), default=0)
        require(most <= second + 2, f"refused each time, it asks {most} times in {second + 1} s for the same")
    if not refused:
        raise NotTestable("the port asks nothing of the tester: it is not in its unicast master table")
    if max(refused.values()) == 1:
        raise NotTestable(f"refused once, it does not ask again for {HASTE_S + AGAIN_S} s: whether it ever does")


@check
def a_client_renews_in_time(port: PortUnderTest) -> None:
    """16.1.1: before what was granted is over."""
    tester = _client(port, grants=False)
    for _ in range(round(PATIENCE_S / tester.announce_s) + 1):
        tester.wait(tester.announce_s)
        if asked := _asked(port, MessageType.ANNOUNCE):
            break
    else:
        raise NotTestable("the port asks nothing of the tester: it is not in its unicast master table")
    interval = asked[-1][1].log_inter_message_period
    tester.signal(GrantUnicastTransmission(MessageType.ANNOUNCE, interval, SHORT_S, RENEWAL_INVITED))
    tester.forget()
    tester.serve(SHORT_S, (FIRST, {}))
    require(_asked(port, MessageType.ANNOUNCE), f"{SHORT_S} s were granted and are over, and it has not asked again")


@check
def a_client_asks_delays_only_where_answers_are_granted(port: PortUnderTest) -> None:
    """16.1.1: no Delay_Req without a grant for Delay_Resp."""
    tester = _client(port, grants=False)
    answered = 0
    for _ in range(8):
        tester.serve(tester.announce_s, (FIRST, {}))
        for _, tlv in _asked(port)[answered:]:
            answered += 1
            if tlv.message_type != MessageType.DELAY_RESP:
                interval, duration_s = tlv.log_inter_message_period, tlv.duration_field
                tester.signal(GrantUnicastTransmission(tlv.message_type, interval, duration_s, RENEWAL_INVITED))
    if not _asked(port, MessageType.DELAY_RESP):
        raise NotTestable("the port does not ask for Delay_Resp")
    require(not port.heard(DelayReq), "it sends Delay_Reqs, although no answers were granted")


@check
def a_client_acknowledges_a_master_that_cancels(port: PortUnderTest) -> None:
    """16.1.4.3, 16.1.4.4."""
    tester = _client(port)
    _require_asking(tester)
    tester.forget()
    tester.signal(CancelUnicastTransmission(MessageType.SYNC))
    tester.wait(3 * tester.announce_s)
    told = [tlv.message_type for _, tlv in _tlvs(port, AcknowledgeCancelUnicastTransmission)]
    require(told == [MessageType.SYNC], f"a master's cancellation of Syncs gets acknowledgements of {told}")
