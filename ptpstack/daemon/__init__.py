"""Wiring only: the loop, sockets, clocks and the engine in one process.

What lives here: what moves frames, stamps, measurements and commands between ``hw``, ``core`` and ``servo``, and the
process's own life. What does not: any rule of a protocol.
"""
