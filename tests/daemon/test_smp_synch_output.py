"""The file that merging units read."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.smp_synch_output import SmpSynchChanged, SmpSynchOutput
from ptpstack.wire.types import ClockQuality
from tests.core.bench import Bench, slave
from tests.daemon.test_announce_tlvs import Loop


class Clock:
    def __init__(self) -> None:
        self.on_state: list[Any] = []
        self.state = ClockState.ACQUIRING

    def become(self, state: ClockState) -> None:
        self.state = state
        for listener in self.on_state:
            listener(state)


class Events:
    def __init__(self) -> None:
        self.events: list[Any] = []

    def record(self, event: object, _instance: str = "") -> None:
        self.events.append(event)


def output(bench: Bench, path: str) -> tuple[SmpSynchOutput, Clock, Events, Loop]:
    clock, events, loop = Clock(), Events(), Loop()
    made = SmpSynchOutput(
        "main", bench.instance, clock, state=lambda: clock.state, path=path, loop=loop, recorder=events
    )
    made.start()
    return made, clock, events, loop


def test_it_follows_the_clock_at_once_and_ends_as_not_synchronized(tmp_path: Path) -> None:
    file = tmp_path / "smpsynch"
    made, clock, events, _ = output(slave(), str(file))
    assert file.read_text() == "0\n"
    clock.become(ClockState.LOCKED)
    assert file.read_text() == "2\n"
    assert made.as_dict()["value"] == 2
    clock.become(ClockState.HOLDOVER_IN_SPEC)
    assert file.read_text() == "2\n"
    clock.become(ClockState.HOLDOVER_OUT_OF_SPEC)
    assert [event.value for event in events.events if isinstance(event, SmpSynchChanged)] == [2, 0]
    clock.become(ClockState.LOCKED)
    made.stop()
    assert file.read_text() == "0\n"


def test_a_grandmaster_that_degrades_is_local_with_the_next_look(tmp_path: Path) -> None:
    bench = slave()
    file = tmp_path / "smpsynch"
    _, clock, _, loop = output(bench, str(file))
    clock.become(ClockState.LOCKED)
    bench.hear(4, grandmaster_clock_quality=ClockQuality(52, 0xFE, 0xFFFF))
    loop.tick()
    assert file.read_text() == "1\n"


def test_a_file_that_cannot_be_written_is_told_once_and_the_rest_goes_on(tmp_path: Path) -> None:
    made, clock, events, loop = output(slave(), str(tmp_path / "missing" / "smpsynch"))
    clock.become(ClockState.LOCKED)
    loop.tick()
    assert len([event for event in events.events if isinstance(event, Unavailable)]) == 1
    assert made.as_dict()["value"] == 2


def test_a_pipe_that_nobody_reads_is_told_of_and_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "smpsynch"
    os.mkfifo(pipe)
    _, clock, events, _ = output(slave(), str(pipe))
    clock.become(ClockState.LOCKED)
    assert [str(pipe) in event.what for event in events.events if isinstance(event, Unavailable)] == [True]
