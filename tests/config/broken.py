"""A configuration that is good, ways to get it wrong, and what the user is told: file, line, key, what, next step."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from ptpstack.config import load
from ptpstack.config.problems import InvalidConfigError

GOOD = """\
[instance.main]
domain_number = 0

[[instance.main.port]]
interface = "eth0"
"""

TRANSPARENT = """\
[instance.main]
instance_type = "e2e-tc"

[[instance.main.port]]
interface = "eth0"

[[instance.main.port]]
interface = "eth1"
"""

SECOND = GOOD.replace("instance.main", "instance.second")


@dataclass
class Broken:
    """A configuration with one mistake, and parts of the sentence about it."""

    name: str
    text: str
    says: tuple[str, ...]

    def is_explained(self, directory: Path) -> None:
        """Check that just this one mistake is told."""
        path = directory / "ptp.toml"
        path.write_text(self.text, encoding="utf-8")
        with pytest.raises(InvalidConfigError) as caught:
            load(path)
        message = str(caught.value)
        assert len(caught.value.problems) == 1, message
        assert message.startswith(str(path))
        for part in self.says:
            assert part in message
