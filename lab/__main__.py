"""``python3 -m lab COMMAND``: make the environment if it is not there, then run ``lab.COMMAND`` in it.

What lives here: the list of commands. What does not: any command. Each is a module or package of its own,
so that ``python3 -m lab demo`` is ``python -m lab.demo`` with everything installed.
"""

from __future__ import annotations

import sys

from lab import bootstrap

COMMANDS = {
    "demo": "watch clocks lock, lose their grandmaster and recover, in network namespaces",
    "test": "style, types, imports and the test suite; arguments go to pytest",
    "bench": "measure speed, memory and accuracy side by side with ptp4l",
    "soak": "run for long behind ptp4l, and see that no state is missed and nothing grows",
    "vm": "the hardware lab: a virtual machine whose network cards have PTP hardware clocks",
}
EXIT_INTERRUPTED = 130
USAGE = "\n".join(
    [
        "usage: python3 -m lab COMMAND [arguments]",
        "",
        *(f"  {name:<6} {text}" for name, text in COMMANDS.items()),
        "",
        "`python3 -m lab COMMAND --help` lists the arguments of one command.",
    ]
)


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(USAGE)
        return 0 if arguments else 2
    command, *rest = arguments
    if command not in COMMANDS:
        print(f"lab: there is no command {command!r}\n\n{USAGE}", file=sys.stderr)
        return 2
    try:
        return bootstrap.run_inside(f"lab.{command}", rest)
    except KeyboardInterrupt:
        print("lab: stopped while the environment was made; the next start makes it anew", file=sys.stderr)
        return EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
