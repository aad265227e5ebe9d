"""The virtual PTP network card, seen from inside the machine where its module is loaded.

What lives here: the kernel module, and its truth and knobs from Python. What does not: the machine it is
loaded in (`lab.vm`); our own drivers of clocks and cards (`hw`).
"""

from lab.vptp.debugfs import ClockTruth, Truth, read_truth, set_knob

__all__ = ["ClockTruth", "Truth", "read_truth", "set_knob"]
