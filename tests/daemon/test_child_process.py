"""A process beside this one that ends is started again, and the loop waits for none of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from ptpstack.daemon.child_process import GRACE, ChildProcess, ProcessEnded
from ptpstack.daemon.loop import monotonic_now
from ptpstack.time import MILLISECOND
from tests.daemon.fakes import Workshop


@pytest.fixture
def shop() -> Iterator[Workshop]:
    shop = Workshop()
    yield shop
    shop.loop.close()


def test_one_that_closes_its_stdout_and_lingers_is_killed_while_the_loop_goes_on(shop: Workshop) -> None:
    ticks = 0
    at_bye: list[int] = []

    def tick() -> None:
        nonlocal ticks
        ticks += 1
        timer.set(monotonic_now() + MILLISECOND)

    def take(said: dict[str, Any]) -> None:
        assert said == {"bye": 1}
        at_bye.append(ticks)

    timer = shop.loop.timer(tick)
    timer.set(monotonic_now())
    child = ChildProcess(
        "lingering", "tests.daemon.lingering_child", lambda: b"{}", loop=shop.loop, recorder=shop.recorder
    )
    child.take = take
    child.start()
    try:
        while not shop.events(ProcessEnded):
            shop.run_for(0.05)
        [ended] = shop.events(ProcessEnded)
        assert ended.why == "signal SIGKILL"
        assert ticks - at_bye[0] > 10, f"of {GRACE // MILLISECOND} ms the loop had but a few"
    finally:
        child.stop()
