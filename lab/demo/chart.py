"""A line chart in braille dots: eight of them a character, so that a terminal shows a curve."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from rich.text import Text

LINEAR_BELOW_NS = 1_000.0
FITTED_S = 8.0
_BLANK = 0x2800
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # by row and column of a character's 4 × 2 dots
_AXIS_WIDTH = 10


class Series(NamedTuple):
    """One curve: points of (seconds, nanoseconds) in a colour."""

    colour: str
    points: Sequence[tuple[float, float]]


def draw(series: Sequence[Series], *, start_s: float, end_s: float, width: int, height: int) -> list[Text]:
    """Return *height* lines of offsets from *start_s* to *end_s*, on an axis that fits the newest seconds.

    The axis is linear within ±1 µs, else logarithmic; what lies beyond it is left out.
    """
    columns, rows = width - _AXIS_WIDTH, height
    newest_s = max((points[-1][0] for _, points in series if points), default=end_s)
    fitted = (abs(value) for _, points in series for at, value in points if at > newest_s - FITTED_S)
    limit = max(max(fitted, default=0.0) * 1.1, LINEAR_BELOW_NS)
    visible = [
        Series(colour, [(at, value) for at, value in points if start_s <= at <= end_s and abs(value) <= limit])
        for colour, points in series
    ]
    cells = [[_BLANK] * columns for _ in range(rows)]
    colours = [["dim"] * columns for _ in range(rows)]
    for colour, points in visible:
        for at, value in points:
            x = round((at - start_s) / (end_s - start_s) * (columns * 2 - 1))
            y = round((0.5 - 0.5 * _scaled(value) / _scaled(limit)) * (rows * 4 - 1))
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
            colours[y // 4][x // 2] = colour
    labels = {0: f"+{in_unit(limit)}", (rows - 1) // 2: "0", rows - 1: f"-{in_unit(limit)}"}
    lines = []
    for row in range(rows):
        line = Text(f"{labels.get(row, ''):>{_AXIS_WIDTH - 2}} ┤", style="dim")
        for cell, colour in zip(cells[row], colours[row], strict=True):
            line.append(chr(cell), style=colour)
        lines.append(line)
    return lines


def in_unit(ns: float) -> str:
    """Return *ns* with two or three digits in the unit a person would choose."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if abs(ns) >= size:
            return f"{ns / size:.3g} {unit}"
    return f"{ns:.0f} ns"


def _scaled(ns: float) -> float:
    return math.asinh(ns / LINEAR_BELOW_NS)
