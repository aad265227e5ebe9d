"""Mistakes in ``[clock]`` and ``[arbiter]``, and which instance steers which clock, and what the user is told."""

from pathlib import Path

import pytest

from tests.config.broken import GOOD, SECOND, Broken

BROKEN = [
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
        "clock that pulses steer follows another",
        '[source.gnss]\ntype = "pps"\nclock = "a"\n'
        '[clock.a]\ntype = "phc"\ndevice = "/dev/ptp0"\nfollows = "/dev/ptp1"\n',
        ("ptp.toml:7: clock.a.follows: source gnss steers this clock",),
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
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)
