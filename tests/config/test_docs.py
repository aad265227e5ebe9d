"""What is made from the model is current, and the model explains itself."""

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from ptpstack.config.docs import document
from ptpstack.config.load import load
from ptpstack.config.model import ALIASES, TABLES, Config
from ptpstack.config.schema import schema
from ptpstack.errors import ConfigError
from ptpstack.sim.plan.load import load_plan
from ptpstack.sim.scenario.load import load as load_scenario

CHECKOUT = Path(__file__).parents[2]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
DOCS = CHECKOUT / "docs" / "config.md"


def test_the_committed_page_is_current() -> None:
    assert DOCS.read_text(encoding="utf-8") == document(), "run python -m ptpstack.config.docs docs/config.md"


@pytest.mark.parametrize("table", TABLES.values(), ids=TABLES.keys())
def test_every_key_has_its_meaning_in_the_schema(table: type[msgspec.Struct]) -> None:
    properties = schema()["$defs"][table.__name__]["properties"]
    assert set(table.__struct_fields__) <= set(properties)
    assert all(properties[name].get("description") for name in table.__struct_fields__)


def test_every_table_is_documented() -> None:
    assert {header.strip("[]").split(".")[0] for header in TABLES} == set(Config.__struct_fields__)


def test_the_schema_knows_the_aliases_and_refuses_other_keys() -> None:
    tables = schema()["$defs"]
    found = {alias for table in tables.values() for alias in table["properties"]} & set(ALIASES)
    assert found == set(ALIASES)
    assert all(table["additionalProperties"] is False for table in tables.values())


def configurations(page: Path) -> list[str]:
    return re.findall(r"^```toml\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def parse(text: str, folder: Path) -> None:
    """Read *text* as what it is: a plan, a scenario, or the daemon's file. Raises ``ConfigError``."""
    file = folder / "page.toml"
    file.write_text(text)
    keys = tomllib.loads(text).keys()
    read = load_plan if "plan" in keys else load_scenario if keys & {"host", "at"} else load
    read(file)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_configuration_in_the_docs_can_be_used(page: Path, tmp_path: Path) -> None:
    """What is no whole file goes on from the first one of its page."""
    blocks = configurations(page)
    for block in blocks:
        try:
            parse(block, tmp_path)
        except ConfigError:
            assert block != blocks[0]
            parse(f"{blocks[0]}\n{block}", tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_looks_like_a_configuration_is_marked_as_one(page: Path) -> None:
    fences = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    tables = re.compile(r"^\[\[?[a-z_.]+\]\]?", re.MULTILINE)
    assert [text for language, text in fences if language != "toml" and tables.search(text)] == []
