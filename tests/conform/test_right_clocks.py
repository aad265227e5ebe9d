"""No check fails a clock that does what the standard says, but is set otherwise than most or has other habits."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import pytest
from msgspec.structs import replace

from profiles.loader import load_profile
from ptpstack.conform.checks_announce import check_interval
from ptpstack.conform.data_sets import AssumedDataSets
from ptpstack.conform.live import IN_ROLE, LivePort
from ptpstack.conform.port_under_test import CHECKS, Failed, Heard, NotTestable, RoleName
from ptpstack.conform.run import Verdict, run
from ptpstack.conform.simulated import Faults, SimulatedPort
from ptpstack.conform.tester import FIRST
from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce, FollowUp, PdelayReq, Signaling
from ptpstack.wire.tlvs import GrantUnicastTransmission, RequestUnicastTransmission
from ptpstack.wire.tlvs.ieee_802_1as import FollowUpInformation, MessageIntervalRequest
from ptpstack.wire.types import ClockIdentity, ClockQuality, MessageType, PortIdentity
from tests.conform.changes import beside, changed, dropped, every, every_second
from tests.conform.faults import has


class AsItIs(SimulatedPort):
    """A clock that nobody can give another role, as a running one."""

    def become(self, role: RoleName, masters: int = 1) -> None:
        if role != "ordinary" and not (role in IN_ROLE and IN_ROLE[role](self)):
            raise NotTestable(f"is no {role}")
        super().become("ordinary", masters)


GRANDMASTER: dict[str, Any] = {"clock_quality": ClockQuality(6, 0x20, 0x4B32)}
SLAVE: dict[str, Any] = {"slave_only": True, "clock_quality": ClockQuality(255, 0xFE, 0xFFFF)}

SET_OTHERWISE = {
    "a grandmaster of class 6": Faults(instance=GRANDMASTER),
    "a grandmaster with the best quality there is": Faults(
        instance={"priority1": 0, "priority2": 0, "clock_quality": ClockQuality(6, 0x17, 0)}
    ),
    "a clock that is preferred to most": Faults(instance={"priority1": 1}),
    "a slave-only clock": Faults(instance=SLAVE),
    "a masterOnly port": Faults(instance=GRANDMASTER, port={"master_only": True}),
}


@pytest.mark.parametrize("profile", ["default-e2e", "default-p2p", "c37-238-2011", "g8275-1", "g8275-2", "g8265-1"])
@pytest.mark.parametrize("name", SET_OTHERWISE)
def test_a_clock_that_is_set_otherwise_fails_nothing(profile: str, name: str) -> None:
    faults = SET_OTHERWISE[name]
    if profile.startswith("g82"):  # ITU-T knows no priority1
        faults = replace(faults, instance={key: it for key, it in faults.instance.items() if key != "priority1"})
    _fails_nothing(AsItIs(load_profile(profile), faults))


@pytest.mark.parametrize("priority1", [1, 255])
def test_a_gptp_system_of_another_priority_fails_nothing(priority1: int) -> None:
    _fails_nothing(AsItIs(load_profile("gptp"), Faults(instance={"priority1": priority1})))


def _fails_nothing(port: SimulatedPort) -> None:
    outcomes = list(run(port, "simulated"))
    failed = [(outcome.requirement.ident, outcome.reason) for outcome in outcomes if outcome.verdict is Verdict.FAIL]
    assert not failed
    assert any(outcome.verdict is Verdict.PASS for outcome in outcomes)


def asks_for(kind: MessageType | None = None) -> Callable[[Any], bool]:
    return lambda message: any(
        isinstance(tlv, RequestUnicastTransmission) and kind in (None, tlv.message_type) for tlv in message.tlvs
    )


def all_in_one(message: Message) -> Iterable[Message]:
    """Who asks for anything asks for all, in one message."""
    if isinstance(message, Signaling) and asks_for()(message):
        wishes = tuple(
            RequestUnicastTransmission(kind, 0, 300)
            for kind in (MessageType.ANNOUNCE, MessageType.SYNC, MessageType.DELAY_RESP)
        )
        message = replace(message, tlvs=wishes)
    yield message


def of_management(message: Any) -> bool:
    return any(
        isinstance(tlv, GrantUnicastTransmission) and tlv.message_type == MessageType.MANAGEMENT for tlv in message.tlvs
    )


def of_the_link(request: PdelayReq) -> PdelayReq:
    """A Pdelay_Req of the common mean link delay service beside that of the instance."""
    sender = PortIdentity(ClockIdentity.from_text("0000aa.fffe.0000ff"), 1)
    return replace(request, major_sdo_id=2, source_port_identity=sender)


HABITS: dict[str, tuple[str, str, Faults]] = {
    "asks for the delay less often than it may": (
        "pdelay_reqs_come_at_their_interval",
        "default-p2p",
        Faults(outgoing=every_second(PdelayReq)),
    ),
    "waits a minute when it was refused": (
        "a_refused_client_asks_again_without_haste",
        "g8265-1",
        Faults(outgoing=every(Signaling, 60, asks_for())),
    ),
    "asks for everything at once": (
        "a_refused_client_asks_again_without_haste",
        "g8275-2",
        Faults(outgoing=all_in_one),
    ),
    "asks nothing": (
        "a_good_master_is_followed",
        "g8275-2",
        Faults(outgoing=dropped(Signaling, asks_for())),
    ),
    "does not answer what nobody may ask": (
        "what_is_not_served_is_refused",
        "g8275-2",
        Faults(outgoing=dropped(Signaling, of_management)),
    ),
    "is a grandmaster whose own oscillator runs free": (
        "follow_ups_carry_the_information_tlv",
        "gptp",
        Faults(outgoing=changed(FollowUp, tlvs=(FollowUpInformation(cumulative_scaled_rate_offset=44_000_000),))),
    ),
    "supports no other Sync interval": (
        "an_interval_request_is_obeyed",
        "gptp",
        Faults(incoming=dropped(Signaling, has(MessageIntervalRequest))),
    ),
    "has a common mean link delay service": (
        "headers_are_of_its_domain",
        "gptp",
        Faults(outgoing=beside(PdelayReq, of_the_link)),
    ),
}
"""What some clocks do and others do not, and the check that looks at it: by its name, profile and check."""


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_is_no_failure(habit: str) -> None:
    name, profile, faults = HABITS[habit]
    with contextlib.suppress(NotTestable):
        CHECKS[name](SimulatedPort(load_profile(profile), faults))


def asks_for_less_than_a_minute(message: Any) -> bool:
    return any(isinstance(tlv, RequestUnicastTransmission) and tlv.duration_field < 60 for tlv in message.tlvs)


@pytest.mark.parametrize(
    "name",
    [
        "a_grant_is_what_was_asked",
        "unicast_messages_are_marked",
        "a_grant_lasts_as_long_as_it_says",
        "a_renewal_keeps_a_grant_going",
        "what_is_not_served_is_refused",
    ],
)
def test_a_master_that_grants_no_less_than_the_profile_asks_for_is_tried(name: str) -> None:
    strict = Faults(incoming=dropped(Signaling, asks_for_less_than_a_minute))
    CHECKS[name](SimulatedPort(load_profile("g8275-2"), strict))


class OfCommonService(AssumedDataSets):
    """The data sets of a port that leaves the delay of its link to the common service."""

    def port_ds(self) -> Mapping[str, Any]:
        return dict(super().port_ds()) | {"delayMechanism": "COMMON_P2P"}


def test_a_port_of_the_common_mean_link_delay_service_is_not_tried() -> None:
    profile = load_profile("gptp")
    outcomes = list(run(LivePort(profile, OfCommonService(profile, None, {})), "live", only=["pdelay-resp", "header"]))
    assert {outcome.verdict for outcome in outcomes} == {Verdict.NOT_TESTABLE}
    assert all("common mean link delay service" in outcome.reason for outcome in outcomes)


INTERVALS: dict[str, tuple[str, bool, float, float]] = {
    "as told": ("default-e2e", True, 1.0, 1.0),
    "a quarter longer": ("default-e2e", True, 1.25, 1.25),
    "much longer": ("default-e2e", False, 1.4, 1.4),
    "too short": ("default-e2e", False, 0.6, 0.6),
    "right only in the mean": ("default-e2e", False, 0.5, 1.5),
    "longer, as Milan allows": ("milan", True, 1.4, 1.4),
    "shorter, as Milan does not": ("milan", False, 0.8, 0.8),
}
"""How long intervals of 1 s are in turn, and whether they are right in a profile."""


@pytest.mark.parametrize("case", INTERVALS)
def test_intervals_are_judged_by_the_tolerance_of_the_profile(case: str) -> None:
    profile, right, odd_s, even_s = INTERVALS[case]
    times = itertools.accumulate([odd_s, even_s] * 6, initial=0.0)
    heard = [Heard(Announce(source_port_identity=FIRST), at_s, None) for at_s in times]
    port = SimulatedPort(load_profile(profile), Faults(port={"log_announce_interval": 0}))
    with contextlib.nullcontext() if right else pytest.raises(Failed):
        check_interval(port, heard, "logAnnounceInterval")
