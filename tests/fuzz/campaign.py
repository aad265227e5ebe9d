"""A bounded run of a fuzz target (a module with ``atheris.Fuzz()``) from hand-made octets on."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RUNS = 20_000


def finds_nothing(target: str, octets: Iterable[bytes], directory: Path) -> None:
    """Fail where *target* finds octets that break its invariant; what it finds goes to *directory*."""
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    corpus = directory / "corpus"
    corpus.mkdir()
    for number, one in enumerate(octets):
        (corpus / f"vector-{number}").write_bytes(one)
    fuzzer = subprocess.run(
        [sys.executable, "-m", target, corpus, f"-runs={RUNS}", f"-artifact_prefix={directory}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert fuzzer.returncode == 0, fuzzer.stdout + fuzzer.stderr
    done = re.search(r"Done (\d+) runs", fuzzer.stderr)
    assert done, fuzzer.stderr
    assert int(done[1]) >= RUNS
