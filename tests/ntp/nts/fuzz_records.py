"""Invariant: decode of an NTS-KE message gives a WireError or records that re-encode to the same bytes.

What the records say is read as well, from both sides: a WireError or a message.
Run alone with libFuzzer's options: ``python -m tests.ntp.nts.fuzz_records CORPUS_FOLDER -max_total_time=60``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ntp.nts.records", "ntp.nts.messages"]):
    from ntp.nts.messages import Request, Response
    from ntp.nts.records import decode, encode
    from ptpstack.errors import WireError


def decode_and_encode_again(octets: bytes) -> None:
    try:
        records = decode(octets)
    except WireError:
        return
    if encode(records) != octets:
        raise AssertionError(f"{records} came from {octets.hex()} and re-encodes to {encode(records).hex()}")
    for side in (Request, Response):
        try:
            message = side.from_records(records)
        except WireError:
            continue
        if side.from_records(message.to_records()) != message:
            raise AssertionError(f"{message} came from {octets.hex()} and is not read again")


if __name__ == "__main__":
    atheris.Setup(sys.argv, decode_and_encode_again)
    atheris.Fuzz()
