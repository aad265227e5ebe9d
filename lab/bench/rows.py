"""What a bench prints and writes: rows of ours beside a peer's, each the median of several rounds."""

from __future__ import annotations

import json
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

    def ratio(self) -> float | None:
        """Return ours/peer of the medians."""
        return statistics.median(self.ours) / statistics.median(self.peer) if self.peer else None

    def as_dict(self) -> dict[str, object]:
        """Return the row as the JSON file has it."""
        return {
            "case": self.case,
            "metric": self.metric,
            "unit": self.unit,
            "ours": statistics.median(self.ours),
            "peer": statistics.median(self.peer) if self.peer else None,
            "peer_name": self.peer_name or None,
            "ratio": self.ratio(),
            "ours_spread": [min(self.ours), max(self.ours)],
            "peer_spread": [min(self.peer), max(self.peer)] if self.peer else None,
            "rounds": len(self.ours),
        }

    def as_text(self) -> str:
        """Return the row as the table shows it: median [min–max]."""
        ratio, limit = self.ratio(), f"limit {self.limit:g}" if self.limit is not None else ""
        return (
            f"{self.case:<8} {self.metric:<34} {self.unit:<4} {_median(self.ours):>26}"
            f" {_median(self.peer) + ' ' + self.peer_name if self.peer else '':>34}"
            f" {f'{ratio:.2f}' if ratio is not None else '':>6}  {limit}"
        )


HEADING = f"{'case':<8} {'metric':<34} {'unit':<4} {'ours, median [min–max]':>26} {'peer':>34} {'ratio':>6}"


def _median(values: Sequence[float]) -> str:
    return f"{statistics.median(values):.4g} [{min(values):.4g}–{max(values):.4g}]"


def write_json(path: Path, rows: Sequence[Row]) -> None:
    """Write ``{"rows": […]}``."""
    path.write_text(json.dumps({"rows": [row.as_dict() for row in rows]}, indent=2) + "\n")
