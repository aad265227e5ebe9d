"""What every sans-I/O engine shares, be it of IEEE 1588 (``core``) or of IEEE 802.1AS (``gptp``).

What lives here: outputs, port states, the events and the messages' bookkeeping that are the same in each. What does
not: any rule of either standard.
"""
