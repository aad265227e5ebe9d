"""Two ports as a pair: who is whose twin, and what cannot be."""

from typing import Any

import pytest

from ptpstack.config.load import from_dict
from ptpstack.config.problems import InvalidConfigError
from ptpstack.config.resolve import resolve
from ptpstack.wire.types import ClockIdentity


def instance(*ports: dict[str, Any], **values: Any) -> dict[str, Any]:
    return {"instance": {"main": {"profile": "iec-61850-9-3", "port": list(ports)} | values}}


IDENTITY = ClockIdentity.from_text("0000aa.fffe.000001")
A, B, C = ({"interface": name} for name in ("eth0", "eth1", "eth2"))


def test_one_of_both_names_the_other_and_syncs_are_watched() -> None:
    (resolved,) = resolve(from_dict(instance(A, B | {"paired_with": "eth0"}, C)))
    assert [port.settings.paired_port for port in resolved.ports] == [2, 1, 0]
    assert resolved.instance_settings(IDENTITY).signal_fail is not None
    (alone,) = resolve(from_dict(instance(A, B)))
    assert [port.settings.paired_port for port in alone.ports] == [0, 0]
    assert alone.instance_settings(IDENTITY).signal_fail is None


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "itself": (instance(A | {"paired_with": "eth0"}, B), "is no other port of the instance (the others are eth1)"),
    "nobody": (instance(A | {"paired_with": "eth9"}), "it has no other port"),
    "three": (instance(A | {"paired_with": "eth1"}, B, C | {"paired_with": "eth1"}), "pairs are of two"),
    "end to end": (
        instance(A | {"paired_with": "eth1"}, B, profile="default-e2e"),
        "the port that stands by measures its path by peer delay",
    ),
    "transparent": (instance(A | {"paired_with": "eth1"}, B, instance_type="p2p-tc"), "has no effect"),
    "gPTP": (instance(A | {"paired_with": "eth1"}, B, profile="gptp"), "has no effect"),
}


@pytest.mark.parametrize(("table", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_is_told(table: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        from_dict(table)
    assert said in str(caught.value)
