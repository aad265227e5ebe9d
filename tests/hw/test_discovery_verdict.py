"""One test per rule; the interfaces differ from a good one, or a software one, in what the rule is about."""

from dataclasses import replace

import pytest

from hw.discovery import Bond, Interface, PhcDevice
from hw.ethtool import SOFTWARE_STAMPS, Capability, TimestampingInfo
from hw.timestamping import RxFilter
from hw.verdict import RULES, Use, judge

IGB = TimestampingInfo.from_masks(0x5F, 0, 0b11, 0b11)
PHC_0 = PhcDevice(0, "/dev/ptp0", "igb", "read-write")
GOOD = Interface("eth0", 2, bytes.fromhex("020000000001"), driver="igb", timestamping=IGB, phc=PHC_0)
VETH = Interface("va", 3, bytes.fromhex("020000000002"), kind="veth", timestamping=TimestampingInfo(SOFTWARE_STAMPS))
HARDWARE_ALONE = replace(IGB, capabilities=IGB.capabilities & ~SOFTWARE_STAMPS)


def filters(*kinds: RxFilter) -> TimestampingInfo:
    return replace(IGB, rx_filters=frozenset({RxFilter.NONE, *kinds}))


def capabilities(flags: Capability) -> TimestampingInfo:
    return TimestampingInfo(flags)


CASES = [
    ("loopback", replace(VETH, name="lo", kind="loopback"), Use.UNUSABLE, "loopback: nothing outside this machine"),
    ("bridge", replace(VETH, name="br0", kind="bridge"), Use.UNUSABLE, "bridge: cannot be a PTP port (use its ports)"),
    (
        "no transmit stamps",
        replace(VETH, timestamping=capabilities(Capability.RX_SOFTWARE | Capability.SOFTWARE)),
        Use.UNUSABLE,
        "no transmit stamps: cannot be a PTP port",
    ),
    ("ready", GOOD, Use.READY, "hardware timestamps, PHC 0 (igb): ready"),
    (
        "UDP only",
        replace(GOOD, timestamping=filters(RxFilter.PTP_V2_L4_EVENT)),
        Use.LIMITED,
        "hardware timestamps over UDP only, PHC 0 (igb) (the hardware has no filter for layer 2: use a UDP transport)",
    ),
    (
        "layer 2 only",
        replace(GOOD, timestamping=filters(RxFilter.PTP_V2_L2_EVENT)),
        Use.LIMITED,
        "hardware timestamps over layer 2 only, PHC 0 (igb)",
    ),
    (
        "no event filter",
        replace(GOOD, timestamping=filters(RxFilter.PTP_V1_L4_EVENT)),
        Use.LIMITED,
        "hardware cannot stamp PTP version 2 on arrival (filters: none, ptpv1-l4-event)",
    ),
    (
        "PHC missing",
        replace(GOOD, phc=replace(PHC_0, access="missing")),
        Use.LIMITED,
        "hardware timestamps, but no /dev/ptp0 (in a container pass the device in (--device /dev/ptp0)",
    ),
    (
        "PHC refused",
        replace(GOOD, phc=replace(PHC_0, access="refused")),
        Use.LIMITED,
        "/dev/ptp0 is not readable (run as root, or join the group that a udev rule gives it to)",
    ),
    (
        "PHC read-only",
        replace(GOOD, phc=replace(PHC_0, access="read-only")),
        Use.LIMITED,
        "/dev/ptp0 cannot be set (run as root, or let a udev rule give write access)",
    ),
    ("software only", VETH, Use.LIMITED, "software timestamps only: microseconds, not nanoseconds; fine for tests"),
    (
        "half of the stamps",
        replace(VETH, timestamping=capabilities(Capability.TX_SOFTWARE)),
        Use.UNUSABLE,
        "neither hardware nor software can stamp both ways",
    ),
    (
        "no fallback",
        replace(GOOD, timestamping=HARDWARE_ALONE, phc=replace(PHC_0, access="missing")),
        Use.UNUSABLE,
        "no software timestamps either",
    ),
    ("no address", replace(VETH, mac=b""), Use.UNUSABLE, "no Ethernet address"),
    ("down", replace(GOOD, up=False, carrier=False), Use.UNUSABLE, "down (ip link set eth0 up)"),
    ("no carrier", replace(GOOD, carrier=False), Use.UNUSABLE, "no carrier (plug in the cable"),
    (
        "VLAN",
        replace(GOOD, name="eth0.7", kind="vlan", vlan_of="eth0", vlan_id=7),
        Use.READY,
        "VLAN 7 on eth0, which does the stamping",
    ),
    (
        "VLAN from elsewhere",
        replace(GOOD, name="v7", kind="vlan", vlan_id=7, parent_elsewhere=True),
        Use.LIMITED,
        "VLAN 7 on an interface of another network namespace",
    ),
    (
        "bond active-backup",
        replace(GOOD, name="bond0", kind="bond", bond=Bond("active-backup", ("eth0", "eth1"), "eth1")),
        Use.READY,
        "bond active-backup, active slave eth1",
    ),
    (
        "bond without an active slave",
        replace(GOOD, name="bond0", kind="bond", bond=Bond("active-backup", ("eth0", "eth1"))),
        Use.UNUSABLE,
        "bond active-backup without an active slave (bring one of its members up)",
    ),
    (
        "bond of another mode",
        replace(GOOD, name="bond0", kind="bond", bond=Bond("802.3ad", ("eth0", "eth1"))),
        Use.LIMITED,
        "bond 802.3ad: requests and answers may take different members (use active-backup",
    ),
    ("member", replace(GOOD, master="bond0"), Use.READY, "part of bond0"),
]


@pytest.mark.parametrize(("rule", "interface", "use", "words"), CASES, ids=[case[0] for case in CASES])
def test_a_rule_applies_limits_the_use_and_says_so(rule: str, interface: Interface, use: Use, words: str) -> None:
    verdict = judge(interface)
    assert rule in [finding.rule for finding in verdict.findings]
    assert verdict.use == use
    assert words in str(verdict)
    assert "\n" not in str(verdict)


def test_every_rule_has_its_test() -> None:
    assert [rule.name for rule in RULES] == [case[0] for case in CASES]


ABILITIES = RULES[: [rule.name for rule in RULES].index("no fallback")]
MASKS = [
    TimestampingInfo.from_masks(capabilities, phc_index, tx_types, rx_filters)
    for capabilities in (*range(0x20), *range(0x40, 0x60))
    for phc_index in (-1, 0)
    for tx_types in (0, 0b11)
    for rx_filters in (0, 1 << 1, 1 << 3, 1 << 6, 1 << 9, 1 << 12)
]


@pytest.mark.parametrize("kind", ["physical", "loopback", "bridge"])
@pytest.mark.parametrize("access", ["read-write", "read-only", "refused", "missing"])
def test_exactly_one_rule_says_what_an_interface_can_do(kind: str, access: str) -> None:
    for info in MASKS:
        phc = replace(PHC_0, access=access) if info.phc_index >= 0 else None
        interface = replace(GOOD, kind=kind, timestamping=info, phc=phc)
        assert len([rule.name for rule in ABILITIES if rule.applies(interface)]) == 1, info


def test_the_worst_finding_decides() -> None:
    assert judge(replace(VETH, up=False, carrier=False)).use == Use.UNUSABLE
    assert judge(replace(VETH, master="br0")).use == Use.LIMITED


def test_what_can_never_be_a_port_is_not_told_to_come_up() -> None:
    assert "down" not in str(judge(replace(VETH, name="br0", kind="bridge", up=False, carrier=False)))
