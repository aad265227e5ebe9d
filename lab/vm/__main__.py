"""``python3 -m lab vm``: run a script, or a shell, in the virtual machine."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lab.vm.machine import Guest, run_in_vm, shell_in_vm
from ptpstack.errors import PtpstackError


def main(argv: list[str]) -> int:
    """Run the command and return the script's exit code, or 125 when the machine itself failed."""
    parser = argparse.ArgumentParser(prog="python3 -m lab vm", description=__doc__)
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("script", nargs="?", type=Path, help="a file to run in the guest, as root, in the checkout")
    what.add_argument("--shell", action="store_true", help="an interactive shell instead")
    parser.add_argument("--vptp", default="", metavar="PARAMETERS", help='of the module: "ports=4 phc=0,1,1,2"')
    parser.add_argument("--without-vptp", action="store_true", help="do not load the module")
    parser.add_argument("--nic", action="append", default=[], help="add a card that QEMU emulates: igb, e1000e")
    parser.add_argument("--kernel", metavar="RELEASE", help="an installed Debian kernel other than the stock one")
    parser.add_argument("--newer", action="store_true", help="the kernel and QEMU of a newer Debian, fetched once")
    parser.add_argument("--host-time", action="store_true", help="run in the host's time, not in virtual time")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="of this host (default 600)")
    parser.add_argument("--results", type=Path, default=Path("lab/out/vm"), help="where files from $RESULTS go")
    options = parser.parse_args(argv)
    guest = Guest(
        vptp=None if options.without_vptp else options.vptp,
        nics=options.nic,
        icount=not (options.host_time or options.shell),  # a person at the keyboard lives in the host's time
        kernel=options.kernel,
        newer=options.newer,
    )
    try:
        if options.shell:
            return shell_in_vm(guest)
        script = options.script.read_text()
        result = run_in_vm(script, timeout=options.timeout, guest=guest, results=options.results, stream=True)
    except (PtpstackError, OSError) as error:
        print(f"lab vm: {error}", file=sys.stderr)
        return 125
    for name, path in result.files.items():
        print(f"{name}: {path}")
    return result.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
