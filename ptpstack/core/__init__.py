"""The IEEE 1588 engine, sans-I/O: data sets, best master clock algorithm, port state machine, ports.

What lives here: the rules of the protocol. Inputs are method calls of
:class:`~ptpstack.core.instance.PtpInstance`, outputs a list (``engine.outputs``).
What does not: sockets and clocks (``hw``), filters and servos (``ptpstack.servo``: a delay
filter is injected), profiles' values (``profiles``), names and files (``ptpstack.config``).
"""
