"""Measurements, side by side with ptp4l where it can do the same: ``python3 -m lab bench [CASE …]``.

What lives here: one module a case, the table and the JSON of their rows. What does not: limits that pass or
fail (machines are noisy; accuracy in virtual time is tested, speed is reported).
"""
