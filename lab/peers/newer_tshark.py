"""tshark of the Debian that comes next (Wireshark 4.6): the first that dissects NTS-KE, and decrypts NTS.

What lives here: fetching it once, and the command that runs it. What does not: what is asked of it (``tshark``).
"""

from __future__ import annotations

from lab.vm.cache import cached
from lab.vm.newer import command_of, unpack

SUITE = "forky"
PACKAGE = "tshark"


def newer_tshark() -> list[str]:
    """The command, its program fetched when not in the cache (some 60 MB). Raises NewerDebianError."""
    root = cached(PACKAGE, [f"{SUITE} {PACKAGE}".encode()], lambda target: unpack(target, [PACKAGE], [SUITE]))
    return command_of(root, "usr/bin/tshark")
