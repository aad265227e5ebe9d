"""What a bench prints and writes: rows of ours beside a peer's, each the median of several rounds."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One metric, smaller is better, over the rounds of one run; *peer* is empty where nobody can do the same."""

    case: str
    metric: str
    unit: str
    ours: Sequence[float]
    peer: Sequence[float] = ()
    peer_name: str = ""
    limit: float | None = None
    ratio_limit: float | None = None

    def ratio(self) -> float | None:
        """Return ours/peer of the medians; None without a peer, or where one is 0 or without end."""
        ours, peer = (_finite(statistics.median(values)) if values else None for values in (self.ours, self.peer))
        return ours / peer if ours is not None and peer else None

    def ratios(self) -> list[float]:
        """Return ours/peer of each round, where both were measured side by side."""
        pairs = zip(self.ours, self.peer, strict=True) if len(self.ours) == len(self.peer) else ()
        return [ours / peer for ours, peer in pairs if peer and math.isfinite(ours) and math.isfinite(peer)]

    def as_dict(self) -> dict[str, object]:
        """Return the row as the JSON file has it."""
        return {
            "case": self.case,
            "metric": self.metric,
            "unit": self.unit,
            "ours": _finite(statistics.median(self.ours)),
            "peer": _finite(statistics.median(self.peer)) if self.peer else None,
            "peer_name": self.peer_name or None,
            "ratio": self.ratio(),
            "ours_spread": [_finite(min(self.ours)), _finite(max(self.ours))],
            "peer_spread": [_finite(min(self.peer)), _finite(max(self.peer))] if self.peer else None,
            "ratio_spread": [min(ratios), max(ratios)] if (ratios := self.ratios()) else None,
            "rounds": len(self.ours),
        }

    def as_text(self) -> str:
        """Return the row as the table shows it: median [min–max]."""
        ratio, ratios = self.ratio(), self.ratios()
        spread = f"[{min(ratios):.2f}–{max(ratios):.2f}]" if ratios else ""
        limit = f"limit {self.limit:g}" if self.limit is not None else ""
        if self.ratio_limit is not None:
            limit += f"limit {self.ratio_limit:g} of {self.peer_name}"
        return (
            f"{self.case:<14} {self.metric:<34} {self.unit:<4} {_median(self.ours):>26}"
            f" {_median(self.peer) + ' ' + self.peer_name if self.peer else '':>34}"
            f" {f'{ratio:.2f}' if ratio is not None else '':>6} {spread:<12} {limit}"
        )


HEADING = f"{'case':<14} {'metric':<34} {'unit':<4} {'ours, median [min–max]':>26} {'peer':>34} {'ratio':>6}"


def _finite(value: float) -> float | None:
    """Return *value*, or None for what JSON has no number for."""
    return value if math.isfinite(value) else None


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.4g} [{min(values):.4g}–{max(values):.4g}]"


def write_json(
    path: Path, rows: Sequence[Row], load: Sequence[Sequence[float]] = (), missing: Sequence[str] = ()
) -> None:
    """Write ``{"rows": […], "load": […], "missing": […]}``, *load* being the machine's, before and after."""
    told = {"rows": [row.as_dict() for row in rows], "load": load, "missing": missing}
    path.write_text(json.dumps(told, indent=2) + "\n")
