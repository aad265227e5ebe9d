"""Assisted partial timing: how asymmetric a path is, learnt while something better steers, used when that is lost.

While a source of pulses steers the clock, what an instance measures is not the clock's error but its path's: half of
what one way takes longer than the other. Its mean is taken off the instance's measurements from then on. So PTP over a
network without timing support keeps the clock when the receiver fails (ITU-T G.8275.2, T-BC-A and T-TSC-A).

What lives here: the figures of each path. What does not: when they are learnt and used (``clock_discipline``).
"""

from __future__ import annotations

import math
from typing import Any

import msgspec
from msgspec.structs import replace

from ptpstack.arbiter.events import AssistedPathChanged, AsymmetryLearnt, AsymmetryUsed
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.servo.holdover import COVERAGE
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_from_ns, interval_to_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

BLOCK: TimeInterval = 10 * SECOND
"""Means over this time are the samples: what is faster is noise that the servo takes away."""
BLOCKS_NEEDED = 30
MEMORY_BLOCKS = 360
"""An hour: a path that changed is learnt anew in about that time."""
CHANGE_SIGMAS, LEAST_CHANGE_NS = 6.0, 200.0
"""A mean path delay that differs by more belongs to another path."""
PATHS = 16
KEPT = ("blocks", "asymmetry_ns", "asymmetry_variance", "delay_ns", "delay_variance")
"""What of a path outlives a restart."""
NEVER_NEGATIVE = ("blocks", "asymmetry_variance", "delay_variance")


class _Block(msgspec.Struct):
    began: MonotonicTime
    offset_ns: float = 0.0
    delay_ns: float = 0.0
    count: int = 0


class Path(msgspec.Struct):
    """One path: means and variances of block means."""

    blocks: int = 0
    asymmetry_ns: float = 0.0
    asymmetry_variance: float = 0.0
    delay_ns: float = 0.0
    delay_variance: float = 0.0
    recent_delay_ns: float = 0.0
    block: _Block | None = None

    @property
    def is_known(self) -> bool:
        """Whether it was watched for long enough."""
        return self.blocks >= BLOCKS_NEEDED

    def add(self, offset_ns: float, delay_ns: float, now: MonotonicTime, *, learns: bool) -> bool:
        """Take a measurement; return whether that ended a block."""
        block = self.block
        if block is None:
            block = self.block = _Block(now)
        block.offset_ns += offset_ns
        block.delay_ns += delay_ns
        block.count += 1
        if now - block.began < BLOCK:
            return False
        self.block = None
        self.recent_delay_ns = block.delay_ns / block.count
        if learns:
            self._learn(block.offset_ns / block.count, self.recent_delay_ns)
        return True

    def _learn(self, offset_ns: float, delay_ns: float) -> None:
        self.blocks += 1
        share = 1.0 / min(self.blocks, MEMORY_BLOCKS)
        for name, value in (("asymmetry", offset_ns), ("delay", delay_ns)):
            mean, variance = getattr(self, f"{name}_ns"), getattr(self, f"{name}_variance")
            error = value - mean
            setattr(self, f"{name}_ns", mean + share * error)
            setattr(self, f"{name}_variance", (1.0 - share) * (variance + share * error * error))

    @property
    def delay_change_ns(self) -> float:
        """By how much the mean delay has left what it was while the asymmetry was learnt, 0 within its noise."""
        change = abs(self.recent_delay_ns - self.delay_ns)
        noise = max(LEAST_CHANGE_NS, CHANGE_SIGMAS * math.sqrt(self.delay_variance))
        return change if self.is_known and change > noise else 0.0

    @property
    def bound_ns(self) -> float:
        """Return how far the asymmetry may be from what was learnt.

        A way that got longer by d adds d/2 to the mean delay and to the asymmetry, so its change bounds that of the
        asymmetry; that one way got longer and the other shorter by the same is not seen.
        """
        return COVERAGE * math.sqrt(self.asymmetry_variance) + self.delay_change_ns


