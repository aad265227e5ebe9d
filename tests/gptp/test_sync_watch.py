"""What is counted of Syncs and of the link that do not come as they should: AVnu Automotive's diagnostics."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from ptpstack.cli.status_gptp import gptp_reasons
from ptpstack.gptp.events import InformationAged, SyncLost, SyncNotContinuous
from ptpstack.time import MICROSECOND, MILLISECOND, SECOND, TimeInterval
from ptpstack.wire.tlvs import FollowUpInformation
from tests.cli.test_status_gptp import status
from tests.gptp.car import slave_rig
from tests.gptp.rig import STRANGER, Rig, nothing

INTERVAL_S = 0.125


def hears(rig: Rig, *sequence_ids: int) -> None:
    for number in sequence_ids:
        rig.run(INTERVAL_S)
        rig.syncs(number)


@pytest.fixture
def rig() -> Rig:
    rig = slave_rig()
    hears(rig, *range(5))
    return rig


class TestSyncLoss:
    def test_silence_of_three_intervals_counts_once_and_is_told(self, rig: Rig) -> None:
        rig.run(0.36)
        assert rig.port.port_ds.sync_receipt_timeout_count == 0
        rig.run(0.03)
        assert rig.port.port_ds.sync_receipt_timeout_count == 1
        (lost,) = rig.events_of(SyncLost)
        assert "no more Syncs from 020000.fffe.000001-1 within the timeout" in str(lost)
        rig.run(5)
        assert rig.port.port_ds.sync_receipt_timeout_count == 1

    def test_each_silence_counts(self, rig: Rig) -> None:
        for first in (5, 8):
            rig.run(1)
            hears(rig, first, first + 1, first + 2)
        rig.run(1)
        assert rig.port.port_ds.sync_receipt_timeout_count == 3
        assert rig.port.port_ds.non_continuous_sync_count == 0

    def test_a_link_that_goes_is_no_loss_of_sync(self, rig: Rig) -> None:
        rig.take(rig.instance.link_changed(1, False, rig.now))
        rig.run(3)
        assert rig.port.port_ds.sync_receipt_timeout_count == 0
        assert rig.port.port_ds.link_down_count == 1

    def test_where_the_grandmaster_is_chosen_its_ageing_tells(self) -> None:
        rig = Rig(gptp_capable_state_machines_enabled=False)
        rig.run(3.3)
        rig.announces()
        hears(rig, *range(4))
        rig.run(1)
        assert rig.port.port_ds.sync_receipt_timeout_count == 1
        assert rig.events_of(InformationAged)
        assert not rig.events_of(SyncLost)


@dataclass
class Jump:
    ahead: TimeInterval = 0
    sequence_id: int = 5
    indicator: int = 0


class TestContinuity:
    @pytest.mark.parametrize(
        ("jump", "said"),
        [
            (Jump(sequence_id=7), "sequenceId 7 after 4"),
            (Jump(ahead=300 * MICROSECOND), "its time jumped by +30"),
            (Jump(ahead=-2 * MILLISECOND), "its time jumped by -199"),
            (Jump(indicator=1), "the grandmaster says that it has a new time base"),
        ],
    )
    def test_a_jump_counts_once(self, rig: Rig, jump: Jump, said: str) -> None:
        rig.neighbor_ahead += jump.ahead
        information = FollowUpInformation(gm_time_base_indicator=jump.indicator)
        rig.run(INTERVAL_S)
        for number in range(jump.sequence_id, jump.sequence_id + 4):
            rig.syncs(number, information=information)
            rig.run(INTERVAL_S)
        assert rig.port.port_ds.non_continuous_sync_count == 1
        (told,) = rig.events_of(SyncNotContinuous)
        assert said in str(told)

    def test_what_the_rates_of_two_clocks_explain_does_not_count(self) -> None:
        rig = slave_rig(neighbor_rate_ppm=200)
        hears(rig, *range(65_530, 65_536), *range(20))
        assert rig.port.port_ds.non_continuous_sync_count == 0

    def test_another_sender_is_no_jump(self, rig: Rig) -> None:
        rig.neighbor_ahead += SECOND
        rig.run(INTERVAL_S)
        rig.syncs(900, source=STRANGER)
        assert rig.port.port_ds.non_continuous_sync_count == 0

    def test_a_step_of_the_own_clock_is_no_jump(self, rig: Rig) -> None:
        rig.take(rig.instance.clock_stepped(-5 * MILLISECOND, rig.local(rig.now) - 5 * MILLISECOND, rig.now))
        rig.local = lambda now: Rig.local(rig, now) - 5 * MILLISECOND  # type: ignore[method-assign]
        hears(rig, *range(5, 10))
        assert rig.port.port_ds.non_continuous_sync_count == 0


class TestLink:
    def test_responses_that_do_not_come_count_each(self) -> None:
        rig = slave_rig(strategy=nothing)
        rig.run(10.5)
        assert rig.port.port_ds.pdelay_resp_timeout_count == 9  # those of the first second were given less than one

    def test_delays_beyond_the_threshold_count_each(self) -> None:
        rig = slave_rig(link_delay_ns=2000)
        rig.run(10.5)
        assert rig.port.port_ds.mean_link_delay_exceeded_count == pytest.approx(10, abs=1)

    def test_status_says_what_was_counted(self) -> None:
        rig = slave_rig(strategy=nothing)
        rig.run(4.5)
        hears(rig, 1, 3)
        _why_only_by_its_link, line = gptp_reasons(status(rig))
        assert line == "  port 1 counted    1 Sync not continuous, 3 Pdelay_Resp missing"
