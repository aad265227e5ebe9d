"""Bounded runs of the fuzzers of NTS, from the hand-made vectors on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from ntp.nts.aead import Aead, Algorithm
from ntp.nts.fields import Cookie, CookiePlaceholder, UniqueIdentifier, seal
from ntp.wire.extension_field import encode_fields

from .vectors import MESSAGES, RECORDS

ROOT = Path(__file__).parents[3]
RUNS = 20_000
PACKET = seal(
    bytes(48) + encode_fields([UniqueIdentifier(bytes(32)), Cookie(bytes(100)), CookiePlaceholder(bytes(100))]),
    [Cookie(bytes(100))],
    Aead(Algorithm.AES_SIV_CMAC_256, bytes(32)),
    bytes(16),
)
SEEDS = {"fuzz_records": [vector.octets for vector in (*RECORDS, *MESSAGES)], "fuzz_fields": [PACKET]}


@pytest.mark.parametrize("name", SEEDS)
def test_the_fuzzer_finds_no_octets_that_break_the_invariant(name: str, tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris has no wheel for this machine")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, octets in enumerate(SEEDS[name]):
        (corpus / f"vector-{number}").write_bytes(octets)
    fuzzer = subprocess.run(
        [sys.executable, "-m", f"tests.ntp.nts.{name}", corpus, f"-runs={RUNS}", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert fuzzer.returncode == 0, fuzzer.stdout + fuzzer.stderr
    done = re.search(r"Done (\d+) runs", fuzzer.stderr)
    assert done, fuzzer.stderr
    assert int(done[1]) >= RUNS
