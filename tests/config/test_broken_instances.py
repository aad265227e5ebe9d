"""Mistakes in ``[instance.NAME]``, and what the user is told."""

from pathlib import Path

import pytest

from tests.config.broken import GOOD, TRANSPARENT, Broken

BROKEN = [
    Broken(
        "asymmetry that nothing can teach",
        GOOD.replace("domain_number = 0", "learn_asymmetry = true"),
        ("instance.main.learn_asymmetry: has no effect", "no source steers the clock"),
    ),
    Broken(
        "acceptable master that is no identity",
        GOOD + '[[instance.main.acceptable_master]]\nidentity = "grandmaster"\n',
        ("instance.main.acceptable_master[0].identity", "such as 001b19.fffe.000001-2"),
    ),
    Broken(
        "time zone that tzdata does not know",
        GOOD.replace("domain_number = 0", 'local_time = "Europe/Brelin"'),
        ('ptp.toml:2: instance.main.local_time: no time zone "Europe/Brelin"', "tzdata has no such zone"),
    ),
    Broken(
        "transparent clock with one port",
        GOOD.replace("domain_number = 0", 'instance_type = "e2e-tc"'),
        ("ptp.toml:1: instance.main: has one port", "hands messages on from one port to another"),
    ),
    Broken(
        "transparent clock of the other delay mechanism",
        TRANSPARENT.replace("e2e-tc", "p2p-tc"),
        ('delay_mechanism: "e2e" contradicts instance_type = "p2p-tc"', "choose profile default-p2p"),
    ),
    Broken(
        "transparent clock that shall follow",
        TRANSPARENT.replace('"e2e-tc"', '"e2e-tc"\nslave_only = true'),
        ("ptp.toml:3: instance.main.slave_only: has no effect", "follows nobody"),
    ),
    Broken(
        "outside any profile, told once with the profile's range",
        GOOD.replace("domain_number = 0", "domain_number = 256"),
        ("ptp.toml:2: instance.main.domain_number: 256 is out of range", "allowed: 0 to 127 by profile default-e2e"),
    ),
    Broken(
        "outside what the key can be",
        GOOD.replace("domain_number = 0", "enforce_profile = false\ndomain_number = 256"),
        ("ptp.toml:3: instance.main.domain_number: 256 is out of range (allowed: 0 to 255)",),
    ),
    Broken(
        "sdoId of another profile",
        GOOD.replace("domain_number = 0", "sdo_id = 0x100"),
        ("ptp.toml:2: instance.main.sdo_id: 0x100 is out of range", "allowed: 0x0 by profile default-e2e"),
    ),
    Broken(
        "no such profile, where other tables ask who steers their clock",
        GOOD.replace("domain_number = 0", 'profile = "default_e2e"')
        + '[clock.system]\ntype = "system"\nfollows = "auto"\n[sink.chrony]\ntype = "shm"\n',
        ('ptp.toml:2: instance.main.profile: no profile "default_e2e"',),
    ),
    Broken(
        "no such profile",
        GOOD.replace("domain_number = 0", 'profile = "default_e2e"'),
        (
            'ptp.toml:2: instance.main.profile: no profile "default_e2e"',
            "c37-238-2011, c37-238-2017, default-e2e, default-p2p, g8265-1, g8275-1, g8275-2, ",
            "did you mean default-e2e?",
        ),
    ),
    Broken(
        "malformed identity",
        GOOD.replace("domain_number = 0", 'clock_identity = "00:11"'),
        (
            'ptp.toml:2: instance.main.clock_identity: "00:11" is not of the right form',
            "expected: eight octets such as 001b19.fffe.000001",
        ),
    ),
    Broken(
        "instance without ports",
        "[instance.main]\n",
        ("ptp.toml:1: instance.main: has no port", 'write [[instance.main.port]] and interface = "NAME" below it'),
    ),
    Broken(
        "slave of a class that is never one",
        GOOD.replace("domain_number = 0", "slave_only = true\nclock_class = 6"),
        (
            "ptp.toml:3: instance.main.clock_class: 6 contradicts slave_only",
            "a clock of class 127 or less is never a slave, IEEE 1588-2019 Table 4",
            "leave clock_class out: it is 255 then",
        ),
    ),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)
