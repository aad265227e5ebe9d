"""What is wrong with a configuration: every problem with its file, line and key."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ptpstack.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
"""The way to a value through tables (names) and arrays (indices)."""


def key_of(path: Path) -> str:
    """Return *path* as people write it: ``instance.main.port[0].interface``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def nearest(word: object, choices: Iterable[str]) -> str:
    """Return the next step for a misspelt *word*, or nothing when no choice is near."""
    found = difflib.get_close_matches(str(word), list(choices), n=1)
    return f"did you mean {found[0]}?" if found else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong at one place. Its text is that of every error of ours."""

    file: str
    line: int | None
    key: str
    what: str
    why: str = ""
    next_step: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        where = f"{place}: {self.key}" if self.key else place
        return str(ConfigError(self.what, where=where, why=self.why, next_step=self.next_step))


class InvalidConfigError(ConfigError):
    """All problems of one configuration, in the order of its lines."""

    def __init__(self, file: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line or 0))
        super().__init__(f"{len(self.problems)} problem{'s' * (len(self.problems) != 1)}", where=file)

    def __str__(self) -> str:
        """Return one problem a paragraph."""
        return "\n".join(map(str, self.problems))
