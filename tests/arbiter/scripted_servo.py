"""A servo that says what it was told to."""

from ptpstack.servo.interface import ClockCommand, ServoState
from ptpstack.time import LocalTime, TimeInterval


class ScriptedServo:
    """Says what it was told to, one command a sample."""

    joins_both_ways = False
    slew_ppb = 0.0

    def __init__(self) -> None:
        self.script: list[ClockCommand] = []
        self.samples: list[tuple[TimeInterval, LocalTime]] = []
        self.intervals: list[TimeInterval] = []
        self.sources: list[str] = []
        self.beside: list[tuple[str, TimeInterval]] = []
        self.resets: list[bool] = []  # of each, whether the clock was moved
        self.held: list[float] = []

    def room_ppb(self, wanted_ppb: float) -> float:
        return wanted_ppb

    def sample(self, offset: TimeInterval, local: LocalTime, weight: float = 1.0) -> ClockCommand:
        assert weight == 1.0
        self.samples.append((offset, local))
        return self.script.pop(0) if self.script else ClockCommand(ServoState.LOCKED, 10.0)

    def set_sync_interval(self, interval: TimeInterval) -> None:
        self.intervals.append(interval)

    def set_source(self, source: str) -> None:
        self.sources.append(source)

    def sample_beside(self, source: str, offset: TimeInterval) -> None:
        self.beside.append((source, offset))

    def reset(self, *, clock_moved: bool = False) -> None:
        self.resets.append(clock_moved)

    def hold(self, frequency_ppb: float) -> None:
        self.held.append(frequency_ppb)
