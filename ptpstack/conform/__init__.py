"""`ptpstack conform`: the requirements of a profile, each tried on a port, simulated or running.

What lives here: the list (``requirements.toml``), the checks that it names (``checks_*.py``), and the two kinds of port
that they are tried on (``simulated.py``, ``live.py``). What does not: the command (``ptpstack.cli.conform``).
"""
