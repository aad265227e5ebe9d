"""A child that is busy until a byte comes by another way than stdin, and then says how long its settings are."""

import json
import os
import select
import sys

LONGEST_S = 60.0
"""What a parent that waits for it waits, too."""


def main() -> int:
    """Read two settings: on a short line the descriptor to wait for, on the next one that is long."""
    settings = sys.stdin.buffer
    fd = int(settings.raw.readline())
    was_told, _, _ = select.select([fd], [], [], LONGEST_S)
    octets = len(settings.readline())
    os.write(1, json.dumps({"octets": octets, "was_told": bool(was_told)}).encode() + b"\n")
    settings.read()
    return 0
