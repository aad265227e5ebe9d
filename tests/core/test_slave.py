"""What a slave measures, and against whom (IEEE 1588-2019 9.5.4, 9.5.5, 11.2, 11.3)."""

from __future__ import annotations

import pytest

from ptpstack.core.events import DelayKnown, DelayMissing, IntervalChanged, SynchronizationLost
from ptpstack.engine.port_state import PortState
from ptpstack.time import MICROSECOND, NANOSECOND, SECOND, LocalTime, PtpTime, interval_from_ns
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.types import PortIdentity
from tests.core.bench import GM, OTHER, Bench, slave

EPOCH = 1_700_000_000 * SECOND
AHEAD = 123_456 * NANOSECOND
PATH = 5 * MICROSECOND


class World:
    """Master time, a local clock that is ahead and fast, and a symmetric path."""

    def __init__(
        self, bench: Bench, *, ppm: int = 0, path: int = PATH, asymmetry: int = 0, log_min_delay_req_interval: int = 0
    ) -> None:
        self.bench, self.ppm, self.path, self.asymmetry = bench, ppm, path, asymmetry
        self.start = bench.now
        self.log_min_delay_req_interval = log_min_delay_req_interval
        self.answered: set[int | None] = set()

    def master_time(self) -> int:
        return EPOCH + (self.bench.now - self.start)

    def local(self, master_time: int) -> int:
        elapsed = master_time - EPOCH
        return master_time + AHEAD + elapsed * self.ppm // 1_000_000

    def sync(self, **fields: object) -> None:
        left = self.master_time()
        self.bench.sync(left, self.local(left + self.path + self.asymmetry), **fields)

    def answer_delay_requests(self) -> None:
        """Stamp every outstanding Delay_Req now and answer it."""
        for send in self.bench.sends(messages.DelayReq):
            if send.context in self.answered:
                continue
            self.answered.add(send.context)
            left = self.master_time()
            self.bench.stamp(send, self.local(left))
            self.bench.receive(
                self.bench.from_master(
                    messages.DelayResp,
                    sequence_id=send.message.sequence_id,
                    receive_timestamp=PtpTime((left + self.path - self.asymmetry) // NANOSECOND * NANOSECOND),
                    correction_field=send.message.correction_field,
                    requesting_port_identity=send.message.source_port_identity,
                    log_message_interval=self.log_min_delay_req_interval,
                )
            )

    def live(self, seconds: float) -> None:
        """Syncs every second and the answers half a second later."""
        for _ in range(int(seconds)):
            self.sync()
            self.bench.run(0.5)
            self.answer_delay_requests()
            self.bench.announce()
            self.bench.run(0.5)


def test_the_offset_is_local_minus_master_and_the_delay_half_the_round_trip() -> None:
    bench = slave()
    World(bench).live(5)
    last = bench.measurements()[-1]
    assert last.offset_from_master == AHEAD
    assert last.mean_delay == PATH
    assert last.parent_port_identity == PortIdentity(GM, 1)
    assert bench.instance.current_ds.mean_delay == PATH
    assert len(bench.events(DelayKnown)) == 1


@pytest.mark.parametrize("ppm", [-100, 100])
def test_a_fast_or_slow_clock_does_not_falsify_the_delay(ppm: int) -> None:
    bench = slave()
    World(bench, ppm=ppm).live(6)
    # Half a second between Sync and Delay_Req at 100 ppm would be 25 µs by the plain formula.
    assert abs(bench.measurements()[-1].mean_delay - PATH) < 2 * NANOSECOND


def test_delay_asymmetry_and_latencies_are_taken_out() -> None:
    asymmetry = interval_from_ns(800)
    bench = slave(port={"delay_asymmetry": asymmetry})
    World(bench, asymmetry=asymmetry).live(5)
    last = bench.measurements()[-1]
    assert (last.offset_from_master, last.mean_delay) == (AHEAD, PATH)
    latent = slave(port={"ingress_latency": interval_from_ns(700)})
    World(latent, path=PATH + interval_from_ns(700)).live(5)
    assert abs(latent.measurements()[-1].offset_from_master - AHEAD) <= interval_from_ns(350)


def test_correction_fields_are_part_of_the_origin() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    sync = bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP, correction_field=300)
    bench.receive(sync, EPOCH + PATH)
    bench.receive(
        bench.from_master(
            messages.FollowUp,
            sequence_id=sync.sequence_id,
            precise_origin_timestamp=PtpTime(EPOCH),
            correction_field=50,
        )
    )
    (measurement,) = bench.measurements()
    assert measurement.t1 == EPOCH + 350
    assert measurement.offset_from_master == PATH - 350


