"""A bounded run of the fuzzer of NTP packets, from the hand-made vectors on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.ntp.wire.vectors import VECTORS

ROOT = Path(__file__).parents[3]
RUNS = 20_000


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number, vector in enumerate(VECTORS):
        (folder / f"vector-{number}").write_bytes(vector.octets)
    return folder


def test_the_fuzzer_finds_no_octets_that_break_the_invariant(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    fuzzer = subprocess.run(
        [sys.executable, "-m", "tests.ntp.wire.fuzz_packet", corpus, f"-runs={RUNS}", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert fuzzer.returncode == 0, fuzzer.stdout + fuzzer.stderr
    done = re.search(r"Done (\d+) runs", fuzzer.stderr)
    assert done, fuzzer.stderr
    assert int(done[1]) >= RUNS
