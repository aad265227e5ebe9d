"""Wiring only: the loop, sockets, clocks and the engine in one process; no rule of a protocol."""