def test_a_one_step_sync_needs_no_follow_up() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    bench.receive(bench.from_master(messages.Sync, origin_timestamp=PtpTime(EPOCH)), EPOCH + PATH)
    assert bench.measurements()[0].offset_from_master == PATH


def test_a_follow_up_may_come_before_its_sync() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    bench.receive(bench.from_master(messages.FollowUp, sequence_id=5, precise_origin_timestamp=PtpTime(EPOCH)))
    assert not bench.measurements()
    bench.receive(bench.from_master(messages.Sync, sequence_id=5, flag_field=Flag.TWO_STEP), EPOCH + PATH)
    assert bench.measurements()[0].offset_from_master == PATH


def test_duplicate_and_late_syncs_count_once_and_a_restarted_master_is_followed() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    for sequence_id in (65_534, 65_535, 65_535, 0, 65_534, 1, 40_000, 3):
        bench.sync(EPOCH, EPOCH + PATH, sequence_id=sequence_id)
    # 65535 again and the late 65534 are dropped; 40000 and then 3 are a master that started over.
    assert len(bench.measurements()) == 6
    assert bench.instance.ports[1].counters.discarded["late or duplicate"] == 4


def test_a_sync_without_follow_up_or_stamp_is_dropped_and_counted() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), EPOCH)
    bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), None)
    assert not bench.measurements()
    bench.sync(EPOCH, EPOCH)
    assert len(bench.measurements()) == 1
    discarded = bench.instance.ports[1].counters.discarded
    assert (discarded["no Follow_Up"], discarded["no receive stamp"]) == (1, 1)


def test_after_a_stall_several_syncs_find_their_follow_ups() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    for number in range(5):
        sync = bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP)
        bench.receive(sync, EPOCH + number * SECOND + PATH)
    for number in range(5):
        origin = PtpTime(EPOCH + number * SECOND)
        bench.receive(bench.from_master(messages.FollowUp, precise_origin_timestamp=origin))
    assert [m.offset_from_master for m in bench.measurements()] == [PATH] * 5


def test_samples_never_go_back_in_time() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    for number in range(2):
        bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), EPOCH + number * SECOND)
    for number in (1, 0):
        bench.receive(bench.from_master(messages.FollowUp, sequence_id=number))
    assert [m.t2 for m in bench.measurements()] == [EPOCH + SECOND]


def test_syncs_that_never_get_their_follow_up_take_no_more_than_their_place() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    for _ in range(100):
        bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), EPOCH)
    assert bench.instance.ports[1].counters.discarded["no Follow_Up"] == 92


def test_only_the_parent_is_listened_to() -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    bench.sync(EPOCH, EPOCH, PortIdentity(GM, 2))
    bench.sync(EPOCH, EPOCH, PortIdentity(OTHER, 1))
    bench.sync(EPOCH, EPOCH, domain_number=1)
    bench.sync(EPOCH, EPOCH, major_sdo_id=1)
    assert not bench.measurements()


@pytest.mark.parametrize("field", ["sync", "follow_up"])
def test_a_correction_too_big_to_represent_is_no_correction(field: str) -> None:
    bench = slave(port={"delay_mechanism": 0xFE})
    too_big = (1 << 63) - 1
    sync = bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP, correction_field=too_big * (field == "sync"))
    bench.receive(sync, EPOCH)
    bench.receive(
        bench.from_master(
            messages.FollowUp, sequence_id=sync.sequence_id, correction_field=too_big * (field == "follow_up")
        )
    )
    assert not bench.measurements()
    assert bench.instance.ports[1].counters.discarded["correctionField overflow"] == 1


