"""`[ntp.server]`: off until asked, and what is told of one that cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptpstack.config import from_dict
from ptpstack.config.problems import InvalidConfigError

PAGE = Path(__file__).parents[2] / "docs" / "ntp-server.md"

BROKEN = {
    "nowhere": ({"port": 1123}, "ntp.server: listens nowhere"),
    "no address": ({"listen": ["eth0"]}, 'ntp.server.listen[0]: "eth0" is no address'),
    "no prefix": ({"listen": ["::"], "allow": ["10.0.0.0/40"]}, 'ntp.server.allow[0]: "10.0.0.0/40" is no prefix'),
    "no such clock": ({"listen": ["::"], "clock": "gnss"}, "ntp.server.clock: "),
    "auto": ({"listen": ["::"], "clock": "auto"}, 'ntp.server.clock: "auto" is no clock here'),
    "stamps of no NIC": ({"listen": ["::"], "timestamping": "hardware"}, "ntp.server.interface: is missing"),
    "burst of nothing": ({"listen": ["::"], "rate_burst": 3}, "ntp.server.rate_burst: means nothing without a limit"),
    "orphans that do not know each other": (
        {"listen": ["::"], "orphan": True},
        "ntp.server.local_stratum: is missing",
    ),
    "an orphan alone": (
        {"listen": ["::"], "orphan": True, "local_stratum": 10},
        "ntp.server.orphan: has nobody to agree with",
    ),
    "a wait for nothing": (
        {"listen": ["::"], "orphan_wait_s": 10.0},
        "ntp.server.orphan_wait_s: means nothing without orphan",
    ),
    "half of NTS": ({"listen": ["::"], "nts": {"port": 5}}, "ntp.server.nts.certificate_file: is missing"),
    "no private key": (
        {"listen": ["::"], "nts": {"certificate_file": "/c.pem"}},
        "ntp.server.nts.private_key_file: is missing",
    ),
    "unknown key": ({"listen": ["::"], "stratum": 3}, "ntp.server.stratum: unknown key"),
}


def test_without_a_word_there_is_no_server() -> None:
    assert from_dict({"ntp": {"source": [{"address": "192.0.2.1"}]}}).ntp.server.listen == ()


def test_a_server_needs_no_source_and_no_instance() -> None:
    assert from_dict({"ntp": {"server": {"listen": ["0.0.0.0", "::1"]}}}).ntp.server.port == 123


@pytest.mark.parametrize(("table", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_is_told(table: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        from_dict({"ntp": {"server": table}})
    assert says in str(caught.value)
