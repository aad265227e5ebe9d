"""Ways to get a configuration wrong, and what the user is told: file, line, key, what, allowed, next step."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ptpstack.config import load
from ptpstack.config.problems import InvalidConfigError
from ptpstack.errors import ConfigError

GOOD = """\
[instance.main]
domain_number = 0

[[instance.main.port]]
interface = "eth0"
"""


@dataclass
class Broken:
    name: str
    text: str
    says: tuple[str, ...]


TRANSPARENT = """\
[instance.main]
instance_type = "e2e-tc"

[[instance.main.port]]
interface = "eth0"

[[instance.main.port]]
interface = "eth1"
"""

SECOND = GOOD.replace("instance.main", "instance.second")

BROKEN = [
    Broken(
        "asymmetry that nothing can teach",
        GOOD.replace("domain_number = 0", "learn_asymmetry = true"),
        ("instance.main.learn_asymmetry: has no effect", "no source steers the clock"),
    ),
    Broken(
        "SyncE without a port",
        GOOD + "[synce]\nextended = false\n",
        ("ptp.toml:6: synce: has no port", "write [[synce.port]]"),
    ),
    Broken(
        "quality level of the other network option",
        GOOD + '[synce]\nnetwork_option = 2\nquality_level = "EEC1"\n[[synce.port]]\ninterface = "eth0"\n',
        ('synce.quality_level: no quality level "EEC1"', "did you mean EEC2?"),
    ),
    Broken(
        "SyncE port twice",
        GOOD + '[[synce.port]]\ninterface = "eth0"\n[[synce.port]]\ninterface = "eth0"\n',
        ('synce.port[1].interface: "eth0" is there already',),
    ),
    Broken(
        "SyncE input of no source",
        GOOD
        + '[[synce.port]]\ninterface = "eth0"\n'
        + '[[synce.input]]\nname = "gnss"\nquality_level = "PRTC"\nsource = "gps"\n',
        ('synce.input[0].source: no source "gps" (there are none)',),
    ),
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
        "acceptable master that is no identity",
        GOOD + '[[instance.main.acceptable_master]]\nidentity = "grandmaster"\n',
        ("instance.main.acceptable_master[0].identity", "such as 001b19.fffe.000001-2"),
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
        "transparent clock with a one-step port",
        TRANSPARENT + "two_step = false\n",
        (
            'ptp.toml:9: instance.main.port[1].two_step: contradicts instance_type = "e2e-tc"',
            "not how long that stayed",
        ),
    ),
    Broken(
        "transparent clock that shall follow",
        TRANSPARENT.replace('"e2e-tc"', '"e2e-tc"\nslave_only = true'),
        ("ptp.toml:3: instance.main.slave_only: has no effect", "follows nobody"),
    ),
    Broken(
        "transparent clock with a port that shall serve",
        TRANSPARENT + "master_only = true\n",
        ("ptp.toml:9: instance.main.port[1].master_only: has no effect", "follows nobody"),
    ),
    Broken(
        "misspelt key of an instance",
        GOOD.replace("domain_number", "domain_nubmer"),
        ("ptp.toml:2: instance.main.domain_nubmer: unknown key", "did you mean domain_number?"),
    ),
    Broken(
        "the standard's own spelling",
        GOOD + "logSyncInterval = 0\n",
        ("ptp.toml:6: instance.main.port[0].logSyncInterval: unknown key", "did you mean log_sync_interval?"),
    ),
    Broken(
        "misspelt table",
        GOOD + "[servoo]\n",
        ("ptp.toml:6: servoo: unknown key", "did you mean servo?"),
    ),
    Broken(
        "key of another table",
        GOOD + "priority1 = 1\n",
        ("ptp.toml:6: instance.main.port[0].priority1: unknown key", "it belongs in [instance.NAME]"),
    ),
    Broken(
        "key like nothing we know",
        GOOD + "[log]\nzzz = 1\n",
        ("ptp.toml:7: log.zzz: unknown key", "the keys here are format, level, event_file"),
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
        "text for a number",
        GOOD + 'log_announce_interval = "fast"\n',
        ('ptp.toml:6: instance.main.port[0].log_announce_interval: "fast" is not an integer (allowed: -10 to 10)',),
    ),
    Broken(
        "fraction for an integer",
        GOOD.replace("domain_number = 0", "priority1 = 1.5"),
        ("ptp.toml:2: instance.main.priority1: 1.5 is not an integer (allowed: 0 to 255)",),
    ),
    Broken(
        "number for a boolean",
        GOOD.replace("domain_number = 0", "slave_only = 1"),
        ("ptp.toml:2: instance.main.slave_only: 1 is not a boolean (allowed: true, false)",),
    ),
    Broken(
        "number for text",
        GOOD.replace('"eth0"', "0"),
        ("ptp.toml:5: instance.main.port[0].interface: 0 is not text (write it in quotes)",),
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
        "one bracket too few",
        GOOD.replace("[[", "[").replace("]]", "]"),
        ("ptp.toml:4: instance.main.port: is not an array of tables", "write [[instance.main.port]]"),
    ),
    Broken(
        "instance without a name",
        'instance = "eth0"\n',
        ('ptp.toml:1: instance: "eth0" is not a table', "write [instance.NAME] with a name you choose"),
    ),
    Broken(
        "instance's keys without its name",
        "[instance]\ndomain_number = 3\n",
        ("ptp.toml:2: instance.domain_number: is not a table", "write [instance.NAME] with a name you choose"),
    ),
    Broken("number for a table", "log = 3\n" + GOOD, ("ptp.toml:1: log: 3 is not a table",)),
    Broken("nothing", "", ("ptp.toml: no instance", "write [instance.main] and [[instance.main.port]]")),
    Broken(
        "instance without ports",
        "[instance.main]\n",
        ("ptp.toml:1: instance.main: has no port", 'write [[instance.main.port]] and interface = "NAME" below it'),
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
        "two instances steer one clock by name",
        GOOD.replace("domain_number = 0", 'clock = "/dev/ptp0"')
        + SECOND.replace("domain_number = 0", 'clock = "/dev/ptp0"').replace("eth0", "eth1"),
        (
            "ptp.toml:7: instance.second.clock: instance main steers the same clock (/dev/ptp0)",
            "set free_running = true in one, give each its own clock, or write [arbiter] order",
        ),
    ),
    Broken(
        "two instances in order on one clock, and one of them is a boundary clock",
        '[arbiter]\norder = "quality"\n'
        + GOOD
        + '[[instance.main.port]]\ninterface = "eth1"\n'
        + SECOND.replace("domain_number = 0", "domain_number = 1"),
        (
            "instance.second.clock: instance main steers the same clock, and one of the two has several ports",
            "it would announce its own grandmaster while the clock follows the other's",
        ),
    ),
    Broken(
        "an order that is none",
        '[arbiter]\norder = "best"\n' + GOOD,
        ("arbiter.order",),
    ),
    Broken(
        "two instances steer the clock of one interface",
        GOOD + SECOND.replace("domain_number = 0", "domain_number = 1"),
        ("instance.second.clock: instance main steers the same clock (the clock of eth0)",),
    ),
    Broken(
        "two instances steer the system clock, one by name, one by software stamps",
        GOOD.replace("domain_number = 0", 'clock = "system"')
        + SECOND.replace("eth0", "eth1")
        + 'timestamping = "software"\n',
        ("instance.second.clock: instance main steers the same clock (system)",),
    ),
    Broken(
        "unknown clock",
        GOOD.replace("domain_number = 0", 'clock = "carr"') + '[clock.car]\ntype = "soft"\n',
        (
            'ptp.toml:2: instance.main.clock: no clock "carr"',
            "there are auto, system, car and /dev/ptpN",
            "did you mean car?",
        ),
    ),
    Broken(
        "clock of an unknown type",
        GOOD + '[clock.car]\ntype = "software"\n',
        ('ptp.toml:7: clock.car.type: "software" is not a choice (choices: phc, soft, system)', "did you mean soft?"),
    ),
    Broken(
        "clock named as if it were the system's",
        GOOD + '[clock.system]\ntype = "soft"\n',
        ("ptp.toml:6: clock.system: is a name with a meaning of its own", "choose another"),
    ),
    Broken(
        "key of a soft clock for a real one",
        GOOD + '[clock.second]\ntype = "phc"\ndevice = "/dev/ptp1"\noffset_ns = 1\n',
        ("ptp.toml:9: clock.second.offset_ns: has no effect", 'it belongs to soft, and type is "phc"'),
    ),
    Broken(
        "hardware clock without a device",
        GOOD + '[clock.second]\ntype = "phc"\n',
        ("ptp.toml:6: clock.second.device: is missing", "`ptpstack nics` lists them"),
    ),
    Broken(
        "one clock described twice",
        GOOD + '[clock.a]\ntype = "system"\n[clock.b]\ntype = "system"\n',
        ("ptp.toml:8: clock.b: is the same clock as a",),
    ),
    Broken(
        "clock that follows what is not there",
        GOOD + '[clock.system]\ntype = "system"\nfollows = "ptp0"\n',
        ('ptp.toml:8: clock.system.follows: no clock "ptp0"', "there are auto, system and /dev/ptpN"),
    ),
    Broken(
        "clock that follows a soft one",
        GOOD + '[clock.car]\ntype = "soft"\n[clock.system]\ntype = "system"\nfollows = "car"\n',
        ("ptp.toml:10: clock.system.follows: car is a soft clock",),
    ),
    Broken(
        "clocks that follow each other",
        GOOD + '[clock.a]\ntype = "phc"\ndevice = "/dev/ptp1"\nfollows = "/dev/ptp1"\n',
        ("ptp.toml:9: clock.a.follows: goes round in a circle",),
    ),
    Broken(
        "clock that an instance steers follows another",
        GOOD.replace("domain_number = 0", 'clock = "/dev/ptp0"')
        + '[clock.a]\ntype = "phc"\ndevice = "/dev/ptp0"\nfollows = "/dev/ptp1"\n',
        ("ptp.toml:9: clock.a.follows: instance main steers this clock", "set free_running = true in the instance"),
    ),
    Broken(
        "clock that follows an instance that is not there",
        '[clock.system]\ntype = "system"\nfollows = "auto"\n',
        ("ptp.toml:3: clock.system.follows: there is no instance whose clock it could be", "name the clock"),
    ),
    Broken(
        "two sources for one clock",
        '[source.a]\ntype = "pps"\nclock = "/dev/ptp0"\n[source.b]\ntype = "pps"\nclock = "/dev/ptp0"\n',
        ("ptp.toml:6: source.b.clock: source a steers the same clock",),
    ),
    Broken(
        "clock that pulses steer follows another",
        '[source.gnss]\ntype = "pps"\nclock = "a"\n'
        '[clock.a]\ntype = "phc"\ndevice = "/dev/ptp0"\nfollows = "/dev/ptp1"\n',
        ("ptp.toml:7: clock.a.follows: source gnss steers this clock",),
    ),
    Broken(
        "pulses for the system clock",
        '[source.gnss]\ntype = "pps"\nclock = "system"\n',
        ('ptp.toml:3: source.gnss.clock: "system" is no hardware clock',),
    ),
    Broken(
        "receiver without a port",
        '[source.gnss]\ntype = "pps"\nclock = "/dev/ptp0"\ntime_of_day = "nmea"\n',
        ("ptp.toml:1: source.gnss.serial_port: is missing",),
    ),
    Broken(
        "key of another time of day",
        '[source.gnss]\ntype = "pps"\nclock = "/dev/ptp0"\nbaud_rate = 4800\n',
        ("ptp.toml:4: source.gnss.baud_rate: has no effect", 'it belongs to nmea and ubx, and time_of_day is "system"'),
    ),
    Broken(
        "seconds named by what follows the pulses",
        '[source.gnss]\ntype = "pps"\nclock = "/dev/ptp0"\n[clock.system]\ntype = "system"\nfollows = "/dev/ptp0"\n',
        ("ptp.toml:1: source.gnss.time_of_day: the system clock cannot name the seconds of what it follows",),
    ),
    Broken(
        "pulse longer than its period",
        '[output.pps]\nclock = "/dev/ptp0"\nperiod_ns = 1000\nwidth_ns = 1000\n',
        ("ptp.toml:4: output.pps.width_ns: a pulse must be shorter than its period",),
    ),
    Broken(
        "two outputs on one channel",
        '[output.a]\nclock = "/dev/ptp0"\n[output.b]\nclock = "/dev/ptp0"\n',
        ("ptp.toml:3: output.b.channel: output a uses the same channel of this clock",),
    ),
    Broken(
        "hardware stamps for a soft clock",
        GOOD.replace("domain_number = 0", 'clock = "car"') + 'timestamping = "hardware"\n[clock.car]\ntype = "soft"\n',
        (
            'ptp.toml:6: instance.main.port[0].timestamping: "hardware" contradicts clock = "car"',
            "a soft clock reads the kernel's stamps",
        ),
    ),
    Broken(
        "frequency that is not a number",
        GOOD + '[clock.car]\ntype = "soft"\nfrequency_error_ppb = nan\n',
        ("ptp.toml:8: clock.car.frequency_error_ppb: NaN is out of range (allowed: -1000000.0 to 1000000.0)",),
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
    Broken(
        "master-only port of a slave-only clock",
        GOOD.replace("domain_number = 0", "slave_only = true") + "master_only = true\n",
        ("ptp.toml:6: instance.main.port[0].master_only: contradicts slave_only of the instance",),
    ),
    Broken(
        "both spellings of one key",
        GOOD.replace("domain_number = 0", "slave_only = true\ntime_receiver_only = false"),
        ("ptp.toml:3: instance.main.time_receiver_only: is another name of slave_only, which is given too",),
    ),
    Broken(
        "interval of the mechanism that is not used",
        GOOD + "log_min_pdelay_req_interval = 0\n",
        (
            "ptp.toml:6: instance.main.port[0].log_min_pdelay_req_interval: has no effect",
            'it belongs to p2p, and delay_mechanism is "e2e"',
        ),
    ),
    Broken(
        "mode as decimal digits",
        GOOD + "[control]\nmode = 660\n",
        ("ptp.toml:7: control.mode: 0o1224 is out of range (allowed: 0o0 to 0o777)",),
    ),
    Broken("not TOML", GOOD + "oops\n", ("ptp.toml:6: is not TOML", "at line 6")),
    Broken("key given twice", GOOD + 'interface = "eth1"\n', ("ptp.toml:6: is not TOML", "at line 6")),
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_broken_config_is_explained(broken: Broken, tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(broken.text, encoding="utf-8")
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    message = str(caught.value)
    assert len(caught.value.problems) == 1, message
    assert message.startswith(str(path))
    for part in broken.says:
        assert part in message


def test_what_the_table_breaks_is_good(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load(path).instance["main"].port[0].interface == "eth0"


def test_all_problems_are_told_at_once_in_the_order_of_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_text(
        '[instance.main]\nslave_only = "yes"\npriority1 = 256\n'
        '[[instance.main.port]]\nintreface = "eth0"\nlog_sync_interval = 3\n'
        "[instance.second]\nclock_class = 6\nslave_only = true\n"
        '[[instance.second.port]]\ninterface = "eth1"\nmaster_only = true\n'
        "[servo]\nstep_threshold_ns = -1\n",
        encoding="utf-8",
    )
    with pytest.raises(InvalidConfigError) as caught:
        load(path)
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [
        (2, "instance.main.slave_only"),
        (3, "instance.main.priority1"),
        (4, "instance.main.port[0].interface"),
        (5, "instance.main.port[0].intreface"),
        (6, "instance.main.port[0].log_sync_interval"),
        (8, "instance.second.clock_class"),
        (12, "instance.second.port[0].master_only"),
        (14, "servo.step_threshold_ns"),
    ]


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"ptp.toml: cannot be read .No such file"):
        load(tmp_path / "ptp.toml")


def test_a_directory_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot be read .Is a directory"):
        load(tmp_path)


def test_a_file_that_is_not_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "ptp.toml"
    path.write_bytes(b"[instance.main]\n\xff\xfe")
    with pytest.raises(ConfigError, match=r"is not UTF-8 text .at byte 16"):
        load(path)
