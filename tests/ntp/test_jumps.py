"""A clock that its servers find elsewhere: several are believed at once, one when it says so again and again."""

from __future__ import annotations

import pytest

from ntp.jumps import CONFIRMING, ClockFoundElsewhere
from ntp.selection import Selection
from ntp.selection_reasons import Reason
from ptpstack.time import SECOND

from .test_ensemble import ensemble_of, world_of
from .test_simulation import LAN
from .world import Server, World


class Watched:
    """A world, and what its ensemble tells ten times a second."""

    def __init__(self, world: World, *, keeps_clock: bool = True) -> None:
        self.world, self.ensemble, self.keeps_clock = world, ensemble_of(world), keeps_clock
        self.found: list[ClockFoundElsewhere] = []
        self.selection = Selection(combined=None, verdicts=())

    def look(self, seconds: float, every_s: float = 0.1) -> None:
        for _ in range(round(seconds / every_s)):
            self.world.run(every_s)
            local, now = self.world.local(), self.world.now
            self.selection, events = self.ensemble.judge(local, now, keeps_clock=self.keeps_clock)
            self.world.rearm()
            self.found.extend(event for event in events if isinstance(event, ClockFoundElsewhere))

    def look_until_found(self, seconds: float) -> None:
        for _ in range(round(seconds * 10)):
            if self.found:
                return
            self.look(0.1)
        raise AssertionError("not found")

    def reasons(self) -> dict[str, Reason]:
        return {verdict.name: verdict.reason for verdict in self.selection.verdicts}


def test_a_jump_is_told_though_one_of_those_that_agree_is_much_farther() -> None:
    """A machine that stood still: its servers are found ahead one after the other."""
    servers = Server("a", **LAN), Server("b", root_dispersion=66 * 50, **LAN), Server("c", **LAN)
    watched = Watched(world_of(*servers, poll=0))
    watched.look(60, 1)
    reasons = watched.reasons()
    for name in "bac":  # the one that is not used first
        watched.world.servers[name].offset = 20 * SECOND
        watched.look(3)
    assert reasons["b"] is Reason.MUCH_FARTHER
    (event,) = watched.found
    assert event.sources == 2
    assert abs(event.moved_s + 20) < 0.1


@pytest.mark.parametrize(("poll", "ahead"), [(0, SECOND), (6, 37 * SECOND), (6, 86400 * SECOND), (0, -20 * SECOND)])
def test_a_lone_server_is_believed_when_all_of_a_burst_say_the_same(poll: int, ahead: int) -> None:
    watched = Watched(world_of(Server("a", **LAN), poll=poll))
    watched.look(300, 1)
    watched.world.servers["a"].offset = ahead
    association = watched.world.associations["a"]
    requests = association.requests
    watched.look_until_found(1.1 * association.poll.interval / SECOND + 2 * CONFIRMING + 2)
    (event,) = watched.found
    assert (event.sources, event.samples) == (1, CONFIRMING)
    assert event.moved_s == pytest.approx(-ahead / SECOND, abs=0.1)
    assert "the only NTP source says in 4 samples in a row" in str(event)
    assert association.requests - requests <= CONFIRMING + 2
    watched.look(60, 1)
    assert len(watched.found) == 1
    assert watched.reasons() == {"a": Reason.BEST}


def test_while_it_is_in_doubt_nothing_is_followed_and_the_status_says_why() -> None:
    watched = Watched(world_of(Server("a", **LAN)))
    watched.look(120, 1)
    watched.world.servers["a"].offset = 37 * SECOND
    doubted = set()
    while not watched.found:
        watched.look(0.1)
        if watched.reasons()["a"] is Reason.DOUBTED:
            assert watched.selection.combined is None
            doubted.add(watched.ensemble.select(watched.world.local(), watched.world.now).verdicts[0].text)
    assert any("alone in saying that the clock jumped by -37 s, in 2 of 4 samples" in text for text in doubted)


def test_a_lone_server_that_comes_back_was_wrong_itself() -> None:
    watched = Watched(world_of(Server("a", **LAN), poll=3))
    watched.look(120, 1)
    watched.world.servers["a"].offset = 5 * SECOND
    while watched.reasons()["a"] is not Reason.DOUBTED:
        watched.look(0.1)
    watched.world.servers["a"].offset = 0
    watched.look(60, 1)
    assert watched.found == []
    assert watched.reasons() == {"a": Reason.BEST}


def test_a_lone_server_is_not_asked_about_a_clock_that_something_else_keeps() -> None:
    watched = Watched(world_of(Server("a", **LAN), poll=0), keeps_clock=False)
    watched.look(60, 1)
    watched.world.servers["a"].offset = 5 * SECOND
    watched.look(20, 1)
    assert watched.found == []
    assert watched.reasons() == {"a": Reason.BEST}


def test_one_that_a_second_confirms_needs_no_further_samples() -> None:
    watched = Watched(world_of(Server("a", **LAN), Server("b", loss=1.0, **LAN), poll=3))
    watched.look(120, 1)
    for server in watched.world.servers.values():
        server.offset = 5 * SECOND
    while watched.reasons()["a"] is not Reason.DOUBTED:
        watched.look(0.1)
    watched.world.servers["b"].loss = 0.0
    watched.world.associations["b"].burst(watched.world.now)
    watched.look_until_found(3)
    assert watched.found[0].sources == 2


@pytest.mark.parametrize("names", ["a", "ab"])
def test_a_clock_that_is_slewed_on_purpose_jumps_nowhere(names: str) -> None:
    """500 ppm make half a second between two requests at the longest interval."""
    watched = Watched(world_of(*(Server(name, **LAN) for name in names), poll=10))
    watched.look(6000, 600)
    for change_ppb in (500_000, -500_000) * 4:
        local = watched.world.local()
        watched.world.clock.frequency_ppb += change_ppb
        watched.ensemble.frequency_changed(change_ppb, local)
        watched.look(3000, 600)
    assert watched.found == []


def test_a_server_that_was_silent_for_a_day_has_not_jumped() -> None:
    """What the clock may have drifted meanwhile is no jump."""
    watched = Watched(world_of(Server("a", **LAN), poll=4))
    watched.look(600, 2)
    watched.world.servers["a"].loss = 1.0
    watched.world.clock.frequency_ppb += 1500
    for _ in range(24):
        watched.world.run(3600)
        watched.look(0.1)
    watched.world.servers["a"].loss = 0.0
    watched.look(1200, 2)
    assert watched.found == []
    assert watched.reasons() == {"a": Reason.BEST}
