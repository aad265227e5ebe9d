"""What a guest has measured, on its way to the rows: each scenario by itself, so that one that fails costs no other.

What lives here: handing over, taking, and saying what is missing. What does not: the machine (``lab.vm``), the rows.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ptpstack.errors import PtpstackError


class MissingError(PtpstackError):
    """Some of the rows, or some of their rounds, could not be measured."""


def hand_over(name: str, answer: object) -> None:
    """In the guest: give what was measured to the host at once, which has it whole or not at all."""
    folder = Path(os.environ["FINISHED"])
    fresh = folder / f"{name}.part"
    fresh.write_text(json.dumps(answer))
    fresh.rename(folder / f"{name}.json")


def forget(folder: Path, *names: str) -> None:
    """Before a boot: what an earlier run has measured shall not be taken for this one's."""
    for name in names:
        (folder / f"{name}.json").unlink(missing_ok=True)


def finished(folder: Path, name: str) -> Any:  # noqa: ANN401 (as JSON has it)
    """Return what was handed over as *name*; None if it was not."""
    path = folder / f"{name}.json"
    return json.loads(path.read_text()) if path.exists() else None


class Missing:
    """What could not be measured."""

    def __init__(self) -> None:
        self._what: list[str] = []

    @contextlib.contextmanager
    def noted(self, what: str) -> Iterator[None]:
        """Say why *what* cannot be measured, and go on with the rest."""
        try:
            yield
        except PtpstackError as error:
            print(f"lab bench: without {what}: {error}", file=sys.stderr, flush=True)
            self._what.append(what)

    def tell(self) -> None:
        """Raise MissingError if anything is; call it behind the last row."""
        if self._what:
            raise MissingError(
                "not everything could be measured",
                where=", ".join(self._what),
                why="said above; the rows are of what was finished",
            )
