"""A virtual machine for tests that need another kernel than the host's: ``python3 -m lab vm SCRIPT``."""

from lab.vm.machine import Guest, GuestError, VmResult, run_in_vm

__all__ = ["Guest", "GuestError", "VmResult", "run_in_vm"]
