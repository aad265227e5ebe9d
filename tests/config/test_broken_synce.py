"""Mistakes in ``[synce]``, and what the user is told."""

from pathlib import Path

import pytest

from tests.config.broken import GOOD, Broken

BROKEN = [
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
]


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.name)
def test_a_mistake_is_explained(broken: Broken, tmp_path: Path) -> None:
    broken.is_explained(tmp_path)
