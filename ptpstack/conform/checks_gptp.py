"""What can be seen of a gPTP system from its wire (IEEE 802.1AS-2020 clauses 10 and 11; Avnu test titles)."""

from __future__ import annotations

from ptpstack.conform.following import begin_followed, is_ignored
from ptpstack.conform.port_under_test import NotTestable, PortUnderTest, check, interval_in_use, require
from ptpstack.conform.tester import FIRST, SECOND_MASTER, Tester, has_static_roles
from ptpstack.time import MICROSECOND, NANOSECOND, interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.messages import Announce, FollowUp, PdelayReq, Signaling, Sync
from ptpstack.wire.tlvs import PathTrace
from ptpstack.wire.tlvs.ieee_802_1as import (
    INITIAL_INTERVAL,
    NO_CHANGE,
    FollowUpInformation,
    GptpCapable,
    MessageIntervalRequest,
)

FAR: int = 20 * MICROSECOND
"""Of turnaround that the tester does not tell: a link that is longer than any gPTP link may be on copper."""

MOST_RATE_OFFSET = round(200e-6 * 2**41)
"""cumulativeScaledRateOffset of two clocks that are each within 100 ppm."""

REQUESTED_FASTER = 1
CAPABLE_SEEN = 3
COUNTED = 16


def _capable(port: PortUnderTest) -> Tester:
    """Let the port serve a neighbour that measures its link and says that it invokes gPTP."""
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    if not port.heard(Sync):
        raise NotTestable("the port sends no Sync: somebody else is grandmaster, or it is set to follow")
    tester.forget()
    return tester


@check
def it_says_that_it_invokes_gptp(port: PortUnderTest) -> None:
    """10.4.1, 10.6.4.4: the gPTP-capable TLV, at the interval that it tells."""
    attribute = port.profile.attributes.get("log_gptp_capable_message_interval")
    longest_s = interval_to_seconds(interval_from_log2_seconds(attribute.default if attribute else 3))
    port.become("ordinary")
    tester = Tester(port)
    tester.wait((CAPABLE_SEEN + 1) * longest_s)
    signaling = [(heard.at_s, tlv) for heard in port.heard(Signaling) for tlv in heard.message.tlvs]
    heard = [(at_s, tlv) for at_s, tlv in signaling if isinstance(tlv, GptpCapable)]
    require(len(heard) >= CAPABLE_SEEN, f"{len(heard)} gPTP-capable TLVs in {(CAPABLE_SEEN + 1) * longest_s:g} s")
    told_s = interval_to_seconds(interval_from_log2_seconds(heard[-1][1].log_gptp_capable_message_interval))
    found_s = heard[-1][0] - heard[-2][0]
    right = abs(found_s - told_s) < told_s / 2
    require(right, f"the gPTP-capable TLV tells an interval of {told_s:g} s and comes after {found_s:.2f} s")


@check
def an_interval_request_is_obeyed(port: PortUnderTest) -> None:
    """10.6.4.3: Sync at the profile's other interval, or twice as often, then as at first (10.3.18)."""
    tester = _capable(port)
    initial = interval_in_use(port, "logSyncInterval")
    other = port.profile.attributes.get("oper_log_sync_interval")
    wished = other.default if other is not None else initial - REQUESTED_FASTER
    for wish, interval in ((wished, wished), (INITIAL_INTERVAL, initial)):
        tester.signal(MessageIntervalRequest(NO_CHANGE, wish, NO_CHANGE))
        tester.wait(max(2 * tester.announce_s, interval_to_seconds(interval_from_log2_seconds(max(initial, interval)))))
        tester.forget()
        tester.wait(COUNTED * interval_to_seconds(interval_from_log2_seconds(interval)))
        came = port.heard(Sync)
        right = abs(len(came) - COUNTED) <= COUNTED // 4
        if not right and other is None and {sync.message.log_message_interval for sync in came} == {initial}:
            raise NotTestable(f"it keeps 2^{initial} s, as a port may that does not support 2^{wished} s (10.3.18)")
        require(right, f"asked for Syncs every 2^{interval} s ({wish}), it sends {len(came)} in {COUNTED} intervals")


