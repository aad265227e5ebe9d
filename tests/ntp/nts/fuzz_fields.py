"""Invariant: splitting a packet with NTS fields gives a WireError or parts that put together are its beginning.

Run alone with libFuzzer's options: ``python -m tests.ntp.nts.fuzz_fields CORPUS_FOLDER -max_total_time=60``.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["ntp.nts.fields", "ntp.wire"]):
    from ntp.nts.fields import split
    from ntp.wire.extension_field import encode_fields
    from ptpstack.errors import WireError


def split_and_put_together(octets: bytes) -> None:
    try:
        parts = split(octets)
    except WireError:
        return
    if parts is not None and not octets.startswith(parts.covered + encode_fields([parts.authenticator])):
        raise AssertionError(f"{parts} came from {octets.hex()}")
    if parts is not None and parts.covered != octets[:48] + encode_fields(parts.fields):
        raise AssertionError(f"{parts} came from {octets.hex()}")


if __name__ == "__main__":
    atheris.Setup(sys.argv, split_and_put_together)
    atheris.Fuzz()
