"""What an accuracy costs: the documented table, and that less accuracy never costs more."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.accuracy import plan
from ptpstack.config.ntp_table import accuracy_of
from ptpstack.time import MICROSECOND, MILLISECOND, NANOSECOND, SECOND


def documented_rows() -> list[list[str]]:
    lines = (plan.__doc__ or "").splitlines()
    edges = [number for number, line in enumerate(lines) if "====" in line]
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines[edges[1] + 1 : edges[2]]]


def words(accuracy: str) -> list[str]:
    needed = plan(accuracy_of(accuracy))

    def seconds(exponent: int) -> str:
        return f"{2**exponent}" if exponent >= 0 else f"1/{2**-exponent}"

    polls = [seconds(needed.min_poll), seconds(needed.max_poll)]
    return [
        accuracy,
        " … ".join(dict.fromkeys(polls)),
        str(needed.sources),
        f"{needed.min_samples} … {needed.poll_target}",
        "yes" if needed.interleaved else "no",
        needed.stamps.label,
    ]


@pytest.mark.parametrize("row", documented_rows(), ids=lambda row: row[0])
def test_the_table_in_the_documentation_is_what_is_planned(row: list[str]) -> None:
    assert words(row[0]) == row


@given(st.integers(100 * NANOSECOND, 100 * SECOND), st.integers(100 * NANOSECOND, 100 * SECOND))
def test_less_accuracy_never_costs_more(one: int, other: int) -> None:
    finer, coarser = plan(min(one, other)), plan(max(one, other))
    assert finer.min_poll <= coarser.min_poll
    assert finer.max_poll <= coarser.max_poll
    assert finer.sources >= coarser.sources
    assert finer.min_samples >= coarser.min_samples
    assert finer.stamps.error <= coarser.stamps.error
    assert finer.min_poll <= finer.max_poll


@pytest.mark.parametrize(
    ("text", "interval"),
    [("1ms", MILLISECOND), ("1 ms", MILLISECOND), ("0.5us", MICROSECOND // 2), ("2s", 2 * SECOND), ("0ns", NANOSECOND)],
)
def test_an_accuracy_is_read(text: str, interval: int) -> None:
    assert accuracy_of(text) == interval
