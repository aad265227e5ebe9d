"""The rules of the house that no other tool checks."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from lab.__main__ import COMMANDS

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = [name for name in ("ptpstack", "hw", "ntp", "profiles", "lab") if (CHECKOUT / name).is_dir()]
MODULES = sorted(path.relative_to(CHECKOUT) for name in PACKAGES for path in (CHECKOUT / name).rglob("*.py"))
TOP_PACKAGES = [path for path in MODULES if path.name == "__init__.py" and len(path.parts) <= 3]
LONGEST_MODULE = 400
LONGER_WITH_REASON: dict[str, str] = {}
"""Modules that may be longer, each with the reason why cutting it would make it harder to read."""


def tracked_files() -> list[Path]:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    return [CHECKOUT / name for name in listing.stdout.split("\0") if name]


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_module_is_short_enough_to_read_in_one_go(module: Path) -> None:
    lines = (CHECKOUT / module).read_text().count("\n")
    assert lines <= LONGEST_MODULE or str(module) in LONGER_WITH_REASON, f"{module} has {lines} lines: cut it"


def test_an_exception_from_the_length_rule_is_still_needed() -> None:
    short = [name for name in LONGER_WITH_REASON if (CHECKOUT / name).read_text().count("\n") <= LONGEST_MODULE]
    assert not short


@pytest.mark.parametrize("package", TOP_PACKAGES, ids=str)
def test_a_package_says_what_lives_there_and_what_does_not(package: Path) -> None:
    says = ast.get_docstring(ast.parse((CHECKOUT / package).read_text())) or ""
    assert "lives here" in says
    assert re.search(r"\bnot\b", says, re.IGNORECASE)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_a_noqa_names_its_rule_and_reason(module: Path) -> None:
    for number, line in enumerate((CHECKOUT / module).read_text().splitlines(), 1):
        if re.search(r"#\s*noqa", line):
            assert re.search(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* \(.+\)", line), f"{module}:{number}: {line.strip()}"


def test_every_dependency_has_its_reason() -> None:
    section = ""
    for line in (CHECKOUT / "pyproject.toml").read_text().splitlines():
        section = line if line.startswith(("[", "dependencies")) else section
        if section.startswith(("dependencies", "[dependency-groups]")) and re.match(r'\s+"', line):
            assert "  # " in line, f"say why: {line.strip()}"


def test_every_version_of_python_that_is_promised_is_tested() -> None:
    promised = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["requires-python"]
    ci = (CHECKOUT / ".ci" / "run").read_text()
    assert promised == ">=3.11"
    assert "find_python 3.11" in ci
    assert "find_python 3.13" in ci


def test_every_command_of_the_lab_exists() -> None:
    for command in COMMANDS:
        module, package = CHECKOUT / "lab" / f"{command}.py", CHECKOUT / "lab" / command / "__main__.py"
        assert module.is_file() or package.is_file(), f"lab/__main__.py promises {command}"


def test_no_file_names_a_machine_or_a_registry() -> None:
    places = re.compile("|".join(["/" + "work/", "/" + r"root/\.", "pypi" + r"\.org", "/" + "home/[a-z]"]))
    found = []
    for path in tracked_files():
        if path.suffix in {".py", ".toml", ".md", ".sh", ".yml"} or path.parent.name == ".ci":
            text = path.read_text(errors="replace") if path.is_file() else ""
            found += [f"{path.relative_to(CHECKOUT)}: {match[0]}" for match in places.finditer(text)]
    assert not found


def test_no_two_events_have_one_name() -> None:
    """Logs, ``why`` and replays know an event by the name of its class."""
    names = Counter(
        node.name
        for module in MODULES
        if module.parts[0] in ("ptpstack", "hw", "ntp")
        for node in ast.parse((CHECKOUT / module).read_text()).body
        if isinstance(node, ast.ClassDef) and _is_event(node)
    )
    assert [name for name, count in names.items() if count > 1] == []


def _is_event(node: ast.ClassDef) -> bool:
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    return bool(bases & {"Event", "PortEventRecord"})
