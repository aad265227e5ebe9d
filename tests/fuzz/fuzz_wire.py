"""Invariant: decode gives a WireError or a message that re-encodes to the same bytes.

Run alone with libFuzzer's options: ``python -m tests.fuzz.fuzz_wire CORPUS_FOLDER -max_total_time=60``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ptpstack.wire"]):
    from ptpstack.errors import WireError
    from ptpstack.wire.message import decode, encode


def decode_and_encode_again(octets: bytes) -> None:
    try:
        message = decode(octets)
    except WireError:
        return
    expected = octets[: int.from_bytes(octets[2:4], "big")]
    if encode(message) != expected:
        raise AssertionError(f"{message} came from {expected.hex()} and re-encodes to {encode(message).hex()}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_and_encode_again)
    atheris.Fuzz()
