"""Servers without a source: they agree on one, whatever the order in which they come, go and come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

import pytest

from ntp.candidate import Candidate, Policy, SourceClass
from ntp.client.association import Association
from ntp.client.outputs import Send
from ntp.client.sample import Sample, StampSource
from ntp.client.settings import AssociationSettings
from ntp.ensemble import Ensemble, SourceJudged, SourceOptions
from ntp.orphans import Orphans
from ntp.selection import select
from ntp.selection_reasons import Reason
from ntp.server.time_state import UNSYNCHRONIZED_STRATUM
from ntp.wire.packet import Leap, Mode, Packet, decode, encode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.time import MICROSECOND, MILLISECOND, SECOND, MonotonicTime, TimeInterval, UtcTime

from .world import START, SimulatedClock

STRATUM, WAIT = 10, 300 * SECOND
ON_THE_WAY = 200 * MICROSECOND
GONE_AFTER: TimeInterval = 60 * SECOND
"""Without a measurement for so long a clock is not locked any more."""


@dataclass
class Machine:
    """A server with its clock, the others as its sources, and a rule of thumb instead of a servo."""

    name: str
    address: bytes
    clock: SimulatedClock
    is_up: bool = True
    stratum: int = 0
    """Of a real server, which follows nobody; 0: an orphan-to-be."""
    chrony_rule: bool = False
    """Leads whenever it follows nobody, and as chronyd 4.3 follows lesser identifiers alone."""
    orphans: Orphans = field(default_factory=lambda: Orphans(STRATUM, WAIT))
    ensemble: Ensemble = field(init=False)
    judged: list[SourceJudged] = field(default_factory=list)
    _measured_at: MonotonicTime | None = None
    _followed: str | None = None

    def boot(self, others: list[Machine], now: MonotonicTime, random: Random) -> None:
        """Start anew, knowing nothing."""
        self.orphans = Orphans(STRATUM, 0 if self.chrony_rule else WAIT)
        self.ensemble = Ensemble(Policy(min_sources=2), self.orphans)
        self._measured_at = self._followed = None
        self.is_up = True
        for other in others if not self.stratum else ():
            settings = AssociationSettings(name=other.name, min_poll=4, max_poll=4, stamps=StampSource.DAEMON)
            association = Association(settings, random_bits=random.getrandbits, random=random.random)
            association.own_reference_id = self.address
            self.ensemble.add(other.name, association, SourceOptions(reference_id=other.address))
            association.start(now)

    def says(self, now: MonotonicTime) -> tuple[int, bytes]:
        """Return stratum and reference identifier; 16: nothing is known."""
        if self.stratum:
            return self.stratum, b"GPS\0"
        if self.is_locked(now):
            assert self._followed is not None
            followed = self.ensemble.members[self._followed]
            return followed.stratum + 1, self.ensemble._options[self._followed].reference_id
        if self.orphans.leads or self.chrony_rule:
            return STRATUM, b"LOCL"
        return UNSYNCHRONIZED_STRATUM, b"INIT"

    def is_locked(self, now: MonotonicTime) -> bool:
        return self._measured_at is not None and now - self._measured_at < GONE_AFTER

    def run(self, machines: dict[str, Machine], now: MonotonicTime) -> None:
        """Do what is due: update what the orphans know, ask, and follow."""
        if self.stratum or not self.is_up:
            return
        self.orphans.update(now, is_locked=self.is_locked(now), follows_orphan=self.ensemble.follows_orphan)
        for name, outputs in self.ensemble.handle_deadline(now):
            for output in outputs:
                if isinstance(output, Send) and (sample := self._ask(machines[name], name, output, now)):
                    self._follow(sample, now)
        self._judge(now)

    def _ask(self, server: Machine, name: str, send: Send, now: MonotonicTime) -> Sample | None:
        association = self.ensemble.members[name]
        assert isinstance(association, Association)
        left, came = self.clock.read(now), UtcTime(self.clock.read(now) + 2 * ON_THE_WAY)
        association.transmitted(send.context, left, StampSource.DAEMON, now)
        if not server.is_up:
            return None
        stratum, reference_id = server.says(now)
        stamp = ntp_from_utc(UtcTime(server.clock.read(now) + ON_THE_WAY))
        reply = Packet(
            leap=Leap.UNSYNCHRONIZED if stratum == UNSYNCHRONIZED_STRATUM else Leap.NONE,
            mode=Mode.SERVER,
            stratum=stratum % UNSYNCHRONIZED_STRATUM,
            precision=-25,
            reference_id=reference_id if stratum < UNSYNCHRONIZED_STRATUM else bytes(4),
            reference_timestamp=stamp,
            origin_timestamp=decode(send.octets).transmit_timestamp,
            receive_timestamp=stamp,
            transmit_timestamp=stamp,
        )
        outputs = association.receive(encode(reply), came, StampSource.DAEMON, now)
        return next((output for output in outputs if isinstance(output, Sample)), None)

    def _judge(self, now: MonotonicTime) -> str | None:
        selection, events = self.ensemble.judge(self.clock.read(now), now)
        self.judged += [event for event in events if isinstance(event, SourceJudged)]
        return selection.combined.best if selection.combined else None

    def _follow(self, sample: Sample, now: MonotonicTime) -> None:
        best = self._judge(now)
        if best is None or self.ensemble.members[best].samples.newest is not sample:
            return
        self.clock.offset -= sample.offset
        self.ensemble.clock_stepped(-sample.offset)
        self._measured_at, self._followed = now, best


class Island:
    """Machines that ask each other once in 16 s, from :attr:`now` on."""

    def __init__(self, *machines: Machine) -> None:
        self.machines = {machine.name: machine for machine in machines}
        self.now = MonotonicTime(0)
        self._random = Random(3)
        for machine in machines:
            self.boot(machine.name)

    def boot(self, name: str) -> None:
        others = [machine for machine in self.machines.values() if machine.name != name]
        self.machines[name].boot(others, self.now, self._random)

    def run(self, seconds: int) -> None:
        for _ in range(seconds):
            self.now = MonotonicTime(self.now + SECOND)
            for machine in self.machines.values():
                machine.run(self.machines, self.now)

    def strata(self) -> dict[str, int]:
        return {name: machine.says(self.now)[0] for name, machine in self.machines.items() if machine.is_up}

    def spread(self) -> TimeInterval:
        """Return how far the clocks that are up are apart."""
        clocks = [machine.clock.read(self.now) for machine in self.machines.values() if machine.is_up]
        return max(clocks) - min(clocks)


def machine(name: str, number: int, **others: object) -> Machine:
    offset = [0, 3, -2, 5][number] * SECOND
    return Machine(name, bytes([10, 0, 0, number]), SimulatedClock(offset, 3_000.0 * number), **others)  # type: ignore[arg-type]


def reasons(machine: Machine) -> dict[str, str]:
    return {event.source: event.reason for event in machine.judged}


def test_after_the_wait_the_least_identifier_leads_and_the_others_follow_it() -> None:
    island = Island(machine("c", 3), machine("a", 1), machine("b", 2))
    island.run(290)
    assert set(island.strata().values()) == {UNSYNCHRONIZED_STRATUM}
    island.run(200)
    assert island.strata() == {"a": STRATUM, "b": STRATUM + 1, "c": STRATUM + 1}
    assert START + island.now - island.machines["a"].clock.read(island.now) < -2 * SECOND  # nobody else moved it
    island.run(600)
    assert island.spread() < MILLISECOND
    assert reasons(island.machines["b"])["a"] == "ORPHAN_LEADER"
    assert any("leads the orphans" in str(event) for event in island.machines["b"].judged)
    assert reasons(island.machines["b"])["c"] == "ORPHAN_FOLLOWER"


def test_when_the_leader_goes_the_next_one_leads_after_the_wait_and_keeps_its_time() -> None:
    island = Island(machine("a", 1), machine("b", 2), machine("c", 3))
    island.run(600)
    island.machines["a"].is_up = False
    before = island.machines["b"].clock.read(island.now) - START - island.now
    island.run(300)
    assert STRATUM not in island.strata().values()
    assert not island.machines["b"].orphans.has_source  # what was followed, and locked to, was none
    island.run(200)
    assert island.strata() == {"b": STRATUM, "c": STRATUM + 1}
    assert abs(island.machines["b"].clock.read(island.now) - START - island.now - before) < 10 * MILLISECOND
    assert island.spread() < MILLISECOND


def test_one_that_comes_back_joins_the_others_and_does_not_take_them_along() -> None:
    island = Island(machine("a", 1), machine("b", 2), machine("c", 3))
    island.run(600)
    island.machines["a"].is_up = False
    island.run(600)
    island.machines["a"].clock = SimulatedClock(-3600 * SECOND)
    before = island.machines["b"].clock.read(island.now) - START - island.now
    island.boot("a")
    island.run(1200)
    assert island.strata() == {"a": STRATUM + 1, "b": STRATUM, "c": STRATUM + 1}
    assert abs(island.machines["b"].clock.read(island.now) - START - island.now - before) < 20 * MILLISECOND
    assert island.spread() < MILLISECOND


def test_of_two_leaders_that_meet_the_greater_identifier_gives_way() -> None:
    """As when a cable between two rooms is mended."""
    island = Island(machine("a", 1), machine("b", 2))
    for one in island.machines.values():
        one.orphans.update(MonotonicTime(0), is_locked=False, follows_orphan=False)
        one.orphans.update(MonotonicTime(WAIT), is_locked=False, follows_orphan=False)
        assert one.orphans.leads
    island.now = MonotonicTime(WAIT)
    island.run(60)
    assert island.strata() == {"a": STRATUM, "b": STRATUM + 1}
    assert reasons(island.machines["a"])["b"] in {"ORPHAN_OUTRANKED", "ORPHAN_FOLLOWER", "NO_SAMPLES"}
    assert reasons(island.machines["b"])["a"] == "ORPHAN_LEADER"


def test_a_real_source_comes_before_any_orphan_and_a_lost_one_is_mourned_for_the_wait() -> None:
    gps, island_b = machine("gps", 0, stratum=1), machine("b", 2)
    island = Island(gps, machine("a", 1), island_b)
    for one in ("a", "b"):
        island.machines[one].ensemble.policy = Policy()
    island.run(400)
    assert island.strata() == {"gps": 1, "a": 2, "b": 2}
    gps.is_up = False
    island.run(250)
    assert STRATUM not in island.strata().values()
    island.run(500)
    assert island.strata() == {"a": STRATUM, "b": STRATUM + 1}
    gps.is_up = True
    island.run(200)
    assert island.strata()["gps"] == 1
    assert sorted(island.strata().values()) == [1, 2, 2]
    assert not island.machines["a"].orphans.leads


@pytest.mark.parametrize("chrony", ["a", "b", "c"])
def test_one_that_leads_at_once_as_chronyd_does_may_be_among_them(chrony: str) -> None:
    island = Island(*(machine(name, at, chrony_rule=name == chrony) for at, name in enumerate("abc", 1)))
    island.run(1500)
    strata = island.strata()
    assert sorted(strata.values()) == [STRATUM, STRATUM + 1, STRATUM + 1]
    assert strata[chrony] == STRATUM  # it was there first; nobody with a lesser identifier had a reason to lead
    assert island.spread() < MILLISECOND


# ---- the selection


def source(name: str, stratum: int, last: int = 9, **others: object) -> Candidate:
    return Candidate(
        name=name,
        offset=MILLISECOND,
        root_distance=MILLISECOND,
        stratum=stratum,
        reference_id=bytes([10, 0, 0, last]),
        own_reference_id=bytes([10, 0, 0, 5]),
        **others,  # type: ignore[arg-type]
    )


def verdicts(orphans: Orphans, *candidates: Candidate) -> list[Reason]:
    return [verdict.reason for verdict in select(candidates, Policy(), None, orphans).verdicts]


def test_orphans_count_only_when_nothing_else_does() -> None:
    orphans = Orphans(STRATUM, WAIT)
    assert verdicts(orphans, source("x", 3), source("y", STRATUM)) == [Reason.BEST, Reason.ORPHAN]
    assert verdicts(orphans, source("z", STRATUM, 7), source("y", STRATUM, 6)) == [
        Reason.ORPHAN_OUTRANKED,
        Reason.ORPHAN_LEADER,
    ]
    assert verdicts(orphans, source("x", STRATUM + 1)) == [Reason.ORPHAN_FOLLOWER]
    orphans.has_source = True
    assert verdicts(orphans, source("y", STRATUM)) == [Reason.ORPHAN]


def test_a_leader_follows_lesser_identifiers_alone() -> None:
    orphans = Orphans(STRATUM, WAIT)
    orphans.leads = True
    assert verdicts(orphans, source("y", STRATUM, 6)) == [Reason.ORPHAN_OUTRANKED]
    assert verdicts(orphans, source("y", STRATUM, 4)) == [Reason.ORPHAN_LEADER]


def test_a_receiver_is_never_an_orphan_whatever_its_stratum() -> None:
    receiver = source("gps", STRATUM, source_class=SourceClass.REFERENCE)
    assert verdicts(Orphans(STRATUM, WAIT), receiver) == [Reason.BEST]


def test_without_orphan_mode_a_stratum_is_just_a_stratum() -> None:
    selection = select([source("x", STRATUM)], Policy())
    assert [verdict.reason for verdict in selection.verdicts] == [Reason.BEST]
    assert not selection.follows_orphan
