"""``python3 -m tests.vm.guest.run MODULE …``: run every check, write its outcome to ``$RESULTS/checks.json``."""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType

from tests.vm.guest import bed


def checks_of(module: ModuleType) -> dict[str, Callable[[], None]]:
    return {name: function for name, function in vars(module).items() if name.startswith("check_")}


def main(names: list[str]) -> None:
    defaults = bed.read_knobs()
    outcomes: dict[str, str] = {}
    for module in map(importlib.import_module, names):
        try:
            run_all(module, defaults, outcomes)
        except Exception:  # noqa: BLE001 (its checks are then missing, and the other modules still run)
            traceback.print_exc(file=sys.stdout)
    Path(os.environ["RESULTS"], "checks.json").write_text(json.dumps(outcomes))


def run_all(module: ModuleType, defaults: dict[str, int], outcomes: dict[str, str]) -> None:
    """Run each check from the defaults; or, where a module has ``around_all``, all of them within that."""
    around_all = getattr(module, "around_all", None)
    bed.reset(defaults)
    with around_all() if around_all else nullcontext():
        for name, check in checks_of(module).items():
            if not around_all:
                bed.reset(defaults)
            start = time.monotonic()
            try:
                check()
            except Exception:  # noqa: BLE001 (reported, and the other checks still run)
                outcomes[name] = traceback.format_exc()
            else:
                outcomes[name] = ""
            print("FAILED" if outcomes[name] else "ok    ", f"{time.monotonic() - start:6.1f} s", name, flush=True)  # noqa: T201 (the progress)


if __name__ == "__main__":
    main(sys.argv[1:])
