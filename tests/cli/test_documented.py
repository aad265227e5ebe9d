"""Every command line in the documentation is one that the program understands, and what it says is what it prints."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptpstack.cli.main import COMMANDS, main

CHECKOUT = Path(__file__).parents[2]
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md")))
OPTION = re.compile(r"(?<!\S)--?[a-z][a-z0-9-]*\b")


def options_of(parser: argparse.ArgumentParser) -> set[str]:
    """Return the options of *parser* and of the commands below it."""
    found = set()
    for action in parser._actions:
        found.update(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for below in action.choices.values():
                found |= options_of(below)
    return found


def command_lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the command and what follows it, as far as that is a command line."""
    for found in re.finditer(r"\bptpstack (" + "|".join(COMMANDS) + r")\b([^`\n|#:,]*)", text):
        yield found[1], found[2]


@pytest.mark.parametrize("command", COMMANDS)
def test_its_options_in_the_documentation_exist(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parsers: list[argparse.ArgumentParser] = []

    def parse(parser: argparse.ArgumentParser, _arguments: list[str]) -> argparse.Namespace:
        parsers.append(parser)
        return argparse.Namespace(version=True)

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parse)
    main([command])
    known = options_of(parsers[0])
    assert "--help" in known
    for page in PAGES:
        for called, rest in command_lines(page.read_text()):
            unknown = set(OPTION.findall(rest)) - known if called == command else set()
            assert not unknown, f"{page.name}: ptpstack {called}{rest}"


def fences(text: str) -> Iterator[tuple[str, str]]:
    """Yield the language and the content of each fenced block."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        yield found[1], found[2]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_commands_exist(page: Path) -> None:
    text = page.read_text()
    shells = "".join(block for language, block in fences(text) if language in ("", "sh"))
    called = re.findall(r"^(?:\$ )?ptpstack ([a-z][\w-]*)", shells, re.MULTILINE) + re.findall(
        r"`ptpstack ([a-z][\w-]*)", text
    )
    assert [command for command in called if command not in COMMANDS] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_benches_and_units_that_it_names_exist(page: Path) -> None:
    text = " ".join(page.read_text().split())
    for bench in re.findall(r"\blab bench ([a-z][a-z_]*)`", text):
        assert (CHECKOUT / "lab" / "bench" / f"{bench}.py").is_file(), bench
    for units in re.findall(r"\bsystemctl [a-z]+(?: --now)?((?: ptpstack[\w-]*)+)", text):
        for unit in units.split():
            assert (CHECKOUT / "packaging" / f"{unit}.service").is_file(), unit


SAID = "".join(path.read_text() for path in sorted((CHECKOUT / "ptpstack" / "cli").glob("*.py")))
HEADS = ("clock", "master", "port", "sink", "source")
"""The first column of a table of `ptpstack status`."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_status_that_it_shows_has_columns_and_labels_of_today(page: Path) -> None:
    for language, block in fences(page.read_text()):
        is_status = language in ("", "text")
        lines = [re.split(r"\s{2,}", line.strip()) for line in block.splitlines() if is_status]
        for cells in lines:
            if len(cells) > 2 and cells[0] in HEADS:
                assert [cell for cell in cells if f'"{cell}"' not in SAID] == []
        if re.match(r"NTP server, |\w+: [a-z]+ \(", block):
            labels = re.findall(r"^  ([A-Za-z][\w' ]*?)  +\S", block, re.MULTILINE)
            assert labels
            assert [label for label in labels if f"  {label}  " not in SAID and f'"{label}"' not in SAID] == []
