"""NTP: the client from the wire to one combined answer, what the time of day is by the network.

What lives here: packets (``wire``), one association with one server (``client``), choosing among sources
(``selection``), what an accuracy costs (``accuracy``), and sockets (``transport``). All but the sockets are
sans-I/O. What does not: who steers which clock (``ptpstack.arbiter``), and the wiring (``ptpstack.daemon``).

Offsets are local − server: positive means that the local clock is ahead.
"""
