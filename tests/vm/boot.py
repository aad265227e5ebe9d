"""One boot of the virtual machine that runs many checks."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Self

import pytest

from lab.vm import Guest, GuestError, run_in_vm
from tests.vm.guest.run import checks_of

END_OF_CHECK = re.compile(r"(?:ok|FAILED) +[\d.]+ s, +-?[\d.]+ s busy  (\w+)$")
"""What ``tests.vm.guest.run`` says."""


def chosen(request: pytest.FixtureRequest, modules: Sequence[ModuleType]) -> list[ModuleType]:
    """Those of the modules with a check in this run of pytest."""
    checks = {item.callspec.params.get("check") for item in request.session.items if hasattr(item, "callspec")}
    return [module for module in modules if checks & set(names_of([module]))]


def names_of(modules: Sequence[ModuleType]) -> list[str]:
    return [name for module in modules for name in checks_of(module)]


@dataclass(frozen=True)
class Boot:
    outcomes: dict[str, str]  # of each check: nothing when it passed, else its traceback
    output: str

    @classmethod
    def of(cls, modules: Sequence[ModuleType], guest: Guest, results: Path) -> Self:
        names = " ".join(module.__name__ for module in modules)
        try:
            result = run_in_vm(
                f"exec python3 -m tests.vm.guest.run {names}", timeout=2800, guest=guest, results=results
            )
        except GuestError as error:
            pytest.fail(str(error), pytrace=False)
        outcomes = json.loads(result.files["checks.json"].read_text()) if "checks.json" in result.files else {}
        return cls(outcomes, result.output)

    def expect(self, check: str) -> None:
        assert check in self.outcomes, f"it did not run; the guest said:\n{self.output}"
        assert not self.outcomes[check], f"{self.outcomes[check]}\nthe guest said meanwhile:\n{self.said_by(check)}"

    def said_by(self, check: str) -> str:
        """What the guest said from the end of the check before until the end of this one."""
        lines: list[str] = []
        for line in self.output.splitlines():
            lines.append(line)
            if ended := END_OF_CHECK.match(line):
                if ended[1] == check:
                    break
                lines.clear()
        return "\n".join(lines)
