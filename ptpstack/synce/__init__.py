"""Synchronous Ethernet: quality levels, which frequency is chosen, and what is told of it (ITU-T G.781, G.8264).

Sans-I/O. What does not live here: frames (``wire.esmc``), sockets and DPLLs (``hw``), wiring (``daemon``).
"""
