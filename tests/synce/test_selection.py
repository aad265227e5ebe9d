"""The selection process of ITU-T G.781: quality, then priority; hold-off, time to restore, and commands."""

import pytest

from ptpstack.synce.events import FrequencySourceSelected, QualityLevelChanged, SelectionCommanded
from ptpstack.synce.quality_level import quality_levels
from ptpstack.synce.selection import Command, CommandError, FrequencySource, Selection
from ptpstack.time import MILLISECOND, SECOND, MonotonicTime

LEVELS = quality_levels(1)
WAIT, HOLD_OFF = 300 * SECOND, 300 * MILLISECOND


class Bench:
    def __init__(self, own: str = "EEC1", **priorities: int) -> None:
        sources = [FrequencySource(name, priority) for name, priority in (priorities or {"a": 1, "b": 2}).items()]
        self.selection = Selection(sources, LEVELS, LEVELS.named(own), wait_to_restore=WAIT, hold_off=HOLD_OFF)
        self.now = MonotonicTime(1000 * SECOND)
        self.events: list[object] = []

    def hear(self, **levels: str) -> None:
        for name, level in levels.items():
            self.events += self.selection.heard(name, LEVELS.named(level), self.now)

    def fail(self, name: str) -> None:
        self.events += self.selection.failed(name, "link down", self.now)

    def wait(self, seconds: float) -> None:
        end = self.now + round(seconds * SECOND)
        while (deadline := self.selection.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            self.events += self.selection.handle_deadline(self.now)
        self.now = end

    def command(self, command: Command, name: str = "") -> None:
        self.events += self.selection.command(command, name, self.now)

    @property
    def selected(self) -> str | None:
        return self.selection.selected.name if self.selection.selected else None


@pytest.mark.parametrize(
    ("a", "b", "selected"),
    [
        ("PRC", "PRC", "a"),
        ("SSU-A", "PRC", "b"),
        ("PRTC", "ePRTC", "b"),
        ("PRC", "PRTC", "b"),
        ("DNU", "SSU-B", "b"),
        ("EEC1", "DNU", "a"),
        ("DNU", "DNU", None),
    ],
)
def test_quality_decides_then_priority(a: str, b: str, selected: str | None) -> None:
    bench = Bench()
    bench.hear(a=a, b=b)
    assert bench.selected == selected


def test_every_pair_of_levels_the_better_one_wins_in_both_options() -> None:
    for option in (1, 2):
        levels = quality_levels(option)
        own = levels.named(levels.names[-2])
        for better, name_a in enumerate(levels.names[:-1]):
            for name_b in levels.names[better + 1 : -1]:
                pair = [FrequencySource("a", 9), FrequencySource("b", 1)]
                selection = Selection(pair, levels, own, wait_to_restore=0, hold_off=0)
                selection.heard("b", levels.named(name_b), MonotonicTime(0))
                selection.heard("a", levels.named(name_a), MonotonicTime(0))
                assert selection.selected is pair[0], (option, name_a, name_b)


def test_the_choice_tells_its_rule() -> None:
    bench = Bench()
    bench.hear(a="SSU-A", b="PRC")
    rules = [str(event) for event in bench.events if isinstance(event, FrequencySourceSelected)]
    assert rules == [
        "SyncE: frequency from a, QL-SSU-A: nothing else is usable",
        "SyncE: frequency from b, QL-PRC: QL-PRC is better than QL-SSU-A of a",
    ]


def test_what_is_worse_than_the_own_oscillator_is_not_used() -> None:
    levels = quality_levels(2)
    selection = Selection([FrequencySource("a", 1)], levels, levels.named("EEC2"), wait_to_restore=0, hold_off=0)
    selection.heard("a", levels.named("SMC"), MonotonicTime(0))
    assert selection.selected is None
    assert selection.rule == "no source is as good as the own QL-EEC2"


def test_equals_are_not_changed_for_each_other() -> None:
    bench = Bench(a=1, b=1)
    bench.hear(b="PRC")
    bench.hear(a="PRC")
    assert bench.selected == "b"


def test_a_short_failure_is_held_off_and_a_long_one_is_not() -> None:
    bench = Bench()
    bench.hear(a="PRC", b="SSU-A")
    bench.fail("a")
    bench.wait(0.2)
    assert bench.selected == "a"
    bench.hear(a="PRC")
    bench.wait(1)
    assert bench.selected == "a"
    bench.fail("a")
    bench.wait(0.4)
    assert bench.selected == "b"
    changed = [event for event in bench.events if isinstance(event, QualityLevelChanged)][-1]
    assert str(changed) == "a: QL-PRC to QL-FAILED: link down"


def test_a_source_that_is_back_waits_and_a_first_one_does_not() -> None:
    bench = Bench()
    bench.hear(a="PRC", b="SSU-A")
    assert bench.selected == "a"
    bench.fail("a")
    bench.wait(1)
    bench.hear(a="PRC")
    bench.wait(299)
    assert bench.selected == "b"
    bench.wait(2)
    assert bench.selected == "a"


def test_a_failure_while_it_waits_begins_the_time_anew() -> None:
    bench = Bench()
    bench.hear(a="PRC", b="SSU-A")
    bench.fail("a")
    bench.wait(1)
    bench.hear(a="PRC")
    bench.wait(200)
    bench.fail("a")
    bench.wait(1)
    bench.hear(a="PRC")
    bench.wait(200)
    assert bench.selected == "b"


def test_another_level_counts_at_once() -> None:
    bench = Bench()
    bench.hear(a="PRC", b="PRC")
    bench.hear(a="DNU")
    assert bench.selected == "b"
    bench.hear(a="PRC")
    assert bench.selected == "a"


class TestCommands:
    def test_lockout(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="PRC")
        bench.command(Command.LOCKOUT, "a")
        assert bench.selected == "b"
        bench.command(Command.CLEAR_LOCKOUT, "a")
        assert bench.selected == "a"

    def test_a_forced_switch_holds_against_better_levels_and_goes_into_holdover_with_its_source(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="SSU-B")
        bench.command(Command.FORCED_SWITCH, "b")
        assert bench.selected == "b"
        bench.fail("b")
        bench.wait(1)
        assert bench.selected is None
        assert bench.selection.rule == "forced switch to b, which is QL-FAILED"
        bench.command(Command.CLEAR)
        assert bench.selected == "a"

    def test_a_manual_switch_ends_when_something_better_comes(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="PRC")
        bench.command(Command.MANUAL_SWITCH, "b")
        assert bench.selected == "b"
        bench.hear(a="PRTC")
        assert bench.selected == "a"
        over = [event for event in bench.events if isinstance(event, SelectionCommanded)][-1]
        assert str(over) == "SyncE: manual-switch b: over: a is better: QL-PRTC"
        bench.hear(a="PRC")
        assert bench.selected == "a"

    def test_a_manual_switch_to_a_lesser_level_is_refused(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="SSU-A")
        with pytest.raises(CommandError, match="a is better: QL-PRC"):
            bench.command(Command.MANUAL_SWITCH, "b")

    def test_a_manual_switch_to_what_the_own_oscillator_surpasses_is_refused(self) -> None:
        bench = Bench(own="SSU-B")
        bench.hear(a="EEC1")
        with pytest.raises(CommandError, match="the own QL-SSU-B is better"):
            bench.command(Command.MANUAL_SWITCH, "a")

    def test_a_lockout_ends_the_switch_to_that_source(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="SSU-B")
        bench.command(Command.FORCED_SWITCH, "b")
        bench.command(Command.LOCKOUT, "b")
        assert bench.selected == "a"

    def test_waiting_may_be_cut_short(self) -> None:
        bench = Bench()
        bench.hear(a="PRC", b="SSU-A")
        bench.fail("a")
        bench.wait(1)
        bench.hear(a="PRC")
        bench.command(Command.CLEAR_WAIT_TO_RESTORE, "a")
        assert bench.selected == "a"

    def test_an_unknown_source_is_told(self) -> None:
        with pytest.raises(CommandError, match='no frequency source "x"'):
            Bench().command(Command.LOCKOUT, "x")

    def test_a_locked_out_source_cannot_be_forced(self) -> None:
        bench = Bench()
        bench.command(Command.LOCKOUT, "a")
        with pytest.raises(CommandError, match="locked out"):
            bench.command(Command.FORCED_SWITCH, "a")
