"""One thing is not several."""

import pytest

from ptpstack.words import counted


@pytest.mark.parametrize(("number", "told"), [(0, "0 sources agree"), (1, "1 source agrees"), (2, "2 sources agree")])
def test_things_are_counted_as_people_do(number: int, told: str) -> None:
    assert counted(number, "source agrees", "sources agree") == told
    assert counted(number, "source") == told.rpartition(" ")[0]
