"""A scenario file (TOML) and the world it describes.

What lives here: the typed model (``model``), reading and what is wrong with a file (``load``, ``rules``), which hosts
and links there are (``topology``), the world with its timeline (``build``). What does not: how things behave
(``ptpstack.sim``), what is made of a run (``ptpstack.sim.experiment``).
"""
