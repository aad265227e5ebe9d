"""Links and stamps do what their conditions say, no more."""

import statistics
from random import Random

import pytest

from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.scheduler import Scheduler
from ptpstack.sim.stamping import Stamping
from ptpstack.time import SECOND, LocalTime, interval_from_ns


class Ear:
    """A port that notes what it hears."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler, self.heard, self.carrier = scheduler, [], []

    def frame_arrived(self, payload: bytes, source: "Ear", held_back: int) -> None:
        self.heard.append((self.scheduler.now, payload, source, held_back))

    def link_changed(self, up: bool) -> None:
        self.carrier.append(up)


def network(ports: int = 2, seed: int = 1, **conditions: float) -> tuple[Scheduler, Link, list[Ear]]:
    scheduler = Scheduler()
    ears = [Ear(scheduler) for _ in range(ports)]
    return scheduler, Link(scheduler, tuple(ears), LinkConditions(**conditions), Random(seed)), ears


def test_actions_run_in_the_order_of_time_and_then_of_asking() -> None:
    scheduler, seen = Scheduler(), []
    for delay, name in [(30, "c"), (10, "a"), (30, "d"), (20, "b")]:
        scheduler.after(delay, seen.append, name)
    scheduler.after(10, lambda: scheduler.at(0, seen.append, "late"))
    scheduler.run(1)
    assert seen == ["a", "late", "b", "c", "d"]
    assert scheduler.now == SECOND


def test_run_stops_at_its_end_and_goes_on_from_there() -> None:
    scheduler, seen = Scheduler(), []
    scheduler.at(SECOND, seen.append, 1)
    scheduler.at(SECOND + 1, seen.append, 2)
    scheduler.run(1)
    assert seen == [1]
    scheduler.run(1e-9)
    assert seen == [1, 2]


def test_load_makes_its_share_of_frames_wait_as_in_an_m_m_1_queue() -> None:
    scheduler, link, ears = network(delay_ns=500, load=0.25, service_ns=9_000)
    for _ in range(4_000):
        link.transmit(b"x", ears[0])
    scheduler.run(1)
    waits_ns = [time / interval_from_ns(1) - 500 for time, *_ in ears[1].heard]
    waited_ns = [wait for wait in waits_ns if wait > 1]
    assert len(waited_ns) / len(waits_ns) == pytest.approx(0.25, abs=0.03)
    assert statistics.mean(waited_ns) == pytest.approx(9_000 / 0.75, rel=0.1)


def test_the_stamps_of_software_have_tails() -> None:
    stamping, random = Stamping(tail_ns=5_000), Random(1)
    errors_ns = [stamping.ingress(LocalTime(0), random) / interval_from_ns(1) for _ in range(4_000)]
    assert statistics.mean(errors_ns) == pytest.approx(0, abs=300)
    assert statistics.mean(map(abs, errors_ns)) == pytest.approx(5_000, rel=0.1)
    assert max(map(abs, errors_ns)) > 30_000


@pytest.mark.parametrize(("sender", "delay_ns"), [(0, 600), (1, 400)])
def test_asymmetry_lengthens_the_way_from_first_to_last(sender: int, delay_ns: int) -> None:
    scheduler, link, ears = network(delay_ns=500, asymmetry_ns=100)
    link.transmit(b"x", ears[sender])
    scheduler.run(1)
    assert ears[1 - sender].heard == [(interval_from_ns(delay_ns), b"x", ears[sender], 0)]
    assert ears[sender].heard == []


def test_a_hub_brings_a_frame_to_all_others_and_a_unicast_to_one() -> None:
    scheduler, link, ears = network(ports=4)
    link.transmit(b"all", ears[1])
    link.transmit(b"one", ears[1], ears[3])
    scheduler.run(1)
    assert [[payload for _, payload, *_ in ear.heard] for ear in ears] == [[b"all"], [], [b"all"], [b"all", b"one"]]


def test_jitter_is_exponential_above_the_delay() -> None:
    scheduler, link, ears = network(delay_ns=500, jitter_ns=80)
    for _ in range(4000):
        link.transmit(b"", ears[0])
    scheduler.run(1)
    extra_ns = [(time - interval_from_ns(500)) / 65536 for time, *_ in ears[1].heard]
    assert min(extra_ns) >= 0
    assert statistics.mean(extra_ns) == pytest.approx(80, rel=0.1)
    assert statistics.stdev(extra_ns) == pytest.approx(80, rel=0.1)


@pytest.mark.parametrize(
    ("conditions", "mean_heard", "held_back"),
    [
        ({"loss": 0.25}, 0.75, 0.0),
        ({"duplication": 0.25}, 1.25, 0.0),
        ({"reorder": 0.25}, 1.0, 0.25),
        ({"loss": 1.0}, 0.0, 0.0),
        ({}, 1.0, 0.0),
    ],
)
def test_faults_happen_as_often_as_asked(conditions: dict[str, float], mean_heard: float, held_back: float) -> None:
    scheduler, link, ears = network(**conditions)
    for _ in range(4000):
        link.transmit(b"", ears[0])
    scheduler.run(1)
    assert len(ears[1].heard) / 4000 == pytest.approx(mean_heard, abs=0.03)
    assert sum(held > 0 for *_, held in ears[1].heard) / 4000 == pytest.approx(held_back, abs=0.03)


def test_a_link_that_went_down_loses_what_was_on_the_way_and_tells_both_ends() -> None:
    scheduler, link, ears = network(delay_ns=1000)
    link.transmit(b"on the way", ears[0])
    link.set_up(False)
    link.transmit(b"into the void", ears[0])
    link.set_up(True)
    link.set_up(True)
    link.transmit(b"after", ears[0])
    scheduler.run(1)
    assert [payload for _, payload, *_ in ears[1].heard] == [b"after"]
    assert ears[0].carrier == ears[1].carrier == [False, True]


def test_the_same_seed_gives_the_same_network() -> None:
    def run(seed: int) -> list[int]:
        scheduler, link, ears = network(seed=seed, jitter_ns=50, loss=0.1, duplication=0.1)
        for _ in range(100):
            link.transmit(b"", ears[0])
        scheduler.run(1)
        return [time for time, *_ in ears[1].heard]

    assert run(1) == run(1) != run(2)


class TestStamping:
    local = LocalTime(10**6 * SECOND + 12_345_678)

    def test_is_perfect_by_default(self) -> None:
        assert Stamping().ingress(self.local, Random(1)) == Stamping().egress(self.local, Random(1)) == self.local

    def test_rounds_down_to_its_resolution(self) -> None:
        stamp = Stamping(resolution_ns=8).ingress(self.local, Random(1))
        assert stamp % interval_from_ns(8) == 0
        assert 0 <= self.local - stamp < interval_from_ns(8)

    def test_latencies_lie_between_the_wire_and_the_unit(self) -> None:
        stamping = Stamping(ingress_latency_ns=200, egress_latency_ns=300)
        assert stamping.ingress(self.local, Random(1)) - self.local == interval_from_ns(200)
        assert stamping.egress(self.local, Random(1)) - self.local == -interval_from_ns(300)

    def test_jitter_is_uniform_around_the_truth(self) -> None:
        random, stamping = Random(1), Stamping(jitter_ns=20)
        errors_ns = [(stamping.egress(self.local, random) - self.local) / 65536 for _ in range(4000)]
        assert -20 <= min(errors_ns) < -19
        assert 19 < max(errors_ns) <= 20
        assert statistics.stdev(errors_ns) == pytest.approx(20 / 3**0.5, rel=0.05)

    def test_transmit_stamps_come_late_or_never_as_often_as_asked(self) -> None:
        random, stamping = Random(1), Stamping(tx_loss=0.1, tx_late=0.2, tx_delay_ns=1, tx_late_delay_ns=2)
        fates = [stamping.tx_wait(random) for _ in range(4000)]
        assert sum(not came for came, _ in fates) / 4000 == pytest.approx(0.1, abs=0.02)
        assert sum(wait == interval_from_ns(2) for _, wait in fates) / 4000 == pytest.approx(0.18, abs=0.03)
