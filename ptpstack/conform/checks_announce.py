"""What a master says, and how often (IEEE 1588-2019 7.7.2, 9.5.8 to 9.5.10, 13.3, 13.5)."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from ptpstack.conform.following import begin_followed
from ptpstack.conform.port_under_test import (
    Failed,
    Heard,
    M,
    NotTestable,
    PortUnderTest,
    check,
    interval_in_use,
    is_gptp,
    negotiates,
    require,
)
from ptpstack.conform.tester import FIRST, PEER_DELAY, UNSPECIFIED, Tester, has_static_roles
from ptpstack.gptp.settings import NOT_GRANDMASTER_CAPABLE
from ptpstack.time import interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce, FollowUp, PdelayReq, Sync
from ptpstack.words import counted

TOLERANCE_PERCENT = (-30, 30)
"""Of intervals, where the profile has no other (7.7.2.1)."""

OUTSIDE = 0.1
"""The share of intervals that may be outside: they are within with 90 % confidence."""

CONFIDENCE_90 = 1.645
"""Standard deviations; UNH takes the mean to be that surely within the tolerance, and so is the share here."""

CMLDS = 2
"""majorSdoId of the common mean link delay service (IEEE 802.1AS-2020 11.2.17)."""

INTERVALS = 12
FEWEST = 2
"""Intervals that say nothing of their mean."""


def _as_master(port: PortUnderTest, *, announces: bool = True, syncs: bool = False) -> Tester:
    """Let the port serve, undisturbed; the check looks at its *announces* and *syncs*."""
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    heard = port.heard(Announce)
    if not heard and (announces or not has_static_roles(port.profile)):
        raise NotTestable("the port sends no Announce: somebody else is master on its link, or it is slave only")
    worst = heard and heard[-1].message.grandmaster_priority1 == NOT_GRANDMASTER_CAPABLE
    if syncs and worst and is_gptp(port.profile):
        raise NotTestable("a system that is not grandmaster-capable sends no Sync")
    tester.forget()
    return tester


def check_interval(port: PortUnderTest, heard: Sequence[Heard[M]], attribute: str, *, shortest: bool = False) -> None:
    """Fail if what was *heard* does not come at the interval of *attribute*, or if that is the *shortest*, too soon."""
    log_interval = interval_in_use(port, attribute)
    interval_s = interval_to_seconds(interval_from_log2_seconds(log_interval))
    gaps = _gaps_s(heard)
    if len(gaps) <= FEWEST and shortest:
        raise NotTestable(
            f"{counted(len(heard), 'message')} in {INTERVALS} intervals of 2^{log_interval} s: too few to judge"
        )
    require(
        len(gaps) > FEWEST,
        f"{counted(len(heard), 'message')} in {INTERVALS} intervals of 2^{log_interval} s ({attribute})",
    )
    below, above = port.profile.interval_tolerance_percent or TOLERANCE_PERCENT
    least_s = (1 + below / 100) * interval_s
    most_s = math.inf if shortest else (1 + above / 100) * interval_s
    mean, spread = statistics.mean(gaps), statistics.stdev(gaps)
    margin = CONFIDENCE_90 * spread / math.sqrt(len(gaps))
    inside = least_s <= mean - margin and mean + margin <= most_s
    require(inside, f"{attribute}: mean {mean:.4f} s ± {margin:.4f} s, advertised {interval_s:g} s")
    outside = sum(not least_s <= gap <= most_s for gap in gaps)
    allowed = OUTSIDE * len(gaps) + CONFIDENCE_90 * math.sqrt(OUTSIDE * (1 - OUTSIDE) * len(gaps))
    require(outside <= allowed, f"{attribute}: {outside} of {len(gaps)} intervals are not near {interval_s:g} s")


def _gaps_s(heard: Sequence[Heard[M]]) -> list[float]:
    """Return the intervals between messages, by their stamps where all have one."""
    stamps = [each.stamp_ns for each in heard if each.stamp_ns is not None]
    times = [stamp / 1e9 for stamp in stamps] if len(stamps) == len(heard) else [each.at_s for each in heard]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def _to_be_told(port: PortUnderTest, attribute: str) -> int:
    """Return logMessageInterval of a message; by unicast the grant told it (Table 42)."""
    return UNSPECIFIED if negotiates(port.profile) else interval_in_use(port, attribute)


def _of_profile(port: PortUnderTest, attribute: str, value: int) -> None:
    """Fail if the *value* of an attribute is outside the profile's range."""
    found = port.profile.attributes.get(attribute)  # type: ignore[call-overload]
    if found is not None:
        allowed = f"{found.min} to {found.max}"
        require(found.min <= value <= found.max, f"{attribute} is {value}, the profile allows {allowed}")


