"""What the tables of unicast negotiation may say, and what they come to in the engine."""

from typing import Any

import pytest

from ptpstack.config import from_dict, resolve
from ptpstack.config.problems import InvalidConfigError
from ptpstack.core.unicast_settings import UnicastMaster
from ptpstack.wire.types import ClockIdentity

MASTER = {"address": "192.0.2.1"}
ZERO = ClockIdentity()


def config(port: dict[str, Any], **instance: Any) -> dict[str, Any]:
    return {"instance": {"main": {"profile": "g8275-2", **instance, "port": [{"interface": "eth0", **port}]}}}


def test_addresses_are_written_as_the_sockets_write_them() -> None:
    for transport, text, normal in (
        ("udpv4", "192.0.2.1", "192.0.2.1"),
        ("udpv6", "2001:DB8:0::0001", "2001:db8::1"),
        ("l2", "02-AA-00-00-00-01", "02:aa:00:00:00:01"),
    ):
        port = {"transport": transport, "unicast_master": [{"address": text, "local_priority": 3}]}
        [instance] = resolve(from_dict(config(port, enforce_profile=False)))
        client = instance.ports[0].settings.unicast_client
        assert client is not None
        assert client.masters == (UnicastMaster(normal, 3),)
        assert client.duration_s == 300
        assert not instance.ports[0].settings.multicast
        assert instance.instance_settings(instance.clock_identity or ZERO).signal_fail is not None


def test_the_limits_of_a_service_reach_the_engine() -> None:
    table = {"allow": ["10.0.0.0/8", "02-AA-00-00-00-01"], "max_clients": 7, "min_log_sync_interval": -4}
    [instance] = resolve(from_dict(config({"unicast_service": table})))
    service = instance.ports[0].settings.unicast_service
    assert service is not None
    assert service.allow == ("10.0.0.0/8", "02:aa:00:00:00:01")
    assert (service.max_clients, service.min_log_sync_interval, service.batched) == (7, -4, False)


BROKEN: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a name": ({"unicast_master": [{"address": "gm.example"}]}, {}, "names are not looked up"),
    "another family": ({"unicast_master": [{"address": "2001:db8::1"}]}, {}, "wants an IPv4 address"),
    "a group": ({"unicast_master": [{"address": "224.0.1.129"}]}, {}, "the address of no host"),
    "twice": ({"unicast_master": [MASTER, MASTER]}, {}, "192.0.2.1 is asked already"),
    "nobody": ({}, {}, "has nobody to talk to"),
    "master only": ({"unicast_master": [MASTER], "master_only": True}, {}, "follows nobody"),
    "slave only": ({"unicast_service": {}}, {"slave_only": True}, "this port is never a master"),
    "no network": ({"unicast_service": {"allow": ["10.0.0.0/99"]}}, {}, "is no network and no address"),
    "peer delay": (
        {"unicast_master": [MASTER], "delay_mechanism": "p2p"},
        {"enforce_profile": False},
        "contradicts unicast negotiation",
    ),
    "no rank": (
        {"unicast_master": [MASTER | {"local_priority": 2}], "transport": "udpv4"},
        {"profile": "default-e2e"},
        "IEEE 1588-2019 9.3.4",
    ),
    "no grants": (
        {"interface_rate_tlv": True, "transport": "udpv4"},
        {"profile": "default-e2e"},
        "goes along with unicast grants",
    ),
}


@pytest.mark.parametrize(("port", "instance", "said"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_is_told(port: dict[str, Any], instance: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidConfigError) as caught:
        from_dict(config(port, **instance))
    assert said in str(caught.value)