@check
def follow_ups_carry_the_information_tlv(port: PortUnderTest) -> None:
    """11.4.4.3: a grandmaster's says how its own clock is off its source; the Sync's correctionField is 0 (11.4.3)."""
    tester = _capable(port)
    tester.wait(2 * tester.announce_s)
    for heard in port.heard(FollowUp):
        found = [tlv for tlv in heard.message.tlvs if isinstance(tlv, FollowUpInformation)]
        require(len(found) == 1, f"a Follow_Up has {len(found)} Follow_Up information TLVs")
        offset = found[0].cumulative_scaled_rate_offset
        require(abs(offset) <= MOST_RATE_OFFSET, f"a grandmaster's cumulativeScaledRateOffset is {offset}")
        below_1_ns = 0 <= heard.message.correction_field < 1 << 16
        require(below_1_ns, "a grandmaster's Follow_Up has a correctionField of more than the fraction of 1 ns")
    for sync in port.heard(Sync):
        require(sync.message.correction_field == 0, "the correctionField of a Sync is not 0")
    require(port.heard(FollowUp), "no Follow_Up comes")


@check
def announces_trace_their_path(port: PortUnderTest) -> None:
    """10.6.3.3: the path trace TLV, which of a grandmaster holds itself."""
    tester = _capable(port)
    tester.wait(2 * tester.announce_s)
    if has_static_roles(port.profile):
        raise NotTestable("nobody announces in this profile")
    require(port.heard(Announce), "it sends no Announces any more")
    for heard in port.heard(Announce):
        paths = [tlv.path_sequence for tlv in heard.message.tlvs if isinstance(tlv, PathTrace)]
        require(len(paths) == 1, f"an Announce has {len(paths)} path trace TLVs")
        require(paths[0] == (port.identity,), f"a grandmaster's path is {paths[0]}")


@check
def a_path_through_itself_is_ignored(port: PortUnderTest) -> None:
    """10.3.11.2.1: an Announce whose path trace holds the system itself is not qualified."""
    is_ignored(port, tlvs=(PathTrace((FIRST.clock_identity, port.identity)),))


def _serves(tester: Tester) -> bool:
    """Whether Announces or Syncs come within four intervals from now."""
    tester.forget()
    tester.wait(4 * tester.announce_s)
    return bool(tester.port.heard(Announce) or tester.port.heard(Sync))


@check
def a_neighbour_without_peer_delay_is_not_served(port: PortUnderTest) -> None:
    """11.2.2: asCapable is false, so nothing but Pdelay_Req is sent."""
    tester = _capable(port)
    tester.responders = ()
    lost = tester.interval_s("logMinPdelayReqInterval") * (_allowed(port, "allowed_lost_responses") + 3)
    tester.wait(lost)
    require(not _serves(tester), "it serves a neighbour that answers no Pdelay_Req")
    require(port.heard(PdelayReq), "it has stopped to ask for the delay")


@check
def a_link_that_is_too_long_is_not_served(port: PortUnderTest) -> None:
    """11.2.2: meanLinkDelayThresh."""
    tester = _capable(port)
    far = 2 * max(FAR, round(port.port_ds()["meanLinkDelayThresh"] * NANOSECOND))
    tester.turnaround_error = 2 * far
    faults = tester.interval_s("logMinPdelayReqInterval") * (2 * _allowed(port, "allowed_faults") + 3)
    tester.wait(faults)
    require(not _serves(tester), f"it serves a neighbour over a link of {far // MICROSECOND} µs")


@check
def several_answers_end_service(port: PortUnderTest) -> None:
    """11.2.19 (Avnu gPTP.com.c.15.7): a link with two answering systems is no gPTP link."""
    tester = _capable(port)
    tester.responders = (FIRST, SECOND_MASTER)
    tester.wait(tester.interval_s("logMinPdelayReqInterval") * (2 * _allowed(port, "allowed_faults") + 3))
    require(not _serves(tester), "it serves a link on which two systems answer each Pdelay_Req")


@check
def a_master_without_syncs_is_left(port: PortUnderTest) -> None:
    """10.2.11: syncReceiptTimeout, though Announces go on."""
    tester = begin_followed(port)
    tester.forget()
    tester.serve(4 * tester.announce_s, (FIRST, {}), syncs=False)
    require(port.heard(Announce), "it goes on to follow a master that announces and sends no Syncs")


def _allowed(port: PortUnderTest, attribute: str) -> int:
    found = port.profile.attributes.get(attribute)  # type: ignore[call-overload]
    return found.default if found is not None else 9
