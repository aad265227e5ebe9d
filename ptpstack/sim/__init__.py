"""Virtual clocks, links and hosts in virtual time, driving the same engine and servo as the daemon does.

What lives here: everything around the engine, repeatable by seed, with the truth at hand. What does not: any
protocol rule.
"""
