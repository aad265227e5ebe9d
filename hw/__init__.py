"""Linux: network interfaces, timestamping sockets and clocks. Knows frames and clocks, not PTP.

What lives here: ``clock`` is what every clock can do; ``phc``, ``realtime`` and ``soft_clock`` are the clocks;
``sockets`` sends and receives stamped frames; ``discovery`` finds out what this machine has.
What does not: messages (``ptpstack.wire``), and who steers which clock (``ptpstack.arbiter``).
"""
