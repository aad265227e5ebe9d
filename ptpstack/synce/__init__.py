"""Synchronous Ethernet: quality levels, which frequency is chosen, and what is told of it (ITU-T G.781, G.8264).

What lives here: the protocol and the choice, sans-I/O. What does not: frames (``wire.esmc``), sockets and DPLLs
(``hw``), wiring (``daemon``).
"""
