"""A field log under another servo: what the clock did by itself, reconstructed, and then steered anew.

The daemon's event file tells each measured offset and what the clock was set to after it. Taken off again, these
commands leave the offsets that the same clock would have had without a servo, measurement noise included; under the
commands of another servo they become the offsets which that one would have measured. What lives here: this sum. What
does not: anything the log does not tell. The path is as it was measured then; that the other servo would have moved
the instants of Delay_Reqs is left out, and so is everything that happened between samples but is not in the log.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ptpstack.errors import PtpstackError
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.time import (
    LocalTime,
    interval_from_log2_seconds,
    interval_from_ns,
    interval_from_seconds,
)

BEGIN = LocalTime(interval_from_seconds(1_700_000_000))
SAME_OFFSET_NS = 0.01
HOLDING_EVENTS = ("ClockHeld", "FrequencyRestored")
"""Events that tell of a frequency set without a sample."""


class ReplayError(PtpstackError):
    """A log that cannot be replayed."""


@dataclass(frozen=True, slots=True)
class FieldSample:
    """One ``OffsetSample``: *offset_ns* measured, then *frequency_ppb* set and the clock stepped by *step_ns*.

    *reverse_ns* is what the other way of the path changed of it, for servos that join both, with *weight*.
    """

    time_ns: int
    offset_ns: float
    frequency_ppb: float
    state: ServoState
    log_sync_interval: int
    step_ns: float = 0.0
    reverse_ns: float = 0.0
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class EarlierSample:
    """An offset from before the first sample, by *elapsed_s* of the clock, which ran at *frequency_ppb* in between."""

    offset_ns: float
    elapsed_s: float
    frequency_ppb: float


@dataclass(slots=True)
class Recording:
    """The samples by which *instance* steered *clock*, and the frequencies set between them (time in ns, ppb)."""

    instance: str
    clock: str
    samples: list[FieldSample] = field(default_factory=list)
    held: list[tuple[int, float]] = field(default_factory=list)
    earlier: EarlierSample | None = None

    @property
    def found_at_ppb(self) -> float:
        """What the clock was set to before the first sample."""
        return self.earlier.frequency_ppb if self.earlier else self.samples[0].frequency_ppb

    def free_offsets_ns(self) -> NDArray[np.float64]:
        """Return the offset at each sample that the clock would have had if nobody had steered it since the first."""
        offsets, commanded_ns = [], 0.0
        held = iter([*self.held, (1 << 62, 0.0)])
        next_held = next(held)
        since_ns, frequency_ppb = self.samples[0].time_ns, self.samples[0].frequency_ppb
        for sample in self.samples:
            while next_held[0] <= sample.time_ns:
                if next_held[0] > since_ns:
                    commanded_ns += frequency_ppb * (next_held[0] - since_ns) * 1e-9
                    since_ns, frequency_ppb = next_held
                next_held = next(held)
            commanded_ns += frequency_ppb * (sample.time_ns - since_ns) * 1e-9
            offsets.append(sample.offset_ns - commanded_ns)
            commanded_ns += sample.step_ns
            since_ns, frequency_ppb = sample.time_ns, sample.frequency_ppb
        return np.array(offsets)


def recordings(lines: Iterable[str], source: str) -> list[Recording]:
    """Return what the event file *source* tells of each clock that was steered. Raises :class:`ReplayError`."""
    found: dict[tuple[str, str], Recording] = {}
    steps: list[tuple[float, float]] = []  # offset before, step
    earlier: dict[str, EarlierSample] = {}
    for number, event in enumerate(_events(lines, source), 1):
        try:
            kind = event.get("event")
            if kind == "ClockStepped":
                steps.append((float(event["offset_ns"]), float(event["step_ns"])))
            elif kind == "OffsetSample" and event["steering"]:
                name = str(event["instance"]), str(event["clock"])
                found.setdefault(name, Recording(*name, earlier=earlier.pop(name[1], None))).samples.append(
                    _sample(event, steps)
                )
            elif kind == "EarlierOffsetCounted":
                figures = (float(event[figure]) for figure in ("offset_ns", "elapsed_s", "frequency_ppb"))
                earlier[str(event["clock"])] = EarlierSample(*figures)
            elif kind in HOLDING_EVENTS:
                set_to = int(event["monotonic_ns"]), float(event["frequency_ppb"])
                for recording in found.values():
                    if recording.clock == event["clock"]:
                        recording.held.append(set_to)
        except (KeyError, TypeError, ValueError) as error:
            why = f"{event.get('event')} without a usable {error}"
            raise ReplayError("is no event of the daemon", where=f"{source}:{number}", why=why) from error
    usable = [recording for recording in found.values() if len(recording.samples) > 1]
    if not usable:
        raise ReplayError(
            "nothing to replay",
            where=source,
            why="no two OffsetSamples that steered a clock",
            next_step='record with [log] event_file = "FILE" in the daemon\'s configuration',
        )
    return usable


def _events(lines: Iterable[str], source: str) -> Iterator[Mapping[str, Any]]:
    for number, line in enumerate(lines, 1):
        try:
            event = json.loads(line)
        except ValueError as error:
            raise ReplayError("not JSON", where=f"{source}:{number}", why=str(error)) from error
        if not isinstance(event, dict):
            raise ReplayError("not a JSON object", where=f"{source}:{number}")
        yield event


def _sample(event: Mapping[str, Any], steps: list[tuple[float, float]]) -> FieldSample:
    offset_ns = float(event["offset_ns"])
    step = next((step for step in steps if abs(step[0] - offset_ns) < SAME_OFFSET_NS), None)
    if step is not None:
        steps.remove(step)
    joined_ns = event.get("joined_offset_ns")
    return FieldSample(
        int(event["monotonic_ns"]),
        offset_ns,
        float(event["frequency_ppb"]),
        ServoState[event["state"]],
        int(event["log_sync_interval"]),
        step[1] if step else 0.0,
        float(joined_ns) - offset_ns if joined_ns is not None else 0.0,
        float(event.get("weight", 1.0)),
    )


@dataclass(frozen=True, slots=True)
class Course:
    """How a clock went under a servo: time since the first sample, offset and frequency at each."""

    times_s: NDArray[np.float64]
    offsets_ns: NDArray[np.float64]
    frequencies_ppb: NDArray[np.float64]
    locked: NDArray[np.bool_]
    steps: int

    @property
    def locked_from_s(self) -> float | None:
        """When it was locked first."""
        return float(self.times_s[self.locked.argmax()]) if self.locked.any() else None


def recorded(recording: Recording) -> Course:
    """Return how the clock went in the field."""
    samples = recording.samples
    return Course(
        _times_s(recording),
        np.array([sample.offset_ns for sample in samples]),
        np.array([sample.frequency_ppb for sample in samples]),
        np.array([sample.state >= ServoState.LOCKED for sample in samples]),
        sum(sample.step_ns != 0 for sample in samples),
    )


def replay(recording: Recording, servo: Servo) -> Course:
    """Return how the clock would have gone under *servo*, which begins at the frequency that the clock was found at."""
    offsets, frequencies, locked, steps = [], [], [], 0
    commanded_ns, frequency_ppb = 0.0, recording.found_at_ppb
    since_ns, log_sync_interval = recording.samples[0].time_ns, None
    if (earlier := recording.earlier) is not None:
        since_then = interval_from_seconds(earlier.elapsed_s) - interval_from_ns(recording.samples[0].offset_ns)
        servo.sample(interval_from_ns(earlier.offset_ns), BEGIN + -since_then)
    for sample, free_ns in zip(recording.samples, recording.free_offsets_ns().tolist(), strict=True):
        commanded_ns += frequency_ppb * (sample.time_ns - since_ns) * 1e-9
        since_ns = sample.time_ns
        offset = interval_from_ns(free_ns + commanded_ns)
        if sample.log_sync_interval != log_sync_interval:
            log_sync_interval = sample.log_sync_interval
            servo.set_sync_interval(interval_from_log2_seconds(log_sync_interval))
        elapsed = interval_from_ns(sample.time_ns - recording.samples[0].time_ns)
        joined, weight = offset, 1.0
        if servo.joins_both_ways:
            joined, weight = offset + interval_from_ns(sample.reverse_ns), sample.weight
        command = servo.sample(joined, BEGIN + (elapsed + offset), weight)
        offsets.append(free_ns + commanded_ns)
        if command.state is not ServoState.UNLOCKED:
            frequency_ppb = command.frequency_ppb
            commanded_ns += command.step / interval_from_ns(1)
            steps += command.step != 0
        frequencies.append(frequency_ppb)
        locked.append(command.state >= ServoState.LOCKED)
    return Course(_times_s(recording), np.array(offsets), np.array(frequencies), np.array(locked), steps)


def _times_s(recording: Recording) -> NDArray[np.float64]:
    first = recording.samples[0].time_ns
    return np.array([(sample.time_ns - first) * 1e-9 for sample in recording.samples])
