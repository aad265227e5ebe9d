"""A bounded run of the wire fuzzer, from the hand-made vectors on."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.campaign import finds_nothing
from tests.wire.vectors import VECTORS


def test_the_fuzzer_finds_no_octets_that_break_the_invariant(tmp_path: Path) -> None:
    finds_nothing("tests.fuzz.fuzz_wire", (vector.octets for vector in VECTORS), tmp_path)
