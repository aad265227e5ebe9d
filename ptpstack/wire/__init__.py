"""PTP messages as objects and as bytes (IEEE 1588-2019 clauses 5, 13 and 14). No I/O, no protocol rules.

Start at :mod:`ptpstack.wire.message` (``decode``, ``encode``). Message types are in ``messages``, one a file; TLVs in
``tlvs``.
"""
