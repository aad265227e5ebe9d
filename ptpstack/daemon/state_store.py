"""What a clock has learnt, kept over restarts: one small JSON file for each clock."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any


class StateStore:
    """Files in *directory*; an empty name keeps nothing. A file that is no use is as good as none."""

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory) if directory else None

    def load(self, clock: str) -> dict[str, Any]:
        """Return what was saved for *clock*; empty if nothing was, or it cannot be read."""
        if self._directory is None:
            return {}
        try:
            state = json.loads(self._file(clock).read_bytes())
        except (OSError, ValueError):
            return {}
        return state if isinstance(state, dict) else {}

    def save(self, clock: str, state: dict[str, Any]) -> None:
        """Replace what is kept for *clock*, at once or not at all. Raises ``OSError``.

        Not forced to the disk, which could take seconds: after a power failure the frequency is learnt anew.
        """
        if self._directory is None:
            return
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._file(clock)
        new = path.with_suffix(".new")
        try:
            with new.open("w", encoding="utf-8") as file:
                json.dump(state, file)
            new.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                new.unlink()
            raise

    def _file(self, clock: str) -> Path:
        assert self._directory is not None
        return self._directory / (re.sub(r"[^A-Za-z0-9_-]+", "_", clock).strip("_") + ".json")
