"""Planning: chains of clocks as arrays over seeds, hops and time, by the formulas of the message level.

What lives here: the typed plan file (``model``, ``load``), what standards allow a device (``devices``), noises and
delay filters (``noise``), servos as linear recurrences (``servos``), the chain and its one loop over time (``chain``),
figures and verdicts (``result``). What does not: messages, BMCA, states, losses (``ptpstack.sim.world`` has them);
tables, pictures and files (``ptpstack.cli``).
"""
