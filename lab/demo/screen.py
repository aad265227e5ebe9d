"""What a person sees while the demo runs: a live picture on a terminal, plain lines anywhere else.

What lives here: both, behind one `Screen`. What does not: the closing table (`report`), the curve itself (`chart`).
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from lab.demo import chart
from lab.demo.bed import CLOCKS
from lab.demo.watch import Track

WINDOW_S = 30.0
_COLOURS = dict(zip((clock.name for clock in CLOCKS), ("white", "yellow", "cyan", "magenta", "green"), strict=True))
_PLAIN_EVERY_S = 5.0
_DECISION_ROWS = 8
_ROWS_BESIDE_CHART = len(CLOCKS) + _DECISION_ROWS + 4


class Screen(Protocol):
    """Where the demo is shown."""

    def decide(self, at_s: float, name: str, text: str) -> None:
        """Show what the clock *name* decided, and why."""

    def announce(self, at_s: float, text: str) -> None:
        """Say what happens now."""

    def update(self, at_s: float, tracks: Mapping[str, Track]) -> None:
        """Show where the clocks are now."""

    def close(self) -> None:
        """Leave the terminal as it was."""


def open_screen(total_s: float) -> Screen:
    """Return the live picture where there is a terminal, else plain lines."""
    console = Console()
    return LiveScreen(console, total_s) if console.is_terminal and not console.is_dumb_terminal else PlainLines()


def readable(text: str) -> str:
    """Return *text* with the clocks' names for their identities."""
    for clock in CLOCKS:
        text = text.replace(clock.identity, clock.name)
    return text


class PlainLines:
    """One line a decision, and one every few seconds with all offsets."""

    def __init__(self) -> None:
        self._next_s = 0.0

    def decide(self, at_s: float, name: str, text: str) -> None:
        """Show what the clock *name* decided, and why."""
        self._print(f"{at_s:6.1f} s  {name:<11}  {readable(text)}")

    def announce(self, at_s: float, text: str) -> None:
        """Say what happens now."""
        self._print(f"{at_s:6.1f} s  ----  {text}  ----")

    def update(self, at_s: float, tracks: Mapping[str, Track]) -> None:
        """Show where the clocks are now."""
        if at_s < self._next_s:
            return
        self._next_s = at_s + _PLAIN_EVERY_S
        offsets = (f"{name} {chart.in_unit(track.true_offset_ns)}" for name, track in tracks.items())
        self._print(f"{at_s:6.1f} s  true offsets: {', '.join(offsets)}")

    def close(self) -> None:
        """Leave the terminal as it was."""
        sys.stdout.flush()

    def _print(self, line: str) -> None:
        print(line, flush=True)


class LiveScreen:
    """States, a curve of the last half minute, and the last decisions, redrawn in place."""

    def __init__(self, console: Console, total_s: float) -> None:
        self._console = console
        self._total_s = total_s
        self._phase = ""
        self._decisions: deque[Text] = deque(maxlen=_DECISION_ROWS)
        self._live = Live(console=console, auto_refresh=False, screen=True)
        self._live.start()

    def decide(self, at_s: float, name: str, text: str) -> None:
        """Show what the clock *name* decided, and why."""
        line = Text(f"{at_s:5.1f} ", style="dim")
        line.append(f"{name} ", style=_COLOURS[name])
        line.append(readable(text), style="default")
        self._decisions.append(line)

    def announce(self, at_s: float, text: str) -> None:
        """Say what happens now."""
        self._phase = text
        self._decisions.append(Text(f"{at_s:5.1f} {text}", style="bold red"))

    def update(self, at_s: float, tracks: Mapping[str, Track]) -> None:
        """Show where the clocks are now."""
        width, height = self._console.size
        title = Text(f" ptpstack demo  {at_s:.0f} of {self._total_s:.0f} s  ", style="bold reverse", no_wrap=True)
        title.append(f" {self._phase}", style="bold red")
        series = [chart.Series(_COLOURS[name], track.offsets) for name, track in tracks.items()]
        start_s = max(0.0, at_s - WINDOW_S)
        curve = chart.draw(
            series, start_s=start_s, end_s=start_s + WINDOW_S, width=width, height=max(5, height - _ROWS_BESIDE_CHART)
        )
        caption = Text("true offset, clock minus truth (logarithmic beyond ±1 µs), and why:", style="dim", no_wrap=True)
        self._live.update(
            Group(title, self._table(tracks), caption, *curve, *self._newest_decisions(width)), refresh=True
        )

    def close(self) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def _newest_decisions(self, width: int) -> list[Text]:
        """Return as many of the newest decisions as there is room for, wrapped."""
        rows: list[Text] = []
        for decision in reversed(self._decisions):
            wrapped = list(decision.wrap(self._console, width))
            if len(rows) + len(wrapped) > _DECISION_ROWS:
                break
            rows[:0] = wrapped
        return rows + [Text()] * (_DECISION_ROWS - len(rows))

    def _table(self, tracks: Mapping[str, Track]) -> Table:
        table = Table(box=None, pad_edge=False, show_edge=False, padding=(0, 2, 0, 1))
        for heading in ("clock", "port states", "follows", "clock state"):
            table.add_column(heading, no_wrap=True)
        table.add_column("true offset", justify="right", no_wrap=True)
        for name, track in tracks.items():
            offset = f"{track.true_offset_ns:+,.0f} ns" if track.offsets else ""
            states = " ".join(track.port_states) if track.answers else "does not answer"
            table.add_row(Text(name, style=_COLOURS[name]), states, readable(track.follows), track.clock_state, offset)
        return table
