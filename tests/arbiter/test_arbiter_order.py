"""Of several instances on one clock the one with the better grandmaster steers, where that is the order."""

import pytest
from msgspec.structs import replace

from ptpstack.arbiter.arbiter_settings import ArbiterSettings
from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.events import WriterChosen
from ptpstack.engine.outputs import GrandmasterRank
from ptpstack.servo.interface import ServoState
from ptpstack.time import SECOND
from tests.arbiter.test_clock_arbiter import LOCAL, at, measurement

GOOD = GrandmasterRank(6, 0x21, 1)


def hear(arbiter: ClockArbiter, name: str, second: float, rank: GrandmasterRank | None) -> Verdict:
    verdict, events = arbiter.judge(name, replace(measurement(), rank=rank), LOCAL, at(second))
    assert all(event.rule == arbiter.rule for event in events if isinstance(event, WriterChosen))
    return verdict


@pytest.mark.parametrize(
    ("a", "b", "by_quality", "by_configuration"),
    [
        (GOOD, GOOD, "a", "a"),
        (GOOD, GOOD._replace(clock_class=7), "a", "a"),
        (GOOD._replace(clock_class=7), GOOD, "b", "a"),
        (GOOD._replace(clock_accuracy=0x23), GOOD, "b", "a"),
        (GOOD._replace(steps_removed=2), GOOD, "b", "a"),
        (GOOD._replace(steps_removed=9), GOOD._replace(clock_accuracy=0x22), "a", "a"),
        (GOOD._replace(clock_accuracy=0xFE), GOOD._replace(clock_class=248), "a", "a"),
    ],
)
@pytest.mark.parametrize("first", ["a", "b"])
def test_class_then_accuracy_then_distance_decide_and_the_file_where_they_are_equal(
    a: GrandmasterRank, b: GrandmasterRank, by_quality: str, by_configuration: str, first: str
) -> None:
    for order, writer in (("quality", by_quality), ("configuration", by_configuration)):
        arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(order=order))  # type: ignore[arg-type] (the table's words)
        ranks = {"a": a, "b": b}
        for name in (first, *(ranks.keys() - {first}), first):
            hear(arbiter, name, 0, ranks[name])
        assert arbiter.writer == writer


def test_what_tells_no_rank_keeps_its_place() -> None:
    arbiter = ClockArbiter("soft", ["source.gnss", "a", "b", "ntp"], settings=ArbiterSettings(order="quality"))
    for name, rank, writer in (
        ("ntp", None, "ntp"),
        ("a", GOOD._replace(clock_class=52), "a"),
        ("b", GOOD, "b"),
        ("source.gnss", None, "source.gnss"),
        ("b", GOOD, "source.gnss"),
    ):
        hear(arbiter, name, 0, rank)
        assert arbiter.writer == writer


def test_one_that_becomes_better_takes_a_locked_clock_after_a_while_and_says_by_what() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(return_after=5 * SECOND, order="quality"))
    hear(arbiter, "a", 0, GOOD)
    arbiter.servo_moved(ServoState.LOCKED)
    for second in range(1, 30):
        hear(arbiter, "a", second, GOOD._replace(clock_class=7 if second >= 10 else 6))
        hear(arbiter, "b", second, GOOD)
        assert arbiter.writer == ("b" if second >= 15 else "a")
    assert arbiter.rule == (
        "its grandmaster (clockClass 6, clockAccuracy 0x21, stepsRemoved 1) is better than that of a "
        "(clockClass 7, clockAccuracy 0x21, stepsRemoved 1), for 5 s without a break"
    )


def test_a_grandmaster_that_flaps_moves_nothing() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(return_after=5 * SECOND, order="quality"))
    hear(arbiter, "a", 0, GOOD)
    arbiter.servo_moved(ServoState.LOCKED)
    for second in range(1, 60):
        hear(arbiter, "a", second, GOOD)
        hear(arbiter, "b", second, GOOD._replace(clock_class=6, steps_removed=0 if second // 3 % 2 else 2))
        assert arbiter.writer == "a"


def test_one_that_flaps_among_the_worse_ones_holds_nobody_up() -> None:
    arbiter = ClockArbiter("soft", ["a", "b", "c"], settings=ArbiterSettings(return_after=5 * SECOND, order="quality"))
    hear(arbiter, "a", 0, GOOD._replace(clock_class=7))
    arbiter.servo_moved(ServoState.LOCKED)
    for second in range(1, 10):
        hear(arbiter, "a", second, GOOD._replace(clock_class=7))
        hear(arbiter, "b", second, GOOD)
        hear(arbiter, "c", second, GOOD._replace(clock_class=248, steps_removed=second))
        assert arbiter.writer == ("b" if second >= 6 else "a")


def test_the_better_one_that_falls_silent_gives_way() -> None:
    arbiter = ClockArbiter("soft", ["a", "b"], settings=ArbiterSettings(order="quality"))
    hear(arbiter, "a", 0, GOOD._replace(clock_class=7))
    hear(arbiter, "b", 0, GOOD)
    assert arbiter.writer == "b"
    hear(arbiter, "a", 9, GOOD._replace(clock_class=7))
    assert (arbiter.writer, arbiter.rule) == ("a", "b fell silent")
