"""How delays are measured, and what a neighbour may do (IEEE 1588-2019 11.3, 11.4)."""

from __future__ import annotations

import itertools

from ptpstack.conform.following import begin_followed
from ptpstack.conform.port_under_test import Failed, NotTestable, PortUnderTest, check, is_gptp, require
from ptpstack.conform.tester import FIRST, SECOND_MASTER, UNSPECIFIED, Tester
from ptpstack.time import NANOSECOND, SECOND
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
)

WITHIN_NS = 100
"""UNH: the mean link delay within 100 ns."""


def _settled(port: PortUnderTest) -> Tester:
    port.become("ordinary")
    tester = Tester(port)
    tester.wait(4 * tester.announce_s)
    return tester


@check
def pdelay_reqs_have_their_fields(port: PortUnderTest) -> None:
    """13.9, Table 42: logMessageInterval 0x7F, no unicast flag."""
    tester = _settled(port)
    tester.wait(4 * tester.interval_s("logMinPdelayReqInterval"))
    requests = port.heard(PdelayReq)
    require(requests, "it sends no Pdelay_Req")
    for heard in requests:
        request = heard.message
        require(request.log_message_interval == UNSPECIFIED, "logMessageInterval of Pdelay_Req is not 0x7F")
        require(not request.unicast_flag, "Pdelay_Req has the unicast flag")


@check
def pdelay_reqs_are_answered(port: PortUnderTest) -> None:
    """11.4.2: requestingPortIdentity and sequenceId of the request, a Follow_Up where two-step."""
    tester = _settled(port)
    tester.forget()
    asked = tester.new(PdelayReq)
    left_ns = port.send(asked)
    tester.wait(tester.announce_s)
    responses = [h for h in port.heard(PdelayResp) if h.message.requesting_port_identity == tester.real(FIRST)]
    require(len(responses) == 1, f"one Pdelay_Req gets {len(responses)} answers")
    response = responses[0].message
    require(response.sequence_id == asked.sequence_id, "Pdelay_Resp has another sequenceId than the request")
    if not response.two_step_flag:
        require(not is_gptp(port.profile), "it answers in one step, which is not allowed to a gPTP port")
        return
    follow_ups = [
        h.message for h in port.heard(PdelayRespFollowUp) if h.message.requesting_port_identity == tester.real(FIRST)
    ]
    require(len(follow_ups) == 1, f"a two-step Pdelay_Resp has {len(follow_ups)} Follow_Ups")
    follow_up = follow_ups[0]
    require(follow_up.sequence_id == asked.sequence_id, "Pdelay_Resp_Follow_Up has another sequenceId than the request")
    turnaround = follow_up.response_origin_timestamp - response.request_receipt_timestamp
    require(turnaround >= 0, "it answers before it was asked, by its stamps")
    if port.link_delay_ns is None or left_ns is None or responses[0].stamp_ns is None:
        return
    round_trip_ns = responses[0].stamp_ns - left_ns
    corrections = response.correction_field + follow_up.correction_field
    delay_ns = (round_trip_ns - (turnaround + corrections) / NANOSECOND) / 2
    off_ns = delay_ns - port.link_delay_ns
    require(abs(off_ns) < WITHIN_NS, f"by its stamps the link is {delay_ns:.0f} ns long, {off_ns:.0f} ns off")


@check
def the_mean_link_delay_is_right(port: PortUnderTest) -> None:
    """11.4.2: within 100 ns."""
    if port.link_delay_ns is None:
        raise NotTestable("the true delay of this link is not known")
    _settled(port)
    measured_ns = port.port_ds()["meanLinkDelay"]
    right = abs(measured_ns - port.link_delay_ns) < WITHIN_NS
    require(right, f"meanLinkDelay is {measured_ns:.0f} ns, the link {port.link_delay_ns:.0f} ns")


@check
def pdelay_reqs_of_another_domain_are_not_answered(port: PortUnderTest) -> None:
    """7.1."""
    tester = _settled(port)
    tester.forget()
    port.send(tester.new(PdelayReq, domain_number=(port.default_ds()["domainNumber"] + 1) % 128))
    tester.wait(tester.announce_s)
    answered = [h for h in port.heard(PdelayResp) if h.message.requesting_port_identity == tester.real(FIRST)]
    require(not answered, "it answers a Pdelay_Req of another domain")


@check
def pdelay_reqs_are_not_answered_at_all(port: PortUnderTest) -> None:
    """A profile of the delay request-response mechanism prohibits peer delay."""
    tester = _settled(port)
    port.send(tester.new(PdelayReq))
    tester.wait(tester.announce_s)
    require(not port.heard(PdelayReq), "it sends Pdelay_Reqs")
    require(not port.heard(PdelayResp), "it answers a Pdelay_Req")


