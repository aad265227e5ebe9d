"""Reference clocks and sinks that cannot be, each told with its line and what to do; and those that can."""

from __future__ import annotations

from pathlib import Path

import pytest

from ptpstack.config.load import load
from ptpstack.errors import ConfigError

NTP = '[ntp]\naccuracy = "1ms"\n'
GPSD = '[[ntp.reference]]\nname = "gps"\ntype = "gpsd"\n'
SOCK = '[[ntp.reference]]\nname = "sock"\ntype = "sock"\npath = "/run/a.sock"\n'
SINK = '[sink.chrony]\ntype = "sock"\npath = "/run/b.sock"\nclock = "/dev/ptp0"\n'

BROKEN = {
    "a socket without a place": (NTP + '[[ntp.reference]]\nname = "a"\ntype = "sock"\n', "path: is missing"),
    "a key of another type": (NTP + GPSD + "unit = 3\n", "unit: has no effect"),
    "a delay of pulses": (NTP + SOCK + "delay_ns = 5\n", 'it belongs to gpsd and nmea and ubx, and type is "sock"'),
    "a name twice": (NTP + GPSD + SOCK.replace('"sock"\ntype', '"gps"\ntype'), "another source has this name"),
    "a name as a server's": (
        NTP + '[[ntp.source]]\naddress = "gps"\n' + GPSD,
        "ntp.reference[0].name: another source has this name",
    ),
    "the same socket twice": (NTP + SOCK + SOCK.replace('"sock"\ntype', '"two"\ntype'), "reads the same as"),
    "a clock that does not stamp them": (
        '[ntp]\nclock = "/dev/ptp0"\n' + GPSD,
        "is not what reference clocks stamp with",
    ),
    "a sink without a place": ('[sink.a]\ntype = "sock"\nclock = "/dev/ptp0"\n', "path: is missing"),
    "a sink of shm with a path": (
        '[sink.a]\ntype = "shm"\npath = "/run/x"\nclock = "/dev/ptp0"\n',
        "path: has no effect",
    ),
    "two sinks to one place": (SINK + SINK.replace("chrony", "other"), "writes to the same place"),
    "a sink of no clock": (SINK.replace("/dev/ptp0", "gnss"), 'no clock "gnss"'),
    "a sink on a clock that NTP steers": (
        SINK.replace("/dev/ptp0", "system") + NTP + GPSD,
        "[ntp] steers the system clock",
    ),
}


def explanation(tmp_path: Path, text: str) -> str:
    file = tmp_path / "ptp.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        load(file)
    return str(raised.value)


@pytest.mark.parametrize(("text", "why"), BROKEN.values(), ids=BROKEN)
def test_what_cannot_be_is_explained(text: str, why: str, tmp_path: Path) -> None:
    assert why in explanation(tmp_path, text)


@pytest.mark.parametrize(
    "text",
    [
        NTP + GPSD + SOCK,
        SINK,
        SINK.replace("/dev/ptp0", "system") + '[ntp]\nfree_running = true\n[[ntp.source]]\naddress = "a.example"\n',
    ],
    ids=["reference clocks alone", "a sink alone", "a sink of what NTP only measures"],
)
def test_what_can_be_is_taken(text: str, tmp_path: Path) -> None:
    file = tmp_path / "ptp.toml"
    file.write_text(text)
    assert load(file)
