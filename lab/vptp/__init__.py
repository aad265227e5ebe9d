"""The virtual PTP network card, seen from inside the machine where its module is loaded."""

from lab.vptp.debugfs import ClockTruth, Truth, read_truth, set_knob

__all__ = ["ClockTruth", "Truth", "read_truth", "set_knob"]
