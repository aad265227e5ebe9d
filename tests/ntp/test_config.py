"""`[ntp]` in the configuration file: what it becomes, and what it must not say."""

from __future__ import annotations

import re
import tomllib
from fractions import Fraction
from pathlib import Path

import pytest

from ntp.accuracy import plan
from ntp.client.sample import StampSource
from ntp.keys import Key
from ntp.resolver import Resolved
from ntp.selection_reasons import Reason
from ptpstack.config import from_dict
from ptpstack.config.model import Config
from ptpstack.config.ntp_rules import ntp_writers
from ptpstack.config.ntp_table import NtpSource, accuracy_of
from ptpstack.config.problems import InvalidConfigError
from ptpstack.daemon.ntp_build import _count, _settings, read_key_file
from ptpstack.daemon.ntp_source import NtpSourceState
from ptpstack.errors import ConfigError
from ptpstack.time import MICROSECOND, MILLISECOND, MonotonicTime


def read(text: str) -> Config:
    return from_dict(tomllib.loads(text))


SHORTEST = '[[ntp.source]]\naddress = "ntp.example"\n'


def test_one_source_is_a_configuration() -> None:
    config = read(SHORTEST)
    assert config.ntp.clock == "system"
    assert ntp_writers(config, "system") == ["ntp"]
    assert ntp_writers(config, "/dev/ptp0") == []


def test_free_running_steers_nothing() -> None:
    assert ntp_writers(read(f"[ntp]\nfree_running = true\n{SHORTEST}"), "system") == []


def test_what_a_source_leaves_open_follows_from_the_accuracy() -> None:
    config = read('[[ntp.source]]\naddress = "a"\n[[ntp.source]]\naddress = "b"\nmax_poll = 2\ninterleaved = true\n')
    needed = plan(MILLISECOND)
    first, second = (
        _settings(needed, source, "x", keys={}, proofs={}, stamps=StampSource.KERNEL) for source in config.ntp.source
    )
    assert (first.min_poll, first.max_poll, first.interleaved) == (needed.min_poll, needed.max_poll, False)
    assert (second.min_poll, second.max_poll, second.interleaved) == (2, 2, True)


def test_the_volunteers_of_a_pool_are_spared() -> None:
    config = read(f"{SHORTEST}pool = true\n[[ntp.source]]\naddress = 'own'\npool = true\nmin_poll = 2\n")
    first, second = (
        _settings(plan(100 * MICROSECOND), source, "x", keys={}, proofs={}, stamps=StampSource.KERNEL)
        for source in config.ntp.source
    )
    assert (first.min_poll, first.max_poll) == (6, 6)
    assert second.min_poll == 2


@pytest.mark.parametrize(
    ("keys", "count"), [("", 1), ("pool = true", 4), ("pool = true\ncount = 2", 2), ("count = 3", 3)]
)
def test_a_pool_is_asked_as_often_as_accuracy_needs(keys: str, count: int) -> None:
    (source,) = read(f"{SHORTEST}{keys}\n").ntp.source
    assert _count(source, plan(100 * MICROSECOND)) == count


WRONG = {
    '[ntp]\nclock = "auto"\n' + SHORTEST: ("ntp.clock", "no clock here"),
    '[ntp]\nclock = "sytem"\n' + SHORTEST: ("ntp.clock", 'no clock "sytem"'),
    '[ntp]\naccuracy = "fast"\n' + SHORTEST: ("ntp.accuracy", "not of the right form"),
    "[ntp]\nmin_sources = 2\n": ("ntp", "has no source"),
    SHORTEST + SHORTEST: ("ntp.source[1].address", "is asked already"),
    f"{SHORTEST}port = 124\n{SHORTEST}": ("ntp.source[1].address", "is asked already"),
    SHORTEST + "key = 3\n": ("ntp.source[0].key", "there are no keys"),
    SHORTEST + "min_poll = 5\nmax_poll = 4\n": ("ntp.source[0].min_poll", "5 is above max_poll, 4"),
    SHORTEST + "iburts = true\n": ("ntp.source[0].iburts", "unknown key"),
    '[ntp]\nauthentication = "require"\n' + SHORTEST: ("ntp.authentication", "no source has a key"),
}


@pytest.mark.parametrize(("text", "problem"), WRONG.items())
def test_what_a_file_must_not_say(text: str, problem: tuple[str, str]) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        read(text)
    assert any(found.key == problem[0] and problem[1] in found.what for found in caught.value.problems), caught.value


def test_keys_are_read_from_their_file(tmp_path: Path) -> None:
    file = tmp_path / "ntp.keys"
    file.write_text("3 SHA256 ASCII:word\n")
    config = read(f'[ntp]\nkey_file = "{file}"\n{SHORTEST}key = 3\n')
    assert read_key_file(config.ntp) == {3: Key(3, "SHA256", b"word")}


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "cannot be read"), (b"4 SHA256 ASCII:word", "there is no key 3"), (b"3 MD5 ASCII:word", "MD5 is refused")],
)
def test_a_bad_key_file_is_told(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "ntp.keys"
    if content is not None:
        file.write_bytes(content)
    config = read(f'[ntp]\nkey_file = "{file}"\n{SHORTEST}key = 3\n')
    with pytest.raises(ConfigError, match=said) as caught:
        read_key_file(config.ntp)
    assert "word" not in str(caught.value)


GUIDE = (Path(__file__).parents[2] / "docs" / "ntp-client.md").read_text()


@pytest.mark.parametrize(
    "row", re.findall(r"^\| ([\d]+ [mun]?s) \| (.*?) \| (\d) \| (yes|no) \| the (\w+)'s \|$", GUIDE, re.MULTILINE)
)
def test_the_table_of_the_guide_is_what_is_planned(row: tuple[str, ...]) -> None:
    needed = plan(accuracy_of(row[0]))
    stamps = {"daemon": StampSource.DAEMON, "kernel": StampSource.KERNEL, "NIC": StampSource.HARDWARE}
    polls = [float(Fraction(text)) for text in row[1].split(" … ")]
    assert [polls[0], polls[-1]] == [2.0**needed.min_poll, 2.0**needed.max_poll]
    assert (int(row[2]), row[3] == "yes") == (needed.sources, needed.interleaved)
    assert stamps[row[4]] is needed.stamps


def test_the_guide_explains_every_sign() -> None:
    explained = set(re.findall(r"`(.)`", "".join(re.findall(r"^\| (`.*?) \|", GUIDE, re.MULTILINE))))
    assert explained == {reason.symbol for reason in Reason}


@pytest.mark.parametrize("row", re.findall(r"^\| (`.`.*?) \| (.*?) \|", GUIDE, re.MULTILINE))
def test_the_lines_of_the_guide_begin_as_what_is_said(row: tuple[str, str]) -> None:
    signs, begins = re.findall(r"`(.)`", row[0]), re.split(r" …| \(", row[1])[0]
    said = [reason.sentence.split(" {")[0] for reason in Reason if reason.symbol in signs]
    if signs == ["?"]:  # nothing of it is asked, so nothing is judged
        without_address, taken = (NtpSourceState(NtpSource(address="x"), 1) for _ in range(2))
        without_address.take(Resolved("x", (), "none"), MonotonicTime(0))
        taken.taken = "y"
        said += [f"not used: {source.lacks}" for source in (without_address, taken)]
    assert any(sentence.startswith(begins) or begins.startswith(sentence) for sentence in said), said
