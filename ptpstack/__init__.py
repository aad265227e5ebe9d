"""The time appliance for Linux: PTP with hardware timestamps, one process, one file.

What lives here: the protocol from the wire to the daemon, a package each (docs/architecture.md is their map).
What does not: Linux's sockets and clocks (``hw``), profiles' values (``profiles``), test beds (``lab``).
"""

__version__ = "0.1.0"
