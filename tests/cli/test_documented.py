"""Every command line in the documentation is one that the program understands."""

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
