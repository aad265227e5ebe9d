"""The state decision algorithm (IEEE 1588-2019 9.3.3, Figure 33): what each port should be, and why.

Pure functions over comparison sets. What follows from a decision (Tables 30 to 33) is done by the
instance, how a port moves by ``port_states.py``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum
from typing import NamedTuple

from ptpstack.core.comparison import ComparisonSet, Ordering, compare


class DecisionCode(Enum):
    """The outcomes of Figure 33."""

    M1 = "M1"
    M2 = "M2"
    M3 = "M3"
    S1 = "S1"
    P1 = "P1"
    P2 = "P2"


class Decision(NamedTuple):
    """A port's recommended state and the comparison that led to it."""

    code: DecisionCode
    rule: str


def best_of(candidates: Mapping[int, ComparisonSet | None]) -> tuple[int, ComparisonSet] | None:
    """Return Ebest with its port number: the best of the ports' Erbest (9.3.2.2), or None."""
    best: tuple[int, ComparisonSet] | None = None
    for port_number, candidate in candidates.items():
        if candidate is not None and (best is None or compare(candidate, best[1]).better):
            best = port_number, candidate
    return best


def decide(  # noqa: PLR0911 (one return for each leaf of the figure)
    d0: ComparisonSet,
    port_number: int,
    erbest: ComparisonSet | None,
    ebest: tuple[int, ComparisonSet] | None,
) -> Decision:
    """Return the decision for one port, as Figure 33 reads from top to bottom."""
    if 1 <= d0.grandmaster_clock_quality.clock_class <= 127:
        if erbest is None:
            return Decision(DecisionCode.M1, "no other master on this port")
        result = compare(d0, erbest)
        return Decision(DecisionCode.M1 if result.better else DecisionCode.P1, result.rule)
    if ebest is None:
        return Decision(DecisionCode.M2, "no other master")
    best_port, best = ebest
    result = compare(d0, best)
    if result.better:
        return Decision(DecisionCode.M2, result.rule)
    if best_port == port_number:
        return Decision(DecisionCode.S1, f"better than the local clock: {compare(best, d0).rule}")
    if erbest is not None:
        versus = compare(best, erbest)
        if versus.ordering is Ordering.BETTER_BY_TOPOLOGY:
            return Decision(DecisionCode.P2, f"port {best_port} is nearer: {versus.rule}")
        return Decision(DecisionCode.M3, f"port {best_port} hears a better master: {versus.rule}")
    return Decision(DecisionCode.M3, f"port {best_port} hears the best master")


def reason_for(best: ComparisonSet, candidates: Iterable[ComparisonSet], d0: ComparisonSet) -> str:
    """Return why *best* was chosen: the comparison with the runner-up, or with the local clock if there is none."""
    others = {number: other for number, other in enumerate(candidates) if other != best}
    runner_up = best_of(others)
    if runner_up is None:
        return f"better than the local clock: {compare(best, d0).rule}"
    return f"better than {runner_up[1].sender}: {compare(best, runner_up[1]).rule}"