def test_no_offset_is_told_before_the_delay_is_known() -> None:
    bench = slave()
    for _ in range(5):
        bench.sync(EPOCH, EPOCH + PATH)
    assert not bench.measurements()


def test_answers_to_others_from_others_or_twice_change_nothing() -> None:
    bench = slave()
    world = World(bench)
    world.sync()
    bench.run(1.2)
    send = bench.sends(messages.DelayReq)[-1]
    good = {
        "sequence_id": send.message.sequence_id,
        "receive_timestamp": PtpTime(EPOCH),
        "requesting_port_identity": send.message.source_port_identity,
        "log_message_interval": 0,
    }
    bench.receive(bench.from_master(messages.DelayResp, **good | {"requesting_port_identity": PortIdentity(OTHER, 1)}))
    bench.receive(bench.from_master(messages.DelayResp, PortIdentity(OTHER, 1), **good))
    bench.receive(bench.from_master(messages.DelayResp, **good | {"sequence_id": 999}))
    bench.receive(bench.from_master(messages.DelayResp, **good))
    bench.receive(bench.from_master(messages.DelayResp, **good | {"receive_timestamp": PtpTime(EPOCH + SECOND)}))
    discarded = bench.instance.ports[1].counters.discarded
    assert (discarded["not from the parent"], discarded["late or duplicate"]) == (1, 2)


def test_the_master_says_how_often_it_may_be_asked() -> None:
    bench = slave()
    world = World(bench, log_min_delay_req_interval=-3)
    world.live(4)
    (change,) = bench.events(IntervalChanged)
    assert (change.old_log_interval, change.new_log_interval) == (0, -3)
    before = len(bench.sent(messages.DelayReq))
    world.live(4)
    assert len(bench.sent(messages.DelayReq)) - before in range(28, 37)


def test_unanswered_requests_are_told_with_advice() -> None:
    bench = slave()
    for _ in range(8):
        bench.sync(EPOCH, EPOCH + PATH)
        bench.announce()
        bench.run(1)
    assert bench.events(DelayMissing)[0].requests == 3
    assert "e2e" in str(bench.events(DelayMissing)[0])


def test_answers_that_take_longer_than_the_interval_are_all_used() -> None:
    bench = slave(port={"log_min_delay_req_interval": -3})
    world = World(bench, log_min_delay_req_interval=-3)
    for _ in range(6):
        world.sync()
        bench.run(0.5)
        world.answer_delay_requests()  # some four requests at once
        bench.announce()
        bench.run(0.5)
        world.answer_delay_requests()
    assert len(bench.sent(messages.DelayReq)) > 30
    discarded = bench.instance.ports[1].counters.discarded
    assert not bench.events(DelayMissing)
    assert (discarded["Delay_Req unanswered"], discarded["late or duplicate"]) == (0, 0)


def test_the_servo_moves_the_port_between_uncalibrated_and_slave() -> None:
    bench = slave()
    bench._take(bench.instance.servo_locked(True, bench.now))
    assert bench.state() is PortState.SLAVE
    bench._take(bench.instance.servo_locked(True, bench.now))
    bench._take(bench.instance.servo_locked(False, bench.now))
    assert bench.state() is PortState.UNCALIBRATED


@pytest.mark.parametrize(
    ("disturb", "reason"),
    [
        (lambda _bench: None, "Syncs stopped"),
        (
            lambda bench: bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), None),
            "receive stamp",
        ),
        (
            lambda bench: [
                bench.receive(bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP), EPOCH) for _ in range(2)
            ],
            "without Follow_Up",
        ),
    ],
)
def test_a_parent_that_announces_but_gives_no_usable_sync_is_no_synchronization(disturb, reason) -> None:  # noqa: ANN001
    bench = slave(port={"delay_mechanism": 0xFE})
    bench.sync(EPOCH, EPOCH)
    bench._take(bench.instance.servo_locked(True, bench.now))
    disturb(bench)
    bench.hear(12)
    assert bench.state() is PortState.UNCALIBRATED
    (lost,) = bench.events(SynchronizationLost)
    assert reason in lost.reason


