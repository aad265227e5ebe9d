"""Where built things stay: named by what they were built from, so that a stale one is never taken."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from tempfile import TemporaryDirectory


def cached(name: str, sources: Iterable[bytes], build: Callable[[Path], None]) -> Path:
    """The file ``name`` made by ``build(path)`` from these sources, built only when the sources are new.

    Kept under ``$XDG_CACHE_HOME/ptpstack`` (or ``~/.cache/ptpstack``).
    """
    digest = hashlib.sha256(b"\0".join(sources)).hexdigest()[:16]
    target = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ptpstack" / digest / name
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=target.parent) as scratch:
            fresh = Path(scratch) / name
            build(fresh)
            try:
                fresh.replace(target)  # whole or not there
            except OSError:
                if not target.exists():  # else a folder that another run has built at the same time
                    raise
    return target
