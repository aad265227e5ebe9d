"""Mistakes in ``[[instance.NAME.port]]``, and what the user is told."""

from pathlib import Path

import pytest

from tests.config.broken import GOOD, SECOND, TRANSPARENT, Broken

BROKEN = [
    Broken(
        "tag over UDP",
        GOOD + 'transport = "udpv4"\nvlan = "tagged"\n',
        ('ptp.toml:7: instance.main.port[0].vlan: "tagged" has no effect', "name a VLAN interface such as eth0.100"),
    ),
    Broken(
        "number of a VLAN without a tag",
        GOOD + "vlan_id = 5\n",
        ("ptp.toml:6: instance.main.port[0].vlan_id: has no effect", 'write vlan = "tagged"'),
    ),
    Broken(
        "tag that the profile forbids",
        GOOD.replace("domain_number = 0", 'profile = "g8275-1"') + 'vlan = "tagged"\n',
        ('ptp.toml:6: instance.main.port[0].vlan: "tagged" is not a choice', "allowed: untagged by profile g8275-1"),
    ),
    Broken(
        "way to ask, peer to peer",
        GOOD.replace("domain_number = 0", 'profile = "default-p2p"') + 'delay_request = "unicast"\n',
        ("ptp.toml:6: instance.main.port[0].delay_request: has no effect", "it belongs to e2e"),
    ),
    Broken(
        "localPriority in a profile that does not know it",
        GOOD + "local_priority = 1\n",
        ("ptp.toml:6: instance.main.port[0].local_priority: has no effect", "by IEEE 1588-2019 9.3.4"),
    ),
    Broken(
        "transparent clock with a one-step port",
        TRANSPARENT + "two_step = false\n",
        (
            'ptp.toml:9: instance.main.port[1].two_step: contradicts instance_type = "e2e-tc"',
            "not how long that stayed",
        ),
    ),
    Broken(
        "transparent clock with a port that shall serve",
        TRANSPARENT + "master_only = true\n",
        ("ptp.toml:9: instance.main.port[1].master_only: has no effect", "follows nobody"),
    ),
    Broken(
        "outside the profile",
        GOOD + "log_sync_interval = -4\n",
        (
            "ptp.toml:6: instance.main.port[0].log_sync_interval: -4 is out of range",
            "allowed: -1 to 1 by profile default-e2e, IEEE 1588-2019 I.3",
            "enforce_profile = false in the instance lets it pass",
        ),
    ),
    Broken(
        "no such choice",
        GOOD + 'transport = "udp4"\n',
        (
            'ptp.toml:6: instance.main.port[0].transport: "udp4" is not a choice (choices: l2, udpv4, udpv6)',
            "did you mean udpv4?",
        ),
    ),
    Broken(
        "delay mechanism of the other profile",
        GOOD.replace("domain_number = 0", 'profile = "default-p2p"') + 'delay_mechanism = "e2e"\n',
        (
            'ptp.toml:6: instance.main.port[0].delay_mechanism: "e2e" is not a choice',
            "allowed: p2p by profile default-p2p, IEEE 1588-2019 I.4",
        ),
    ),
    Broken(
        "name no interface can have",
        GOOD.replace("eth0", "a-very-long-interface"),
        ('port[0].interface: "a-very-long-interface" is too long (allowed: 15 characters)',),
    ),
    Broken("empty interface", GOOD.replace("eth0", ""), ("ptp.toml:5: instance.main.port[0].interface: is empty",)),
    Broken(
        "port without interface",
        GOOD.replace("interface =", "master_only = true #"),
        ("ptp.toml:4: instance.main.port[0].interface: is missing",),
    ),
    Broken(
        "the same port twice",
        GOOD + SECOND.replace("[instance.second]", "[instance.second]\nfree_running = true"),
        (
            "ptp.toml:10: instance.second.port[0]: is the same port again",
            "eth0, l2, domain 0: as instance.main.port[0]",
        ),
    ),
    Broken(
        "one interface by one transport twice in an instance",
        GOOD + 'transport = "udpv4"\n[[instance.main.port]]\ninterface = "eth0"\ntransport = "udpv4"\n',
        ("ptp.toml:7: instance.main.port[1]: is the same port again (eth0, udpv4, domain 0",),
    ),
    Broken(
        "one interface with one-step and two-step Syncs",
        GOOD
        + 'transport = "udpv4"\n[[instance.main.port]]\ninterface = "eth0"\ntransport = "udpv6"\ntwo_step = false\n',
        (
            "ptp.toml:10: instance.main.port[1].two_step: contradicts another port",
            "eth0 stamps Syncs one way for all, and two_step is true in instance.main.port[0]",
        ),
    ),
    Broken(
        "master-only port of a slave-only clock",
        GOOD.replace("domain_number = 0", "slave_only = true") + "master_only = true\n",
        ("ptp.toml:6: instance.main.port[0].master_only: contradicts slave_only of the instance",),
    ),
    Broken(
        "interval of the mechanism that is not used",
        GOOD + "log_min_pdelay_req_interval = 0\n",
        (
            "ptp.toml:6: instance.main.port[0].log_min_pdelay_req_interval: has no effect",
            'it belongs to p2p, and delay_mechanism is "e2e"',
        ),
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)
