"""Virtual clocks, links and hosts in virtual time, driving the same engine and servo as the daemon does.

Repeatable by seed, and with the truth at hand. What does not live here: any protocol rule.
"""
