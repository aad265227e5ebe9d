"""Invariant: decode of an NTP packet gives a WireError or a packet that re-encodes to the same bytes.

Run alone with libFuzzer's options: ``python -m tests.ntp.wire.fuzz_packet CORPUS_FOLDER -max_total_time=60``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ntp.wire"]):
    from ntp.wire.packet import decode, encode
    from ptpstack.errors import WireError


def decode_and_encode_again(octets: bytes) -> None:
    try:
        packet = decode(octets)
    except WireError:
        return
    if encode(packet) != octets:
        raise AssertionError(f"{packet} came from {octets.hex()} and re-encodes to {encode(packet).hex()}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_and_encode_again)
    atheris.Fuzz()
