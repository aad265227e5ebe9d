"""docs/conformance.md is what the list and the simulator say today."""

from pathlib import Path

from ptpstack.conform.docs import document

PAGE = Path(__file__).parents[2] / "docs" / "conformance.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == document(), "run: python -m ptpstack.conform.docs docs/conformance.md"
