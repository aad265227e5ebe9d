"""Clock disciplines, delay filters and the check of a clock's sanity.

What lives here: offsets in, clock commands out. What does not: reading or setting a clock (``hw``), choosing a
source (``arbiter``).
"""
