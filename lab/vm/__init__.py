"""A virtual machine for tests that need another kernel than the host's: ``python3 -m lab vm SCRIPT``.

What lives here: the kernel, its root file system and the machine that runs a script in it. What does not: the
virtual network card (`lab.vptp`), and what is tested on it (`tests/vm`).
"""

from lab.vm.machine import Guest, GuestError, VmResult, run_in_vm

__all__ = ["Guest", "GuestError", "VmResult", "run_in_vm"]
