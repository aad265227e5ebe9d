"""Every check can fail: on a clock with a fault that it is there to find. And passes on one without."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from profiles.loader import load_profile, profile_names
from ptpstack.conform.port_under_test import CHECKS, Failed
from ptpstack.conform.requirements import all_requirements
from ptpstack.conform.run import Verdict, run
from ptpstack.conform.simulated import IDENTITY, Faults, SimulatedPort
from ptpstack.conform.tester import FIRST, SECOND_MASTER
from ptpstack.core.settings import DelayMechanism
from ptpstack.time import MICROSECOND
from ptpstack.wire.message import Message
from ptpstack.wire.messages import (
    Announce,
    DelayReq,
    DelayResp,
    FollowUp,
    PdelayReq,
    PdelayResp,
    PdelayRespFollowUp,
    Sync,
)
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238Of2011
from ptpstack.wire.types import ClockQuality, PortIdentity
from tests.conform.changes import (
    beside,
    changed,
    doubled,
    dropped,
    every_second,
    numbered,
    of_the_first_senders,
    only_the_first,
)
from tests.conform.faults import GPTP_FAULTS, SEVERAL_MASTERS_FAULTS, UNICAST_FAULTS
from tests.conform.one_rule import BROKEN, Broken


def announce_of_a_rogue(number: int) -> Announce:
    return Announce(
        source_port_identity=SECOND_MASTER,
        sequence_id=number,
        grandmaster_identity=SECOND_MASTER.clock_identity,
        grandmaster_priority1=0,
        grandmaster_clock_quality=ClockQuality(6, 0x20, 0),
    )


ROGUE = numbered(announce_of_a_rogue)
OF_FIRST = lambda message: message.source_port_identity == FIRST  # noqa: E731 (a predicate of the table)
E2E, P2P = "default-e2e", "default-p2p"

FAULTS: dict[str, tuple[str, Faults]] = (
    UNICAST_FAULTS
    | GPTP_FAULTS
    | SEVERAL_MASTERS_FAULTS
    | {
        "a_good_master_is_followed": (E2E, Faults(incoming=dropped(Announce))),
        "one_announce_in_four_intervals_never_qualifies": (E2E, Faults(incoming=doubled)),
        "five_foreign_masters_are_held": (E2E, Faults(incoming=of_the_first_senders(Announce, 4))),
        "steps_removed_255_is_ignored": (E2E, Faults(incoming=changed(Announce, steps_removed=1))),
        "steps_removed_65535_is_ignored": (E2E, Faults(incoming=changed(Announce, steps_removed=1))),
        "steps_removed_254_is_followed": (E2E, Faults(incoming=changed(Announce, steps_removed=255))),
        "the_alternate_master_flag_is_ignored": (E2E, Faults(incoming=changed(Announce, flag_field=0))),
        "its_own_announces_are_ignored": (
            E2E,
            Faults(
                incoming=changed(Announce, source_port_identity=SECOND_MASTER, grandmaster_identity=SECOND_MASTER[0])
            ),
        ),
        "another_domain_is_ignored": (E2E, Faults(incoming=changed(Message, domain_number=0))),
        "another_sdo_is_ignored": (E2E, Faults(incoming=changed(Message, major_sdo_id=0))),
        "the_newest_announce_counts": (
            E2E,
            Faults(incoming=changed(Announce, OF_FIRST, grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D))),
        ),
        "the_data_sets_are_compared_in_order": (E2E, Faults(incoming=changed(Announce, grandmaster_priority1=9))),
        "the_identity_decides_between_equal_masters": (
            E2E,
            Faults(incoming=changed(Announce, OF_FIRST, grandmaster_priority2=129)),
        ),
        "priority1_is_not_compared": (
            "g8275-1",
            Faults(
                incoming=changed(
                    Announce,
                    lambda message: message.grandmaster_priority1 == 255,
                    grandmaster_clock_quality=ClockQuality(200, 0xFE, 0xFFFF),
                )
            ),
        ),
        "fewer_steps_are_nearer": (E2E, Faults(incoming=changed(Announce, steps_removed=1))),
        "the_sender_decides_between_equal_paths": (E2E, Faults(incoming=changed(Announce, OF_FIRST, steps_removed=3))),
        "a_clock_of_class_6_becomes_passive": (E2E, Faults(incoming=dropped(Announce))),
        "a_clock_of_class_6_stays_master_beside_a_worse_one": (
            E2E,
            Faults(incoming=changed(Announce, grandmaster_priority1=1)),
        ),
        "a_slave_only_clock_never_announces": (E2E, Faults(instance={"slave_only": False})),
        "a_master_only_port_never_follows": (E2E, Faults(port={"master_only": False})),
        "a_silent_master_is_left_after_the_announce_timeout": (E2E, Faults(incoming=only_the_first(Announce, 4))),
        "announces_come_at_their_interval": (E2E, Faults(outgoing=every_second(Announce))),
        "syncs_come_at_their_interval": (E2E, Faults(outgoing=every_second(Sync))),
        "pdelay_reqs_come_at_their_interval": ("iec-61850-9-3", Faults(outgoing=every_second(PdelayReq))),
        "attributes_are_within_the_profile": ("ocp-dc", Faults(instance={"priority1": 7})),
        "announces_carry_the_data_sets": (E2E, Faults(outgoing=changed(Announce, grandmaster_priority2=1))),
        "headers_are_of_its_domain": (E2E, Faults(outgoing=changed(Sync, domain_number=5))),
        "sequence_ids_count_up": (E2E, Faults(outgoing=changed(Sync, sequence_id=7))),
        "each_two_step_sync_has_its_follow_up": (E2E, Faults(outgoing=dropped(FollowUp))),
        "a_follower_is_silent_upwards": (
            E2E,
            Faults(outgoing=beside(DelayReq, lambda _m: Announce(source_port_identity=PortIdentity(IDENTITY, 1)))),
        ),
        "pdelay_reqs_have_their_fields": (P2P, Faults(outgoing=changed(PdelayReq, log_message_interval=0))),
        "pdelay_reqs_are_answered": (
            P2P,
            Faults(outgoing=changed(PdelayRespFollowUp, correction_field=lambda m: m.correction_field + MICROSECOND)),
        ),
        "the_mean_link_delay_is_right": (
            P2P,
            Faults(incoming=changed(PdelayRespFollowUp, correction_field=-MICROSECOND)),
        ),
        "pdelay_reqs_of_another_domain_are_not_answered": (P2P, Faults(incoming=changed(PdelayReq, domain_number=0))),
        "pdelay_reqs_are_not_answered_at_all": (E2E, Faults(port={"delay_mechanism": DelayMechanism.P2P})),
        "delay_reqs_are_not_answered_at_all": (P2P, Faults(port={"delay_mechanism": DelayMechanism.E2E})),
        "delay_reqs_are_answered_by_a_master": (E2E, Faults(outgoing=changed(DelayResp, correction_field=0))),
        "a_silent_neighbour_is_asked_on": (P2P, Faults(outgoing=dropped(PdelayReq, lambda m: m.sequence_id > 5))),
        "several_answering_neighbours_make_it_faulty": (
            P2P,
            Faults(incoming=dropped(PdelayResp, lambda m: m.source_port_identity == SECOND_MASTER)),
        ),
        "a_master_without_syncs_synchronizes_nobody": (
            E2E,
            Faults(
                incoming=beside(
                    Announce, numbered(lambda n: Sync(source_port_identity=FIRST, sequence_id=1000 + n, flag_field=0))
                )
            ),
        ),
        "rubbish_changes_nothing": (
            E2E,
            Faults(malformed=lambda octets: (ROGUE(octets),)),
        ),
        "the_power_tlv_comes_first": (
            "c37-238-2017",
            Faults(outgoing=changed(Announce, tlvs=lambda m: m.tlvs[::-1])),
        ),
        "the_grandmaster_id_is_within_its_range": (
            "c37-238-2011",
            Faults(outgoing=changed(Announce, tlvs=(IeeeC37238Of2011(0x300, 100),))),
        ),
        "announces_without_the_tlvs_are_ignored": ("c37-238-2011", Faults(instance={"required_announce_tlvs": ()})),
        "announces_without_the_tlvs_are_followed": (
            "c37-238-2017",
            Faults(instance={"required_announce_tlvs": (AlternateTimeOffsetIndicator,)}),
        ),
        "clocks_on_the_way_add_their_inaccuracy": ("c37-238-2011", Faults(instance={"extends_inaccuracy_by_ns": 0})),
        "unknown_tlvs_are_passed_over": (
            E2E,
            Faults(incoming=dropped(Announce, lambda m: m.tlvs)),
        ),
    }
)


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_fails_on_a_clock_with_the_fault_and_passes_without(name: str) -> None:
    profile, faults = FAULTS[name]
    with pytest.raises(Failed):
        CHECKS[name](SimulatedPort(load_profile(profile), faults))
    CHECKS[name](SimulatedPort(load_profile(profile)))


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: f"{broken.check}: {broken.says}")
def test_a_check_finds_each_rule_that_is_broken_alone(broken: Broken) -> None:
    with pytest.raises(Failed, match=broken.says):
        CHECKS[broken.check](SimulatedPort(load_profile(broken.profile), broken.faults))


class OfClass248(SimulatedPort):
    """A clock that says so, whatever it is."""

    def default_ds(self) -> dict[str, Any]:
        told = super().default_ds()
        return told | {"clockQuality": told["clockQuality"] | {"clockClass": 248}}


def test_a_slave_only_clock_of_another_class_fails() -> None:
    with pytest.raises(Failed, match="not of class 255"):
        CHECKS["a_slave_only_clock_never_announces"](OfClass248(load_profile(E2E)))


def test_a_table_without_degradation_fails() -> None:
    profile = load_profile("iec-61850-9-3")
    broken = replace(profile, clock_quality=profile.clock_quality[:2])
    with pytest.raises(Failed, match="degradation A"):
        CHECKS["a_lost_reference_degrades_the_class"](SimulatedPort(broken))


def test_every_check_is_shown_to_fail_and_every_requirement_names_one_that_is_registered() -> None:
    named = {requirement.check for requirement in all_requirements() if requirement.check}
    assert named == set(CHECKS)
    assert set(CHECKS) - set(FAULTS) == {"a_lost_reference_degrades_the_class"}


@pytest.mark.parametrize("name", profile_names())
def test_our_clock_fails_no_requirement_of_any_profile(name: str) -> None:
    outcomes = list(run(SimulatedPort(load_profile(name)), "simulated"))
    failed = [(outcome.requirement.ident, outcome.reason) for outcome in outcomes if outcome.verdict is Verdict.FAIL]
    assert not failed
    passed = sum(outcome.verdict is Verdict.PASS for outcome in outcomes)
    assert passed > (10 if name == "avnu-automotive" else 25)  # there roles are set, so nothing is chosen


def test_identifiers_are_unique_and_profiles_exist() -> None:
    requirements = all_requirements()
    assert len({requirement.ident for requirement in requirements}) == len(requirements)
    assert {profile for requirement in requirements for profile in requirement.profiles} <= set(profile_names())
