"""Time-error statistics: TE, cTE, dTE, MTIE, TDEV, Allan deviations, and masks to hold them against.

What lives here: records of offsets read from text (``records``), a regular time grid with honest gaps
(``series``), the batch statistics (``deviations``, ``mtie``, ``filters``, ``analysis``), the same with bounded
memory (``stream``), limits as data (``mask``, ``masks/*.toml``). Offsets are local - master, in ns.
What does not: files, sockets, drawing (``cli``); sums for log lines (``observe/statistics.py``).
"""
