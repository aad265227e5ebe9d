"""What a clock has learnt goes over a restart, is worth less with age, and is told; a file that is no use is none."""

import random
from pathlib import Path
from typing import Any

import pytest

from ptpstack.daemon.events import HoldoverKnowledgeNotUsed, HoldoverKnowledgeRestored
from ptpstack.daemon.kept_state import KeptState, Moment
from ptpstack.daemon.state_store import StateStore
from ptpstack.servo.holdover import BLOCK_S, Holdover
from ptpstack.servo.holdover_knowledge import RETRACE_PPB, HoldoverKnowledge
from tests.daemon.fakes import FakeClock

KNOWN = HoldoverKnowledge(
    state=[-5_000.0, 1e-6, 0.0],
    covariance=[[1e-4, 0.0, 0.0], [0.0, 1e-14, 0.0], [0.0, 0.0, 0.0]],
    walk_square=1e-6,
    white_square=1e-4,
    levels=[[500.0, 1.0, 40.0]] * 14,
)
SAVED = Moment("this boot", 1_000.0, 1.8e9)


def kept(directory: Path, later_s: float = 0.0, boot_id: str = SAVED.boot_id, **state: Any) -> KeptState:
    store = StateStore(str(directory))
    if state:
        store.save(FakeClock().name, state)
    boottime_s = SAVED.boottime_s + later_s if boot_id == SAVED.boot_id else 5.0
    return KeptState(store, lambda: Moment(boot_id, boottime_s, SAVED.utc_s + later_s))


def test_what_is_saved_comes_back_and_says_how_old_it_is(tmp_path: Path) -> None:
    kept(tmp_path).save(FakeClock(), 12.5, KNOWN)
    again = kept(tmp_path, later_s=60.0)
    assert again.frequency_ppb(FakeClock()) == 12.5
    knowledge, (event,) = again.knowledge(FakeClock())
    assert knowledge == KNOWN.after(60.0, ran_on=True)
    assert isinstance(event, HoldoverKnowledgeRestored)
    assert (event.age_s, event.ran_on) == (60.0, True)
    assert "60 s ago (the machine ran on)" in str(event)


def test_after_a_day_it_is_worth_less_and_after_a_power_cycle_its_frequency_nothing() -> None:
    day = KNOWN.after(86_400.0, ran_on=True)
    assert day.state[0] == pytest.approx(-5_000.0 + 86_400.0 * 1e-6)
    assert day.frequency_sigma_ppb > 20 * KNOWN.frequency_sigma_ppb
    assert day.levels[0][0] == pytest.approx(500.0 * 0.967, rel=0.01)
    assert KNOWN.after(86_400.0, ran_on=False).frequency_sigma_ppb == pytest.approx(RETRACE_PPB, rel=0.01)
    assert KNOWN.after(120 * 86_400.0, ran_on=True).levels[0][0] < 12  # too few to state a bound


def test_another_boot_is_noticed(tmp_path: Path) -> None:
    kept(tmp_path).save(FakeClock(), 12.5, KNOWN)
    knowledge, (event,) = kept(tmp_path, later_s=300.0, boot_id="another").knowledge(FakeClock())
    assert knowledge == KNOWN.after(300.0, ran_on=False)
    assert "restarted" in str(event)


SAVED_FILE = {"boot_id": "b", "boottime_s": 1.0, "utc_s": SAVED.utc_s}
GOOD = {
    "state": KNOWN.state,
    "covariance": KNOWN.covariance,
    "walk_square": 1e-6,
    "white_square": 1e-4,
    "levels": KNOWN.levels,
}


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"holdover": "rubbish", "saved": SAVED_FILE}, "cannot be read"),
        ({"holdover": GOOD}, "cannot be read"),
        ({"holdover": GOOD, "saved": {"utc_s": 1.0}}, "cannot be read"),
        ({"holdover": GOOD | {"state": [1.0]}, "saved": SAVED_FILE}, "cannot be true"),
        ({"holdover": GOOD | {"walk_square": -1.0}, "saved": SAVED_FILE}, "cannot be true"),
        ({"holdover": GOOD | {"covariance": [[1.0, 2.0, 0.0]] * 3}, "saved": SAVED_FILE}, "cannot be true"),
        ({"holdover": GOOD | {"levels": [[1.0, 0.0]]}, "saved": SAVED_FILE}, "cannot be true"),
        ({"holdover": GOOD, "saved": SAVED_FILE | {"utc_s": SAVED.utc_s + 100}}, "saved -100 s ago"),
        ({"holdover": GOOD, "saved": SAVED_FILE | {"utc_s": 0.0}}, "s ago"),
    ],
)
def test_what_is_no_use_is_told_and_not_used(tmp_path: Path, state: dict[str, Any], reason: str) -> None:
    knowledge, (event,) = kept(tmp_path, **state).knowledge(FakeClock())
    assert knowledge is None
    assert isinstance(event, HoldoverKnowledgeNotUsed)
    assert reason in str(event)


def test_nothing_kept_is_nothing_to_tell(tmp_path: Path) -> None:
    assert kept(tmp_path).knowledge(FakeClock()) == (None, [])


def test_this_machine_tells_its_boot() -> None:
    first, second = Moment.now(), Moment.now()
    age_s, ran_on = first.age_s(second)
    assert ran_on
    assert 0 <= age_s < 1


def test_what_an_oscillator_taught_is_kept_though_its_numbers_are_rounded(tmp_path: Path) -> None:
    holdover, noise = Holdover(), random.Random(1)
    for block in range(450):
        holdover.add(20_000.0 * BLOCK_S * block + noise.gauss(0.0, 4.0), 16.0)
    learnt = holdover.knowledge()
    assert learnt is not None
    assert learnt.covariance[0][1] != learnt.covariance[1][0]
    kept(tmp_path).save(FakeClock(), None, learnt)
    known, _ = kept(tmp_path).knowledge(FakeClock())
    assert known is not None
    assert known.state == pytest.approx(learnt.state)
