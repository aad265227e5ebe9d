"""Which instance steers which clock, and which measurements may.

What lives here: one writer for each clock, and the sanity of what would steer it. What does not: measuring
(``core``), disciplining (``servo``), carrying out (``daemon``).
"""
