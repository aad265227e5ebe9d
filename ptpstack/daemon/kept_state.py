"""What one clock has learnt, over restarts: its frequency, and what holdover knows of its oscillator.

What lives here: the content of the file, and how old it is. What does not: the file (``state_store``), what age does to
knowledge (``servo.holdover_knowledge``).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from hw.clock import Clock
from ptpstack.daemon.events import HoldoverKnowledgeNotUsed, HoldoverKnowledgeRestored
from ptpstack.daemon.state_store import StateStore
from ptpstack.events import Event
from ptpstack.servo.holdover_knowledge import HoldoverKnowledge

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
OLDEST_S = 365 * 86_400.0


class Moment(NamedTuple):
    """When something was saved: in which boot, how long after its begin, and by the system clock."""

    boot_id: str
    boottime_s: float
    utc_s: float

    @classmethod
    def now(cls) -> Moment:
        """Return the present one."""
        try:
            boot_id = BOOT_ID.read_text().strip()
        except OSError:
            boot_id = ""
        return cls(boot_id, time.clock_gettime(time.CLOCK_BOOTTIME), time.time())

    def age_s(self, now: Moment) -> tuple[float, bool]:
        """Return how long before *now* it was, and whether the machine ran on since."""
        if self.boot_id and self.boot_id == now.boot_id:
            return now.boottime_s - self.boottime_s, True
        return now.utc_s - self.utc_s, False


class KeptState:
    """What *store* keeps of a clock. *now* tells the present moment."""

    def __init__(self, store: StateStore, now: Callable[[], Moment] = Moment.now) -> None:
        self.store = store
        self._now = now

    def save(
        self,
        clock: Clock,
        frequency_ppb: float | None,
        knowledge: HoldoverKnowledge | None,
        asymmetries: Sequence[dict[str, Any]] = (),
    ) -> None:
        """Keep what is known of *clock* and of paths to its masters, if anything is. Raises ``OSError``."""
        state: dict[str, Any] = {} if frequency_ppb is None else {"frequency_ppb": frequency_ppb}
        if knowledge is not None:
            state |= {"holdover": msgspec.to_builtins(knowledge), "saved": self._now()._asdict()}
        if asymmetries:
            state["asymmetries"] = list(asymmetries)
        if as_dict := getattr(clock, "as_dict", None):
            state["soft_clock"] = as_dict()
        if state:
            self.store.save(clock.name, state)

    def frequency_ppb(self, clock: Clock) -> float | None:
        """Return the frequency kept for *clock*, if there is one it can run at."""
        frequency_ppb = self.store.load(clock.name).get("frequency_ppb")
        if not isinstance(frequency_ppb, int | float) or not abs(frequency_ppb) <= clock.max_frequency_ppb:
            return None
        return float(frequency_ppb)

    def knowledge(self, clock: Clock) -> tuple[HoldoverKnowledge | None, list[Event]]:
        """Return what holdover knew of *clock*, as it is worth now, and what is to be told of it."""
        state = self.store.load(clock.name)
        if "holdover" not in state:
            return None, []
        try:
            kept = msgspec.convert(state["holdover"], HoldoverKnowledge)
            saved = Moment(**msgspec.convert(state.get("saved"), dict[str, Any]))
            age_s, ran_on = saved.age_s(self._now())
        except (msgspec.ValidationError, TypeError) as error:
            return None, [HoldoverKnowledgeNotUsed(clock=clock.name, reason=f"it cannot be read: {error}")]
        if not kept.is_sound():
            return None, [HoldoverKnowledgeNotUsed(clock=clock.name, reason="its numbers cannot be true")]
        if not 0.0 <= age_s <= OLDEST_S:
            reason = f"by the system clock it was saved {age_s:.0f} s ago"
            return None, [HoldoverKnowledgeNotUsed(clock=clock.name, reason=reason)]
        worth = kept.after(age_s, ran_on=ran_on)
        return worth, [
            HoldoverKnowledgeRestored(
                clock=clock.name,
                age_s=age_s,
                ran_on=ran_on,
                frequency_sigma_ppb=worth.frequency_sigma_ppb,
                ageing_ppb_per_day=worth.state[1] * 86_400.0,
                random_walk_ppb=worth.walk_square**0.5,
            )
        ]
