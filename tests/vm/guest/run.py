"""``python3 -m tests.vm.guest.run MODULE …``: run every check, write its outcome to ``$RESULTS/checks.json``."""

import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from tests.vm.guest import bed


def checks_of(module: ModuleType) -> dict[str, Callable[[], None]]:
    return {name: function for name, function in vars(module).items() if name.startswith("check_")}


def main(names: list[str]) -> None:
    defaults = bed.read_knobs()
    outcomes = {}
    for module in map(importlib.import_module, names):
        for name, check in checks_of(module).items():
            bed.reset(defaults)
            start = time.monotonic()
            try:
                check()
            except Exception:  # noqa: BLE001 (reported, and the other checks still run)
                outcomes[name] = traceback.format_exc()
            else:
                outcomes[name] = ""
            print("FAILED" if outcomes[name] else "ok    ", f"{time.monotonic() - start:6.1f} s", name, flush=True)  # noqa: T201 (the progress)
    Path(os.environ["RESULTS"], "checks.json").write_text(json.dumps(outcomes))


if __name__ == "__main__":
    main(sys.argv[1:])
