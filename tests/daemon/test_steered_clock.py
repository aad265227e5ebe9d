"""A clock that is steered on a host that stops between any two lines: what others did is told, and nothing else."""

import contextlib
from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hw.timestamping import Timestamping
from ptpstack.daemon import steered_clock as steered_clock_module
from ptpstack.daemon.events import ClockMovedByOthers
from ptpstack.daemon.steered_clock import SteeredClock
from ptpstack.events import Event
from ptpstack.servo.sanity import ClockCheck
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime, TimeInterval
from tests.daemon.fakes import Workshop

EPOCH = 1_800_000_000 * SECOND
FASTEST_PPB = 1e8


class SlowHost:
    """A host whose clocks run while it does anything; the next pauses it makes are *pauses*, the others none."""

    name = "slow"
    stamping = Timestamping.HARDWARE
    max_frequency_ppb = FASTEST_PPB

    def __init__(self) -> None:
        self.pauses: list[TimeInterval] = []
        self.raw, self.local, self.set_to_ppb = 0, EPOCH, 0.0
        self.shop = Workshop()
        self.steered = SteeredClock(self, ClockCheck(0), self.record, None)

    def record(self, events: Sequence[Event]) -> None:
        for event in events:
            self.shop.recorder.record(event)

    def pause(self, length: TimeInterval = 0) -> None:
        length = length or (self.pauses.pop(0) if self.pauses else 0)
        self.raw += length
        self.local += length + round(length * self.set_to_ppb * 1e-9)

    def raw_now(self) -> MonotonicTime:
        self.pause()
        return MonotonicTime(self.raw)

    def time(self) -> LocalTime:
        self.pause()
        return LocalTime(self.local)

    def local_time(self, stamp_ns: int) -> LocalTime:
        raise NotImplementedError

    def frequency_ppb(self) -> float:
        self.pause()
        return self.set_to_ppb

    def set_frequency(self, ppb: float) -> None:
        self.pause()
        self.set_to_ppb = ppb
        self.pause()

    def step(self, delta: TimeInterval) -> None:
        self.pause()
        self.local += delta
        self.pause()

    def close(self) -> None:
        self.shop.loop.close()

    def told(self) -> list[ClockMovedByOthers]:
        return self.shop.events(ClockMovedByOthers)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHost]:
    with watched(monkeypatch) as host:
        yield host


@contextlib.contextmanager
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[SlowHost]:
    """Yield a host whose clock was looked at once."""
    host = SlowHost()
    monkeypatch.setattr(steered_clock_module, "raw_now", host.raw_now)
    host.steered.begin()
    host.steered.look()
    yield host
    host.close()


frequencies = st.floats(-FASTEST_PPB, FASTEST_PPB)
pauses = st.lists(st.integers(0, 3 * SECOND), max_size=12)


@given(commands=st.lists(st.tuples(frequencies, st.sampled_from([0, SECOND, -SECOND]), pauses), max_size=6))
def test_nobody_is_accused_on_a_host_that_stops_anywhere(
    commands: list[tuple[float, TimeInterval, list[TimeInterval]]],
) -> None:
    with pytest.MonkeyPatch.context() as patch, watched(patch) as host:
        for frequency_ppb, step, host.pauses in commands:
            host.steered.set_frequency(frequency_ppb)
            if step:
                host.steered.step(step)
            host.steered.look()
        assert host.told() == []


def test_a_frequency_that_is_set_long_after_the_look_counts_from_then_on(host: SlowHost) -> None:
    host.pause(3 * SECOND)  # what was seen is being thought over
    host.steered.set_frequency(1e7)
    host.pause(SECOND // 8)
    host.steered.look()
    assert host.told() == []


def test_what_others_did_meanwhile_is_seen_at_the_next_look(host: SlowHost) -> None:
    host.pause(3 * SECOND)
    host.steered.set_frequency(1e7)
    host.pause(SECOND // 8)
    host.local += 10 * MILLISECOND
    host.steered.look()
    assert [event.moved_ns for event in host.told()] == [10_000_000.0]


def test_a_clock_that_others_let_run_away_is_told_at_the_next_look(host: SlowHost) -> None:
    host.steered.set_frequency(0.0)
    host.set_to_ppb = 1e7
    host.pause(SECOND)
    host.steered.read_back()
    host.steered.look()
    assert [event.moved_ns for event in host.told()] == [10_000_000.0]
    host.pause(SECOND)
    host.steered.look()
    assert len(host.told()) == 1