class TestClockStep:
    """Stored instants survive a step; frames stamped before it never make a sample."""

    @pytest.mark.parametrize("delta", [37 * SECOND, -37 * SECOND, 30 * MICROSECOND, -5 * SECOND])
    def test_a_sync_in_hand_is_carried_over(self, delta: int) -> None:
        bench = slave(port={"delay_mechanism": 0xFE})
        sync = bench.from_master(messages.Sync, flag_field=Flag.TWO_STEP)
        bench.receive(sync, EPOCH + AHEAD)
        bench._take(bench.instance.clock_stepped(delta, LocalTime(EPOCH + AHEAD + delta), bench.now))
        follow_up = bench.from_master(
            messages.FollowUp, sequence_id=sync.sequence_id, precise_origin_timestamp=PtpTime(EPOCH)
        )
        bench.receive(follow_up)
        assert bench.measurements()[-1].offset_from_master == AHEAD + delta

    @pytest.mark.parametrize("delta", [37 * SECOND, -37 * SECOND])
    def test_a_frame_stamped_before_the_step_is_dropped_however_late_it_comes(self, delta: int) -> None:
        bench = slave(port={"delay_mechanism": 0xFE})
        local = EPOCH + AHEAD
        bench._take(bench.instance.clock_stepped(delta, LocalTime(local + delta), bench.now))
        bench.run(1)
        bench.sync(EPOCH, local - MICROSECOND)
        assert not bench.measurements()
        bench.sync(EPOCH + SECOND, local + delta + SECOND)
        assert len(bench.measurements()) == 1

    def test_the_delay_measured_over_a_step_is_not_falsified(self) -> None:
        bench = slave()
        world = World(bench)
        world.live(5)
        bench._take(
            bench.instance.clock_stepped(-AHEAD, LocalTime(world.local(world.master_time()) - AHEAD), bench.now)
        )
        bench.run(0.1)
        for send in bench.sends(messages.DelayReq):
            bench.stamp(send, EPOCH)
        world.local = lambda master_time: master_time  # type: ignore[method-assign]
        world.live(5)
        assert bench.measurements()[-1].offset_from_master == 0
        assert {m.mean_delay for m in bench.measurements()} == {PATH}

    def test_a_step_of_the_master_between_two_syncs_makes_no_delay(self) -> None:
        bench = slave()
        world = World(bench)
        world.live(5)
        known = len(bench.measurements())
        true_time = world.master_time
        world.sync()
        bench.run(0.5)
        world.answer_delay_requests()
        bench.run(0.5)
        world.master_time = lambda: true_time() + 37 * SECOND  # type: ignore[method-assign]
        world.local = lambda master_time: master_time - 37 * SECOND + AHEAD  # type: ignore[method-assign]
        world.live(5)
        assert len(bench.measurements()) > known + 5
        assert {m.mean_delay for m in bench.measurements()} == {PATH}
        assert bench.instance.ports[1].counters.discarded["delay exchange between no two Syncs"] == 1


class TestNewMaster:
    def test_nothing_of_the_old_master_is_used_for_the_new_one(self) -> None:
        bench = slave()
        World(bench).live(5)
        bench._take(bench.instance.servo_locked(True, bench.now))
        count = len(bench.measurements())
        better = PortIdentity(OTHER, 1)
        bench.hear(4, better, grandmaster_priority1=1)
        assert bench.instance.parent_ds.parent_port_identity == better
        assert bench.state() is PortState.UNCALIBRATED
        bench.sync(EPOCH, EPOCH + AHEAD, better)
        bench.sync(EPOCH, EPOCH + AHEAD)
        assert len(bench.measurements()) == count, "no offset before the new master's delay is known"
