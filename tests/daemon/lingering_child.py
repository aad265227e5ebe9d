"""A child that says goodbye, closes its stdout, and does not end."""

import os
import sys
import time


def main() -> int:
    """Linger until somebody kills it."""
    sys.stdin.readline()
    os.write(1, b'{"bye": 1}\n')
    os.close(1)
    time.sleep(60)
    return 0
