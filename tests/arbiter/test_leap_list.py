"""The two formats in which systems carry leap seconds, and damaged ones."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ptpstack.arbiter.leap_list import NTP_TO_UNIX_S, LeapList, parse_leap_list
from ptpstack.errors import WireError

LAST_S = 1_483_228_800  # 2017-01-01
IERS = Path("/usr/share/zoneinfo/leap-seconds.list")
ZIC = Path("/usr/share/zoneinfo/leapseconds")

SHORT = f"""\
#	a comment
#$	3960835200
#@	{LAST_S + 10 * 365 * 86_400 + NTP_TO_UNIX_S}
2272060800	10	# 1 Jan 1972
2287785600	11	# 1 Jul 1972
"""


@pytest.mark.parametrize("path", [IERS, ZIC])
def test_the_system_s_own_lists_say_the_same(path: Path) -> None:
    if not path.exists():
        pytest.skip(f"{path} is not there (package tzdata)")
    found = parse_leap_list(path.read_text())
    assert found.tai_offset_s(LAST_S - 1) == 36
    assert found.tai_offset_s(LAST_S) == 37
    assert found.change_s(LAST_S - 1) == 1
    assert found.change_s(LAST_S - 86_400) == 1
    assert found.change_s(LAST_S - 86_401) == 0
    assert found.change_s(LAST_S) == 0
    assert found.tai_offset_s(0) == 10
    assert found.expires_s > LAST_S


def test_a_short_list() -> None:
    assert parse_leap_list(SHORT) == LeapList((63_072_000, 78_796_800), (10, 11), LAST_S + 10 * 365 * 86_400)


def test_a_second_that_is_left_out() -> None:
    text = "Leap\t1972\tJun\t30\t23:59:60\t+\tS\nLeap\t2030\tDec\t31\t23:59:59\t-\tS\n#expires 2000000000 (x)\n"
    found = parse_leap_list(text)
    assert found.tai_offsets_s == (10, 11, 10)
    assert found.change_s(found.since_s[-1] - 1) == -1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ((r"^#@.*$", ""), "when it expires"),
        ((r"^#@.*$", "#@\t" + "9" * 12), "when it expires"),
        ((r"^#@.*$", "#@\t" + "9" * 5000), "when it expires"),
        ((r"^2287785600\t11", "2287785600\t12"), "one by one"),
        ((r"^2287785600", "2287785"), "one by one"),
        ((r"^22.*$", "#"), "no leap seconds"),
        ((r"^#\ta comment", "#h\t1 2 3 4 5"), "digest"),
    ],
)
def test_a_list_that_makes_no_sense_is_refused(change: tuple[str, str], why: str) -> None:
    with pytest.raises(WireError, match=why):
        parse_leap_list(re.sub(*change, SHORT, flags=re.MULTILINE))


def test_the_digest_tells_a_changed_entry() -> None:
    if not IERS.exists():
        pytest.skip(f"{IERS} is not there (package tzdata)")
    with pytest.raises(WireError, match="digest"):
        parse_leap_list(IERS.read_text().replace("3692217600", "3692217601"))


@given(st.text(alphabet="Leap 0123456789#@$h\n\tJunDec+-S:", max_size=200))
def test_noise_is_refused(noise: str) -> None:
    with contextlib.suppress(WireError):
        parse_leap_list(noise)
