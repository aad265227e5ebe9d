"""What a master says, and how often (IEEE 1588-2019 7.7.2, 9.5.8 to 9.5.10, 13.3, 13.5)."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence

from ptpstack.conform.port_under_test import (
    Failed,
    Heard,
    M,
    NotTestable,
    PortUnderTest,
    check,
    interval_in_use,
    negotiates,
    require,
)
from ptpstack.conform.tester import FIRST, UNSPECIFIED, Tester, has_static_roles
from ptpstack.time import interval_from_log2_seconds, interval_to_seconds
from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce, FollowUp, PdelayReq, Sync

TOLERANCE = 0.3
CONFIDENCE_90 = 1.645
"""With 90 % confidence the mean lies within 30 % of the advertised interval (7.7.2.1)."""

INTERVALS = 12


def _as_master(port: PortUnderTest, *, announces: bool = True) -> Tester:
    """Let the port serve, undisturbed; the check looks at its *announces*."""
    port.become("ordinary")
    tester = Tester(port)
    tester.settle_as_master()
    if not port.heard(Announce) and (announces or not has_static_roles(port.profile)):
        raise NotTestable("the port sends no Announce: somebody else is master on its link, or it is slave only")
    tester.forget()
    return tester


def _check_interval(heard: Sequence[Heard[M]], attribute: str, log_interval: int) -> None:
    interval_s = interval_to_seconds(interval_from_log2_seconds(log_interval))
    times = [each.at_s for each in heard]
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    require(len(gaps) > 2, f"{len(heard)} messages in {INTERVALS} intervals of 2^{log_interval} s ({attribute})")
    mean, spread = statistics.mean(gaps), statistics.stdev(gaps)
    margin = CONFIDENCE_90 * spread / math.sqrt(len(gaps))
    inside = abs(mean - interval_s) + margin <= TOLERANCE * interval_s
    require(inside, f"{attribute}: mean {mean:.4f} s ± {margin:.4f} s, advertised {interval_s:g} s")


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
    require(len(told) == 1 and told <= allowed, f"Announces tell logMessageInterval {told}")
    _of_profile(port, "log_announce_interval", interval_in_use(port, "logAnnounceInterval"))
    _check_interval(heard, "logAnnounceInterval", interval_in_use(port, "logAnnounceInterval"))


@check
def syncs_come_at_their_interval(port: PortUnderTest) -> None:
    """LogSyncInterval."""
    tester = _as_master(port, announces=False)
    tester.wait(max(tester.announce_s, INTERVALS * tester.interval_s("logSyncInterval")))
    heard = port.heard(Sync)
    told = {each.message.log_message_interval for each in heard}
    require(told == {_to_be_told(port, "logSyncInterval")}, f"Syncs tell logMessageInterval {told}")
    _of_profile(port, "log_sync_interval", interval_in_use(port, "logSyncInterval"))
    _check_interval(heard, "logSyncInterval", interval_in_use(port, "logSyncInterval"))


@check
def pdelay_reqs_come_at_their_interval(port: PortUnderTest) -> None:
    """LogMinPdelayReqInterval, once the first exchanges after link-up are over."""
    port.become("ordinary")
    tester = Tester(port)
    tester.wait(tester.interval_s("logMinPdelayReqInterval"))
    tester.forget()
    tester.wait(INTERVALS * tester.interval_s("logMinPdelayReqInterval"))
    _of_profile(port, "log_min_pdelay_req_interval", interval_in_use(port, "logMinPdelayReqInterval"))
    _check_interval(port.heard(PdelayReq), "logMinPdelayReqInterval", interval_in_use(port, "logMinPdelayReqInterval"))


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
    for heard in port.heard(Announce):
        told = heard.message
        quality = told.grandmaster_clock_quality
        found = {
            "priority1": told.grandmaster_priority1,
            "priority2": told.grandmaster_priority2,
            "clockClass": quality.clock_class,
            "clockAccuracy": quality.clock_accuracy,
            "grandmasterIdentity": str(told.grandmaster_identity),
            "stepsRemoved": told.steps_removed,
        }
        wanted = {
            "priority1": default["priority1"],
            "priority2": default["priority2"],
            "clockClass": default["clockQuality"]["clockClass"],
            "clockAccuracy": default["clockQuality"]["clockAccuracy"],
            "grandmasterIdentity": str(default["clockIdentity"]),
            "stepsRemoved": 0,
        }
        require(found == wanted, f"it announces {found}, its data sets say {wanted}")


@check
def headers_are_of_its_domain(port: PortUnderTest) -> None:
    """VersionPTP 2, the port's sdoId, domain and identity in every message (13.3)."""
    tester = _as_master(port, announces=False)
    tester.wait(3 * tester.announce_s)
    default = port.default_ds()
    for heard in port.heard(Message):
        message = heard.message
        right = (
            message.sdo_id == default["sdoId"]
            and message.domain_number == default["domainNumber"]
            and message.source_port_identity.clock_identity == port.identity
        )
        require(right, f"{message.message_type.name} has another domain, sdoId or identity than the port")


@check
def sequence_ids_count_up(port: PortUnderTest) -> None:
    """7.3.7: one sequence for each type of message."""
    tester = _as_master(port)
    tester.wait(6 * tester.announce_s)
    for kind in (Announce, Sync):
        numbers = [heard.message.sequence_id for heard in port.heard(kind)]
        for earlier, later in itertools.pairwise(numbers):
            require(later == (earlier + 1) & 0xFFFF, f"{kind.__name__} {earlier} is followed by {later}")


@check
def each_two_step_sync_has_its_follow_up(port: PortUnderTest) -> None:
    """9.5.10, 11.4.3: the same sequenceId, and the time at which the Sync left."""
    tester = _as_master(port, announces=False)
    tester.wait(4 * tester.announce_s)
    follow_ups = {heard.message.sequence_id: heard.message for heard in port.heard(FollowUp)}
    syncs = [heard for heard in port.heard(Sync) if heard.message.two_step_flag]
    if not syncs:
        raise NotTestable("the port sends one-step Syncs")
    origins = []
    for heard in syncs[:-1]:
        follow_up = follow_ups.get(heard.message.sequence_id)
        if follow_up is None:
            raise Failed(f"Sync {heard.message.sequence_id} has no Follow_Up")
        origins.append(follow_up.precise_origin_timestamp)
    require(origins == sorted(set(origins)), "the times in Follow_Ups do not go up")


@check
def a_follower_is_silent_upwards(port: PortUnderTest) -> None:
    """A port that follows sends neither Announce nor Sync (Table 13)."""
    port.become("ordinary")
    tester = Tester(port)
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    if not tester.follows():
        raise NotTestable("the port does not follow the tester")
    tester.forget()
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    require(not port.heard(Announce), "it announces while it follows")
    require(not port.heard(Sync), "it sends Syncs while it follows")