@check
def announces_come_at_their_interval(port: PortUnderTest) -> None:
    """logAnnounceInterval, as configured, as told, and in fact."""
    tester = _as_master(port)
    tester.wait(INTERVALS * tester.announce_s)
    heard = port.heard(Announce)
    told = {each.message.log_message_interval for each in heard}
    allowed = {interval_in_use(port, "logAnnounceInterval"), _to_be_told(port, "logAnnounceInterval")}
    require(told, "it sends no Announces any more")
    require(len(told) == 1 and told <= allowed, f"Announces tell logMessageInterval {told}")
    _of_profile(port, "log_announce_interval", interval_in_use(port, "logAnnounceInterval"))
    check_interval(port, heard, "logAnnounceInterval")


@check
def syncs_come_at_their_interval(port: PortUnderTest) -> None:
    """LogSyncInterval."""
    tester = _as_master(port, announces=False, syncs=True)
    tester.wait(max(tester.announce_s, INTERVALS * tester.interval_s("logSyncInterval")))
    heard = port.heard(Sync)
    told = {each.message.log_message_interval for each in heard}
    require(told, "it sends no Sync")
    require(told == {_to_be_told(port, "logSyncInterval")}, f"Syncs tell logMessageInterval {told}")
    _of_profile(port, "log_sync_interval", interval_in_use(port, "logSyncInterval"))
    check_interval(port, heard, "logSyncInterval")


@check
def pdelay_reqs_come_at_their_interval(port: PortUnderTest) -> None:
    """Once the first exchanges after link-up are over; unless a profile fixes it or is gPTP it is the shortest."""
    port.become("ordinary")
    tester = Tester(port)
    tester.wait(tester.interval_s("logMinPdelayReqInterval"))
    tester.forget()
    tester.wait(INTERVALS * tester.interval_s("logMinPdelayReqInterval"))
    _of_profile(port, "log_min_pdelay_req_interval", interval_in_use(port, "logMinPdelayReqInterval"))
    found = port.profile.attributes.get("log_min_pdelay_req_interval")
    shortest = not is_gptp(port.profile) and found is not None and found.min < found.max
    check_interval(port, port.heard(PdelayReq), "logMinPdelayReqInterval", shortest=shortest)


@check
def attributes_are_within_the_profile(port: PortUnderTest) -> None:
    """Priorities, domain and the announce receipt timeout of the data sets."""
    default, port_ds = port.default_ds(), port.port_ds()
    for attribute, value in (
        ("priority1", default["priority1"]),
        ("priority2", default["priority2"]),
        ("domain_number", default["domainNumber"]),
        ("announce_receipt_timeout", port_ds["announceReceiptTimeout"]),
    ):
        _of_profile(port, attribute, value)
    require(default["sdoId"] == port.profile.sdo_id, f"sdoId is 0x{default['sdoId']:03X}")


