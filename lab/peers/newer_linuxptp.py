"""linuxptp of a newer Debian than this machine's (4.2 and newer), unpacked and never installed.

What lives here: fetching it once, and which programs those are. What does not: running them (``ptp4l``).
"""

from __future__ import annotations

from lab.peers.ptp4l import Programs, Ptp4l
from lab.vm.cache import cached
from lab.vm.newer import SUITE, command_of, unpack

PACKAGES = ("linuxptp",)


def newer_ptp4l() -> type[Ptp4l]:
    """A :class:`Ptp4l` that runs these, fetched when not in the cache (some 20 MB). Raises NewerDebianError."""
    root = cached("linuxptp", [" ".join((SUITE, *PACKAGES)).encode()], lambda target: unpack(target, PACKAGES))

    class NewerPtp4l(Ptp4l):
        programs = Programs(*(tuple(command_of(root, f"usr/sbin/{name}")) for name in ("ptp4l", "pmc")))

    return NewerPtp4l
