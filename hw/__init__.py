"""Linux: network interfaces, timestamping sockets and clocks. Knows frames and clocks, not PTP.

``clock`` is what every clock can do; ``phc``, ``realtime`` and ``soft_clock`` are the clocks; ``sockets`` sends and
receives stamped frames; ``discovery`` finds out what this machine has.
"""