@check
def announces_carry_the_data_sets(port: PortUnderTest) -> None:
    """A grandmaster's Announce is its defaultDS (Table 30, 13.5)."""
    tester = _as_master(port)
    tester.wait(2 * tester.announce_s)
    default = port.default_ds()
    require(port.heard(Announce), "it sends no Announces any more")
    for heard in port.heard(Announce):
        told = heard.message
        quality = told.grandmaster_clock_quality
        found = {
            "priority1": told.grandmaster_priority1,
            "priority2": told.grandmaster_priority2,
            "clockClass": quality.clock_class,
            "clockAccuracy": quality.clock_accuracy,
            "offsetScaledLogVariance": quality.offset_scaled_log_variance,
            "grandmasterIdentity": str(told.grandmaster_identity),
            "stepsRemoved": told.steps_removed,
        }
        wanted = {
            "priority1": default["priority1"],
            "priority2": default["priority2"],
            "clockClass": default["clockQuality"]["clockClass"],
            "clockAccuracy": default["clockQuality"]["clockAccuracy"],
            "offsetScaledLogVariance": default["clockQuality"]["offsetScaledLogVariance"],
            "grandmasterIdentity": str(default["clockIdentity"]),
            "stepsRemoved": 0,
        }
        require(found == wanted, f"it announces {found}, its data sets say {wanted}")


@check
def headers_are_of_its_domain(port: PortUnderTest) -> None:
    """The port's sdoId, domain and identity in every message, but for those of a common link delay service (13.3)."""
    tester = _as_master(port, announces=False)
    tester.wait(3 * tester.announce_s)
    default = port.default_ds()
    of_the_link = is_gptp(port.profile)
    heard = [
        each.message
        for each in port.heard(Message)
        if not (of_the_link and isinstance(each.message, PEER_DELAY) and each.message.major_sdo_id == CMLDS)
    ]
    require(heard, "it sends nothing any more")
    senders = {message.source_port_identity for message in heard}
    for message in heard:
        right = (
            message.sdo_id == default["sdoId"]
            and message.domain_number == default["domainNumber"]
            and message.source_port_identity.clock_identity == port.identity
        )
        require(right, f"{message.message_type.name} has another domain, sdoId or identity than the port")
    require(len(senders) == 1, f"messages of one port are from {', '.join(sorted(map(str, senders)))}")


@check
def sequence_ids_count_up(port: PortUnderTest) -> None:
    """7.3.7: one sequence for each type of message."""
    tester = _as_master(port, announces=False, syncs=True)
    tester.wait(6 * tester.announce_s)
    kinds = (Sync,) if has_static_roles(port.profile) else (Announce, Sync)
    for kind in kinds:
        numbers = [heard.message.sequence_id for heard in port.heard(kind)]
        require(len(numbers) > 1, f"{len(numbers)} {kind.__name__} come in {6 * tester.announce_s:g} s")
        for earlier, later in itertools.pairwise(numbers):
            require(later == (earlier + 1) & 0xFFFF, f"{kind.__name__} {earlier} is followed by {later}")


@check
def each_two_step_sync_has_its_follow_up(port: PortUnderTest) -> None:
    """9.5.10, 11.4.3: the same sequenceId, and the time at which the Sync left."""
    tester = _as_master(port, announces=False, syncs=True)
    tester.wait(4 * tester.announce_s)
    heard = port.heard(Sync)
    require(len(heard) > 1, f"{len(heard)} Syncs come in {4 * tester.announce_s:g} s")
    follow_ups = {each.message.sequence_id: each.message for each in port.heard(FollowUp)}
    syncs = [each for each in heard if each.message.two_step_flag]
    if not syncs:
        raise NotTestable("the port sends one-step Syncs")
    origins = []
    for sync in syncs[:-1]:
        follow_up = follow_ups.get(sync.message.sequence_id)
        if follow_up is None:
            raise Failed(f"Sync {sync.message.sequence_id} has no Follow_Up")
        origins.append(follow_up.precise_origin_timestamp)
    require(origins == sorted(set(origins)), "the times in Follow_Ups do not go up")


@check
def a_follower_is_silent_upwards(port: PortUnderTest) -> None:
    """A port that follows sends neither Announce nor Sync (Table 13)."""
    tester = begin_followed(port)
    tester.forget()
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    require(not port.heard(Announce), "it announces while it follows")
    require(not port.heard(Sync), "it sends Syncs while it follows")
