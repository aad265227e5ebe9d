"""What is made from the model is current, and the model explains itself."""

import re
from pathlib import Path

import msgspec
import pytest

from ptpstack.config.docs import document
from ptpstack.config.load import load
from ptpstack.config.model import ALIASES, TABLES, Config
from ptpstack.config.schema import schema

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
DOCS = Path(__file__).parents[2] / "docs" / "config.md"


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


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_whole_configuration_in_the_docs_loads(page: Path, tmp_path: Path) -> None:
    blocks = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    for block in (block for block in blocks if "[[instance." in block):
        file = tmp_path / "page.toml"
        file.write_text(block)
        load(file)
