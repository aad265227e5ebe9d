"""What is set for one association, resolved to plain values."""

from __future__ import annotations

from dataclasses import dataclass

from ntp.client.authentication import Authenticator
from ntp.client.sample import StampSource
from ntp.client.samples import MOST_SAMPLES
from ntp.keys import Key
from ptpstack.time import SECOND, TimeInterval


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationSettings:
    """How one server is asked. Polls are exponents of two, in seconds."""

    name: str
    min_poll: int = 6
    max_poll: int = 10
    iburst: bool = True
    interleaved: bool = False
    key: Key | None = None
    authenticator: Authenticator | None = None
    """What proves requests and replies instead of a key, and is not shared with another association: NTS."""
    stamps: StampSource = StampSource.DAEMON
    poll_target: int = 8
    min_samples: int = 6
    max_samples: int = MOST_SAMPLES
    max_delay: TimeInterval = 3 * SECOND
    offset_correction: TimeInterval = 0

    @property
    def version(self) -> int:
        """The NTP version to speak: 4, unless only 3 has room for the key's digest."""
        return 4 if self.key is None else self.key.version
