"""A process beside this one that ends is started again, and the loop waits for none of it."""

import os
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


def test_settings_longer_than_a_pipe_are_told_without_waiting_for_one_that_is_busy(shop: Workshop) -> None:
    told: list[dict[str, Any]] = []
    busy, go_on = os.pipe()
    octets = 3_000_000
    child = ChildProcess(
        "busy",
        "tests.daemon.busy_child",
        lambda: b"%d\n%s" % (busy, b"x" * octets),
        fds=[busy],
        loop=shop.loop,
        recorder=shop.recorder,
    )
    child.take = told.append
    child.start()
    os.write(go_on, b"!")
    try:
        while not told:
            shop.run_for(0.05)
    finally:
        child.stop()
        os.close(busy)
        os.close(go_on)
    assert told == [{"octets": octets + 1, "was_told": True}]
    assert shop.events(ProcessEnded) == []


def test_one_that_ends_before_it_has_read_long_settings_is_started_again(shop: Workshop) -> None:
    child = ChildProcess(
        "gone", "tests.daemon.no_such", lambda: b"x" * 3_000_000, loop=shop.loop, recorder=shop.recorder
    )
    child.start()
    try:
        while child.starts < 2:
            shop.run_for(0.05)
    finally:
        child.stop()
    assert {ended.why for ended in shop.events(ProcessEnded)} == {"code 1"}


def test_one_that_has_not_read_its_long_settings_can_be_stopped(shop: Workshop) -> None:
    busy, go_on = os.pipe()
    child = ChildProcess(
        "busy",
        "tests.daemon.busy_child",
        lambda: b"%d\n%s" % (busy, b"x" * 3_000_000),
        fds=[busy],
        loop=shop.loop,
        recorder=shop.recorder,
    )
    child.start()
    os.write(go_on, b"!")
    child.stop()
    os.close(busy)
    os.close(go_on)
    assert child.pid is None
