"""Mistakes in ``[source]`` and ``[output]``, and what the user is told."""

from pathlib import Path

import pytest

from tests.config.broken import Broken

BROKEN = [
    Broken(
        "two sources for one clock",
        '[source.a]\ntype = "pps"\nclock = "/dev/ptp0"\n[source.b]\ntype = "pps"\nclock = "/dev/ptp0"\n',
        ("ptp.toml:6: source.b.clock: source a steers the same clock",),
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
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)
