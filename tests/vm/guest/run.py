"""``python3 -m tests.vm.guest.run MODULE …``: run every check, write its outcome to ``$RESULTS/checks.json``.

Each module begins with a card of its own: the virtual card is loaded anew, with the parameters that the module names.
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from tests.vm.guest import bed


def checks_of(module: ModuleType) -> dict[str, Callable[[], None]]:
    return {name: function for name, function in vars(module).items() if name.startswith("check_")}


def main(names: list[str]) -> None:
    outcomes: dict[str, str] = {}
    for module in map(importlib.import_module, names):
        try:
            bed.fresh_card(getattr(module, "PARAMETERS", bed.PARAMETERS))
            run_all(module, outcomes)
        except Exception:  # noqa: BLE001 (its checks are then missing, and the other modules still run)
            traceback.print_exc(file=sys.stdout)
    Path(os.environ["RESULTS"], "checks.json").write_text(json.dumps(outcomes))


def run_all(module: ModuleType, outcomes: dict[str, str]) -> None:
    """Run each check from the defaults; or, where a module has ``around_all``, all of them within that."""
    around_all = getattr(module, "around_all", None)
    defaults = bed.read_knobs()
    bed.reset(defaults)
    start = uptime_and_idle_s()
    with around_all() if around_all else nullcontext():
        if around_all:
            say("  ", start, f"{module.__name__} begins")
        for name, check in checks_of(module).items():
            if not around_all:
                bed.reset(defaults)
            start = uptime_and_idle_s()
            try:
                check()
            except Exception:  # noqa: BLE001 (reported, and the other checks still run)
                outcomes[name] = traceback.format_exc()
            else:
                outcomes[name] = ""
            say("FAILED" if outcomes[name] else "ok", start, name)


def uptime_and_idle_s() -> tuple[float, float]:
    """In the guest's time, of which only what is not idle takes time of the host."""
    uptime, idle = Path("/proc/uptime").read_text().split()
    return float(uptime), float(idle)


def say(outcome: str, start: tuple[float, float], what: str) -> None:
    """Tell how long something took that began at *start*."""
    took, idle = (now - then for now, then in zip(uptime_and_idle_s(), start, strict=True))
    print(f"{outcome:<6} {took:6.1f} s, {took - idle:5.1f} s busy  {what}", flush=True)  # noqa: T201 (the progress)


if __name__ == "__main__":
    main(sys.argv[1:])
