"""NTS in the configuration file: what is taken, and what cannot all be true."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptpstack.config import load
from ptpstack.errors import ConfigError

SOURCE = '[[ntp.source]]\naddress = "ntp.test"\n'


def write(folder: Path, text: str) -> Path:
    file = folder / "nts.toml"
    file.write_text(text)
    return file


def test_one_line_makes_a_source_prove_itself(tmp_path: Path) -> None:
    config = load(write(tmp_path, SOURCE + "nts = true\n"))
    (source,) = config.ntp.source
    assert source.nts
    assert (source.nts_port, source.ca_file) == (4460, "")


def test_a_source_with_nts_is_enough_where_authentication_is_required(tmp_path: Path) -> None:
    text = '[ntp]\nauthentication = "require"\n' + SOURCE
    assert load(write(tmp_path, text + "nts = true\n")).ntp.source
    with pytest.raises(ConfigError, match="no source has a key or nts"):
        load(write(tmp_path, text))


@pytest.mark.parametrize(
    ("lines", "what"),
    [
        ("nts_port = 4461", "means nothing without NTS"),
        ('ca_file = "/etc/ca.pem"', "means nothing without NTS"),
        ("nts = true\nkey = 5", "one proof too many"),
        ("nts = true\nport = 124", "is the server's to say"),
    ],
)
def test_what_cannot_be_true_together_is_told_with_the_place(tmp_path: Path, lines: str, what: str) -> None:
    file = write(tmp_path, '[ntp]\nkey_file = "keys"\n' + SOURCE + lines + "\n")
    with pytest.raises(ConfigError, match=what) as caught:
        load(file)
    assert "ntp.source" in str(caught.value)


@pytest.mark.parametrize("lines", ["pool = true", "count = 3", "pool = true\ncount = 2"])
def test_a_name_may_stand_for_several_servers(tmp_path: Path, lines: str) -> None:
    (source,) = load(write(tmp_path, f"{SOURCE}nts = true\n{lines}\n")).ntp.source
    assert source.nts
