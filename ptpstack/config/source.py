"""Where a configuration came from: the plain table and the line of every key, for messages that name both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ptpstack.config.model import ALIASES
from ptpstack.config.problems import Path, Problem, key_of

_KEY_PART = r"""(?:[A-Za-z0-9_-]+|"[^"\n]*"|'[^'\n]*')"""
_KEY = rf"{_KEY_PART}(?:\s*\.\s*{_KEY_PART})*"
_HEADER = re.compile(rf"^\s*(\[\[?)\s*({_KEY})\s*\]")
_ASSIGNMENT = re.compile(rf"^\s*({_KEY})\s*=")


@dataclass(frozen=True)
class Source:
    """A configuration as it was given: *name* is how errors call it, *origin* what kind of thing it is."""

    name: str
    table: Mapping[str, Any]
    lines: Mapping[Path, int] = field(default_factory=dict)
    origin: str = "file"

    def problem(self, path: Path, what: str, *, why: str = "", next_step: str = "") -> Problem:
        """Return what is wrong at *path*, with its file and line."""
        return Problem(
            file=self.name, line=self.line_of(path), key=key_of(path), what=what, why=why, next_step=next_step
        )

    def line_of(self, path: Path) -> int | None:
        """Return the line of *path*, or of the nearest table around it, or ``None`` where it cannot be told."""
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return None

    def gives(self, path: Path) -> bool:
        """Whether the value at *path* was written down (and is not a default)."""
        value: Any = self.table
        for part in path:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return False
        return True


def canonical(value: Any) -> Any:  # noqa: ANN401 (any TOML value)
    """Return *value* with every alias of a key replaced, unless that key is given as well."""
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if not isinstance(value, dict):
        return value
    table: dict[Any, Any] = {}
    for key, item in value.items():
        name = ALIASES.get(key, key)
        keep = name in value or isinstance(item, dict)  # told as a problem; a table's free name
        table[key if keep else name] = canonical(item)
    return table


def lines_of(text: str) -> dict[Path, int]:
    """Return the line number of every table header and ``key =`` in the TOML document *text*.

    Keys inside inline tables have no line of their own. Text that looks like TOML inside a multi-line
    string can only add lines of keys that do not exist.
    """
    lines: dict[Path, int] = {}
    lengths: dict[Path, int] = {}  # elements so far of each array of tables
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            parts = _parts(header[2])
            table = (*_enter((), parts[:-1], lengths), parts[-1])
            if header[1] == "[[":
                index = lengths.get(table, 0)
                lengths[table] = index + 1
                lines.setdefault(table, number)
                table = (*table, index)
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(line):
            *tables, key = _parts(assignment[1])
            for name in (key, ALIASES.get(key, key)):
                lines.setdefault((*table, *tables, name), number)
    return lines


def _parts(key: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in re.findall(_KEY_PART, key))


def _enter(path: Path, parts: tuple[str, ...], lengths: Mapping[Path, int]) -> Path:
    """Follow *parts* from *path*, into the newest element of every array of tables on the way."""
    for part in parts:
        path = (*path, part)
        if path in lengths:
            path = (*path, lengths[path] - 1)
    return path
