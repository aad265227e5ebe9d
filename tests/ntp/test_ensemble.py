"""Associations held together: news once, measurements at the pace of the best, silence not mistaken for patience."""

from __future__ import annotations

import itertools

from ntp.candidate import Policy
from ntp.client.sample import Sample
from ntp.ensemble import Ensemble, SourceJudged, SourceOptions
from ntp.selection_reasons import Reason
from ptpstack.time import SECOND

from .test_simulation import LAN
from .world import Server, SimulatedClock, World


def ensemble_of(world: World, policy: Policy | None = None, **options: SourceOptions) -> Ensemble:
    ensemble = Ensemble(policy or Policy())
    for name, association in world.associations.items():
        ensemble.add(name, association, options.get(name, SourceOptions()))
    return ensemble


def world_of(*servers: Server, poll: int = 4) -> World:
    world = World(SimulatedClock(), servers, settings={"min_poll": poll, "max_poll": 10})
    world.start()
    return world


def test_a_verdict_is_told_once_and_again_when_it_changes() -> None:
    world = world_of(Server("a", **LAN), Server("b", **LAN))
    ensemble = ensemble_of(world)
    told: list[SourceJudged] = []
    for _ in range(100):
        _, events = ensemble.judge(world.local(), world.now)
        told += events  # type: ignore[arg-type]
        world.run(1)
    assert sorted((event.source, event.reason) for event in told[:2]) == [
        ("a", "NEVER_ANSWERED"),
        ("b", "NEVER_ANSWERED"),
    ]
    assert sorted((event.source, "used" in event.text) for event in told[2:]) == [("a", True), ("b", True)]
    world.servers["a"].offset = 5 * SECOND
    world.servers["b"].loss = 1.0
    world.run(600)
    _, events = ensemble.judge(world.local(), world.now)
    assert {str(event).split(":")[0] for event in events} >= {"NTP source b"}


def test_options_reach_the_selection() -> None:
    world = world_of(Server("a", **LAN), Server("b", **LAN))
    ensemble = ensemble_of(world, a=SourceOptions(noselect=True), b=SourceOptions(prefer=True))
    world.run(60)
    verdicts = {verdict.name: verdict.reason for verdict in ensemble.select(world.local(), world.now).verdicts}
    assert verdicts == {"a": Reason.NOT_TO_BE_SELECTED, "b": Reason.BEST}


def test_what_is_combined_is_followed_once_an_interval_of_the_best() -> None:
    world = world_of(Server("a", **LAN), Server("b", **LAN), Server("c", **LAN))
    ensemble = ensemble_of(world)
    followed, taken = [], 0
    for _ in range(2000):
        world.run(0.1)
        new, taken = world.outputs[taken:], len(world.outputs)
        for name, output in new:
            combined = ensemble.judge(world.local(), world.now)[0].combined
            if isinstance(output, Sample) and combined and ensemble.is_due(combined, name, world.now):
                followed.append(world.elapsed / SECOND)
    gaps = [later - earlier for earlier, later in itertools.pairwise(followed)]
    assert followed[0] < 1  # the first sample is followed at once
    assert all(1 <= gap <= 10 for gap in gaps[:2])
    assert all(8 <= gap <= 26 for gap in gaps[4:])


def test_the_age_limit_is_that_of_the_interval_before_the_silence() -> None:
    world = world_of(Server("a", **LAN), poll=1)
    ensemble = ensemble_of(world)
    world.run(30)
    assert ensemble.judge(world.local(), world.now)[0].combined is not None
    world.servers["a"].loss = 1.0
    limit_s = 8 * world.associations["a"].poll.interval / SECOND
    for _ in range(200):
        world.run(1)
        ensemble.judge(world.local(), world.now)
    assert world.associations["a"].poll.interval / SECOND * 8 > limit_s
    (verdict,) = ensemble.select(world.local(), world.now).verdicts
    assert verdict.reason is Reason.TOO_OLD


def test_a_source_that_was_removed_is_asked_no_more() -> None:
    world = world_of(Server("a", **LAN))
    ensemble = ensemble_of(world)
    world.run(10)
    ensemble.remove("a")
    assert ensemble.next_deadline() is None
    assert ensemble.select(world.local(), world.now).verdicts == ()


def test_a_source_is_of_no_use_when_all_its_samples_that_may_count_were_not() -> None:
    world = world_of(*(Server(name, **LAN) for name in "abc"))
    ensemble = ensemble_of(world)

    def run(seconds: int) -> dict[str, str]:
        for _ in range(seconds // 10):
            world.run(10)
            ensemble.judge(world.local(), world.now)
        return ensemble.unused_for_long(world.now)

    assert run(200) == {}
    world.servers["a"].offset = SECOND
    assert run(60) == {}
    unused = run(20_000)
    assert [*unused] == ["a"]
    assert unused["a"].text.startswith("not used, a falseticker: it says -1 s")
    world.servers["a"].offset = 0
    assert run(3000) == {}


def test_without_a_majority_nobody_is_of_use() -> None:
    world = world_of(Server("a", **LAN), Server("b", offset=SECOND, **LAN))
    ensemble = ensemble_of(world)
    for _ in range(2000):
        world.run(10)
        ensemble.judge(world.local(), world.now)
    assert [*ensemble.unused_for_long(world.now)] == ["a", "b"]
    ensemble.begin_anew(world.now)
    assert ensemble.unused_for_long(world.now) == {}
