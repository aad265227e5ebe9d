"""What was measured of NTP servers, kept over a restart of this program: it begins where it ended, with fewer requests.

Samples mean something only as long as the clock ran on as it was left: on the same boot, not stepped meanwhile; and
from a source that proved itself then as it does now. What
does not live here: the frequency, which the clock's own driver keeps.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from ntp.client.association import Association
from ntp.client.sample import Sample, StampSource
from ptpstack.daemon.state_store import StateStore
from ptpstack.events import Event, Severity
from ptpstack.time import MILLISECOND, NANOSECOND, MonotonicTime, TimeInterval, UtcTime
from ptpstack.words import counted

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
MOVED: TimeInterval = 2 * MILLISECOND
"""A clock that is so far from where it would have run to was set meanwhile."""

PLAUSIBLE_RATE = 10_000
_NUMBERS = ("local", "at", "offset", "delay", "dispersion", "root_delay", "root_dispersion")
_STAMPS = {source.label: source for source in StampSource}


class SamplesRestored(Event, frozen=True, kw_only=True):
    """A source is known from before a restart."""

    severity: ClassVar[Severity] = Severity.NOTICE

    source: str
    samples: int
    newest_s_ago: float

    def __str__(self) -> str:
        samples = counted(self.samples, "sample")
        return f"NTP source {self.source}: {samples} from before, the newest {self.newest_s_ago:.0f} s old"


class NtpMemory:
    """Keeps what is known in *store*, of the clock called *clock*."""

    def __init__(self, store: StateStore, clock: str, *, boot_id: str | None = None) -> None:
        self._store = store
        self._name = f"ntp_{clock}"
        self._boot_id = _boot_id() if boot_id is None else boot_id
        self._kept: dict[str, Any] = store.load(self._name)

    def save(self, associations: Mapping[str, Association], local: UtcTime, frequency_ppb: float) -> None:
        """Keep *associations* of a clock that reads *local* now and runs at *frequency_ppb*. Raises ``OSError``."""
        sources = {
            name: {
                "poll": association.poll.exponent,
                "proof": association.proof,
                "samples": [_as_list(one) for one in association.samples],
            }
            for name, association in associations.items()
            if len(association.samples)
        }
        if sources:
            raw_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
            clock = {"local": int(local), "raw_ns": raw_ns, "frequency_ppb": frequency_ppb}
            self._store.save(self._name, {"boot_id": self._boot_id, **clock, "sources": sources})

    def restore(
        self, name: str, association: Association, local: UtcTime, frequency_ppb: float, now: MonotonicTime
    ) -> list[Event]:
        """Give *association* what was kept of *name*, if the clock, which reads *local* now, ran on since."""
        kept = self._kept
        try:
            if not self._ran_on(local):
                return []
            source = kept["sources"][name]
            if source["proof"] != association.proof:  # what anybody could have said proves nothing now
                return []
            samples = [_from_list(values) for values in source["samples"]]
            change_ppb = frequency_ppb - float(kept["frequency_ppb"])
            association.restore(samples, int(source["poll"]))
            association.frequency_changed(change_ppb, UtcTime(int(kept["local"])))
        except (KeyError, TypeError, ValueError, IndexError):
            return []
        newest_s_ago = (now - samples[-1].at) / (NANOSECOND * 1_000_000_000)
        return [SamplesRestored(source=name, samples=len(samples), newest_s_ago=newest_s_ago)]

    def _ran_on(self, local: UtcTime) -> bool:
        kept = self._kept
        if not self._boot_id or kept.get("boot_id") != self._boot_id:
            return False
        elapsed = (time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - int(kept["raw_ns"])) * NANOSECOND
        moved = int(local) - int(kept["local"]) - elapsed
        return elapsed >= 0 and abs(moved) <= MOVED + elapsed // PLAUSIBLE_RATE


def _as_list(sample: Sample) -> list[Any]:
    return [*(int(getattr(sample, name)) for name in _NUMBERS), sample.interleaved, sample.stamps.label]


def _from_list(values: list[Any]) -> Sample:
    local, at, *rest, interleaved, stamps = values
    offset, delay, dispersion, root_delay, root_dispersion = (int(value) for value in rest)
    return Sample(
        local=UtcTime(int(local)),
        at=MonotonicTime(int(at)),
        offset=offset,
        delay=delay,
        dispersion=dispersion,
        root_delay=root_delay,
        root_dispersion=root_dispersion,
        interleaved=bool(interleaved),
        stamps=_STAMPS[stamps],
    )


def _boot_id() -> str:
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return ""