class PathAsymmetries:
    """The paths of the *assisted* instances; *references* steer the clock while these learn."""

    def __init__(self, assisted: frozenset[str] = frozenset(), references: frozenset[str] = frozenset()) -> None:
        self.assisted = assisted
        self.references = references
        self._paths: dict[tuple[str, PortIdentity], Path] = {}
        self._used: tuple[str, PortIdentity] | None = None

    def take(
        self, name: str, measurement: Measurement, now: MonotonicTime, *, clock: str, learns: bool, steers: bool
    ) -> tuple[Measurement, list[Event]]:
        """Take a measurement of an assisted instance and return it without the path's asymmetry, if that is known.

        *learns*: a reference steers the clock, which is locked. *steers*: this instance does.
        """
        key = name, measurement.parent_port_identity
        path = self._path(key)
        events: list[Event] = []
        offset_ns, delay_ns = interval_to_ns(measurement.offset_from_master), interval_to_ns(measurement.mean_delay)
        knew, changed = path.is_known, path.delay_change_ns > 0
        if path.add(offset_ns, delay_ns, now, learns=learns):
            parent = measurement.parent_port_identity
            if path.is_known and not knew:
                figures = {"asymmetry_ns": path.asymmetry_ns, "bound_ns": path.bound_ns, "mean_delay_ns": path.delay_ns}
                events.append(AsymmetryLearnt(clock=clock, instance=name, port_identity=parent, **figures))
            if path.delay_change_ns and not changed and not learns:
                events.append(
                    AssistedPathChanged(
                        clock=clock,
                        instance=name,
                        port_identity=parent,
                        learnt_delay_ns=path.delay_ns,
                        mean_delay_ns=path.recent_delay_ns,
                        bound_ns=path.bound_ns,
                    )
                )
        if not path.is_known:
            return measurement, events
        if steers and self._used != key:
            events.append(
                AsymmetryUsed(
                    clock=clock,
                    instance=name,
                    port_identity=measurement.parent_port_identity,
                    asymmetry_ns=path.asymmetry_ns,
                    bound_ns=path.bound_ns,
                )
            )
        if steers:
            self._used = key
        elif self._used is not None and self._used[0] == name:
            self._used = None
        return without(measurement, interval_from_ns(path.asymmetry_ns)), events

    def bound_ns(self, name: str, parent: PortIdentity | None = None) -> float | None:
        """Return how far the learnt asymmetry of the path in use may be off; None: none is known."""
        key = self._used if parent is None else (name, parent)
        path = self._paths.get(key) if key is not None and key[0] == name else None
        return path.bound_ns if path is not None and path.is_known else None

    def kept(self) -> list[dict[str, Any]]:
        """Return what is known of paths as plain values, to be given to :meth:`restore` after a restart."""
        return [
            {"instance": name, "clock": str(parent.clock_identity), "port": parent.port_number}
            | {field: getattr(path, field) for field in KEPT}
            for (name, parent), path in self._paths.items()
            if path.is_known
        ]

    def restore(self, kept: object) -> None:
        """Take what :meth:`kept` gave before a restart; what is no such thing is left out."""
        for entry in kept[:PATHS] if isinstance(kept, list) else ():
            try:
                parent = PortIdentity(ClockIdentity.from_text(entry["clock"]), int(entry["port"]))
                numbers = {field: float(entry[field]) for field in KEPT}
                name = str(entry["instance"])
            except (KeyError, TypeError, ValueError):
                continue
            possible = all(map(math.isfinite, numbers.values()))
            if name in self.assisted and possible and all(numbers[field] >= 0.0 for field in NEVER_NEGATIVE):
                path = self._path((name, parent))
                path.blocks = min(int(numbers.pop("blocks")), MEMORY_BLOCKS)
                for field, value in numbers.items():
                    setattr(path, field, value)
                path.recent_delay_ns = path.delay_ns

    def as_list(self) -> list[dict[str, Any]]:
        """Return what `ptpstack status` shows."""
        return [
            {
                "instance": name,
                "portIdentity": str(parent),
                "known": path.is_known,
                "asymmetry_ns": path.asymmetry_ns,
                "bound_ns": path.bound_ns,
                "learnt_for_s": path.blocks * BLOCK // SECOND,
                "delay_change_ns": path.delay_change_ns,
            }
            for (name, parent), path in self._paths.items()
        ]

    def _path(self, key: tuple[str, PortIdentity]) -> Path:
        path = self._paths.get(key)
        if path is None:
            while len(self._paths) >= PATHS:
                self._paths.pop(next(other for other in self._paths if other != self._used))
            path = self._paths[key] = Path()
        return path


def without(measurement: Measurement, asymmetry: TimeInterval) -> Measurement:
    """Return *measurement* as it would be over a path that takes as long both ways."""
    return replace(
        measurement,
        offset_from_master=measurement.offset_from_master - asymmetry,
        t1=measurement.t1 + asymmetry,
        t4=None if measurement.t4 is None else measurement.t4 + asymmetry,
    )
