"""Clock disciplines, delay filters and the check of a clock's sanity: offsets in, clock commands out.

What does not live here: reading or setting a clock (``hw``), choosing a source (``arbiter``).
"""
