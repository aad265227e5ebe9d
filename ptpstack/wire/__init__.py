"""PTP messages as objects and as bytes (IEEE 1588-2019 clauses 5, 13 and 14).

What lives here: ``message`` (``decode`` and ``encode``: start there), the message types one a file in ``messages``,
the TLVs in ``tlvs``, ``types`` and ``addresses``. What does not: sockets, and any rule of the protocol (``core``).
"""
