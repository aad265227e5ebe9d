"""What a relay hands on, Sync by Sync: whatever came in, at whatever pace, and what it does before anything came."""

from __future__ import annotations

import pytest

from ptpstack.engine.port_state import PortState
from ptpstack.gptp.settings import GptpPortSettings, LinkSettings
from ptpstack.time import MICROSECOND, SECOND
from ptpstack.wire.message import Message, encode
from ptpstack.wire.messages import Announce, FollowUp, Sync
from tests.gptp.car import relay_rig
from tests.gptp.rig import Rig

INTERVAL_S = 0.125


def handed_on(rig: Rig, kind: type[Message] = Sync, *, seconds: float | None = None) -> list[float]:
    """When port 2 sent *kind*, in the last *seconds*, seconds ago."""
    ages = [(rig.now - at) / SECOND for at, message in rig.sent if isinstance(message, kind) and _is_of_2(message)]
    return [age for age in ages if seconds is None or age <= seconds]


def _is_of_2(message: Message) -> bool:
    return message.source_port_identity.port_number == 2


def hears(rig: Rig, count: int, *, first: int = 0, pace: float = 1.0) -> None:
    """Let Syncs come, *pace* times as fast as their interval says."""
    for number in range(first, first + count):
        rig.run(INTERVAL_S / pace)
        rig.syncs(number & 0xFFFF)


@pytest.mark.parametrize("correction", [1 << 62, -(1 << 62) - 1])
def test_a_correction_that_is_more_than_the_field_holds_is_not_handed_on(correction: int) -> None:
    rig = relay_rig()
    hears(rig, 3)
    before = len(handed_on(rig, FollowUp))
    rig.syncs(3, correction=correction)
    for _, message in rig.sent:
        encode(message)
    assert len(handed_on(rig, FollowUp)) == before
    assert rig.port.counters.discarded["correctionField overflow"] == 1
    hears(rig, 2, first=4)
    assert len(handed_on(rig, FollowUp)) == before + 2


class TestPace:
    """A neighbour's Syncs come by its own clock, not by ours."""

    @pytest.mark.parametrize("pace", [0.8, 1.0, 1.25])
    def test_it_goes_on_within_the_timeout_though_the_neighbour_was_fast(self, pace: float) -> None:
        rig = relay_rig()
        hears(rig, 400, pace=pace)
        rig.run(0.51)
        assert len(handed_on(rig, seconds=0.505)) == 2  # the timeout of 0.375 s, and an interval after it

    @pytest.mark.parametrize("pace", [0.8, 1.0, 1.25])
    def test_another_interval_is_sent_at_once_though_the_neighbour_was_fast(self, pace: float) -> None:
        rig = relay_rig()
        hears(rig, 400, pace=pace)
        rig.instance.ports[2].sync_interval.request(-1, None, rig.now)
        hears(rig, 20, first=400)
        assert len(handed_on(rig, seconds=20 * INTERVAL_S)) >= 5


@pytest.mark.parametrize("announces", [True, False])
def test_a_relay_whose_slave_port_has_heard_nothing_serves_nobody(announces: bool) -> None:
    rig = Rig(
        settings={"external_port_configuration_enabled": True, "announces": announces},
        desired_state=PortState.SLAVE,
        gptp_capable_state_machines_enabled=False,
        more_ports=[
            GptpPortSettings(
                link=LinkSettings(port_number=2, as_capable_on_link_up=True),
                desired_state=PortState.MASTER,
                gptp_capable_state_machines_enabled=False,
            )
        ],
    )
    rig.run(10)
    assert rig.instance.ports[2].state is PortState.MASTER
    assert not rig.instance.is_grandmaster
    assert handed_on(rig, Announce) == handed_on(rig, Sync) == []


def test_a_relay_goes_on_for_days_with_the_last_time_it_had() -> None:
    rig = relay_rig(neighbor_rate_ppm=0.0, link={"log_pdelay_req_interval": 5})
    hears(rig, 3)
    rig.instance.ports[2].sync_interval.request(5, None, rig.now)
    rig.run(45 * 3600)  # a correctionField holds 39 h
    for _, message in rig.sent:
        encode(message)
    at, last = [(at, message) for at, message in rig.sent if isinstance(message, FollowUp) and _is_of_2(message)][-1]
    told = last.precise_origin_timestamp + last.correction_field
    assert abs(told - rig.neighbor_time(at)) < 10 * MICROSECOND
