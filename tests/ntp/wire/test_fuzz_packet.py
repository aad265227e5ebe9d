"""A bounded run of the fuzzer of NTP packets, from the hand-made vectors on."""

from __future__ import annotations

from pathlib import Path

from tests.fuzz.campaign import finds_nothing
from tests.ntp.wire.vectors import VECTORS


def test_the_fuzzer_finds_no_octets_that_break_the_invariant(tmp_path: Path) -> None:
    finds_nothing("tests.ntp.wire.fuzz_packet", (vector.octets for vector in VECTORS), tmp_path)