@check
def delay_reqs_are_not_answered_at_all(port: PortUnderTest) -> None:
    """A peer-to-peer profile knows no Delay_Req: neither of a master nor of a slave."""
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    port.send(tester.new(DelayReq))
    tester.wait(tester.announce_s)
    require(not port.heard(DelayResp), "it answers a Delay_Req")
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    require(not port.heard(DelayReq), "it sends Delay_Reqs")


@check
def delay_reqs_are_answered_by_a_master(port: PortUnderTest) -> None:
    """11.3.2: the request's identity, sequenceId and correction, and the time at which it came."""
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    if not port.heard(Announce):
        raise NotTestable("the port is no master")
    times = []
    for _ in range(2):
        left_ns, answer = _answered(tester)
        if left_ns is not None:
            times.append((left_ns, answer.receive_timestamp))
    for (first_ns, first), (second_ns, second) in itertools.pairwise(times):
        passed_s, told_s = (second_ns - first_ns) * NANOSECOND / SECOND, (second - first) / SECOND
        right = abs(told_s - passed_s) < passed_s / 2
        require(right, f"two Delay_Reqs {passed_s:.3f} s apart were received {told_s:.3f} s apart, by its answers")


def _answered(tester: Tester) -> tuple[int | None, DelayResp]:
    """Send one Delay_Req and return when it left, in ns, and the answer."""
    port = tester.port
    tester.forget()
    request = tester.new(DelayReq, correction_field=7 * NANOSECOND)
    left_ns = port.send(request)
    tester.wait(tester.announce_s)
    answers = [h.message for h in port.heard(DelayResp) if h.message.requesting_port_identity == tester.real(FIRST)]
    require(len(answers) == 1, f"one Delay_Req gets {len(answers)} answers")
    require(answers[0].sequence_id == request.sequence_id, "Delay_Resp has another sequenceId than the request")
    kept = abs(answers[0].correction_field - request.correction_field) < NANOSECOND
    require(kept, "Delay_Resp does not carry the request's correctionField")
    return left_ns, answers[0]


@check
def a_silent_neighbour_is_asked_on(port: PortUnderTest) -> None:
    """11.4.2: no answer is no reason to stop asking."""
    port.become("ordinary")
    tester = Tester(port)
    tester.responders = ()
    interval_s = tester.interval_s("logMinPdelayReqInterval")
    tester.wait(8 * interval_s)
    tester.forget()
    tester.wait(4 * interval_s)
    require(port.heard(PdelayReq), "it stops to send Pdelay_Req when nobody answers")
    require(port.port_ds()["portState"] != "FAULTY", "it is FAULTY because nobody answers")


@check
def several_answering_neighbours_make_it_faulty(port: PortUnderTest) -> None:
    """UNH 2.7, 8.10: a link with several peers is no link for peer delay."""
    port.become("ordinary")
    tester = Tester(port)
    tester.responders = (FIRST, SECOND_MASTER)
    interval_s = tester.interval_s("logMinPdelayReqInterval")
    for _ in range(12):
        tester.serve(interval_s, (FIRST, {}))
        if port.port_ds()["portState"] == "FAULTY":
            return
    raise Failed(f"after 12 Pdelay_Reqs that two clocks answered it is {port.port_ds()['portState']}, not FAULTY")


@check
def a_master_without_syncs_synchronizes_nobody(port: PortUnderTest) -> None:
    """Own: a port is no SLAVE while no Sync can be used."""
    tester = begin_followed(port)
    tester.serve(2 * tester.announce_s, (FIRST, {}))
    if port.port_ds()["portState"] != "SLAVE":
        raise NotTestable("the port does not become SLAVE of the tester: its clock takes longer to lock")
    silent_s = max(2.5, 11 * tester.interval_s("logSyncInterval")) + 2 * tester.announce_s
    for _ in range(round(silent_s / tester.announce_s)):
        tester.announce()
        tester.wait(tester.announce_s)
    require(port.port_ds()["portState"] != "SLAVE", f"it is SLAVE after {silent_s:g} s without a Sync")


@check
def rubbish_changes_nothing(port: PortUnderTest) -> None:
    """Own: octets that are no message are dropped, TLVs of odd length among them (14.1), and the port goes on."""
    tester = begin_followed(port)
    header = bytes.fromhex("0b02004500000000") + bytes(56)
    for octets in (b"\x0b\x02", bytes(64), header + b"\x00\x03\x00\x01\xff", header[:40], b"\xff" * 200):
        port.send(octets)
    tester.serve(3 * tester.announce_s, (FIRST, {}))
    require(tester.follows(), "it leaves its master after rubbish has come in")
