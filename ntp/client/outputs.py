"""What an association asks for and tells: the outputs of every input, in order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from ntp.client.sample import Sample
from ptpstack.events import Event


@dataclass(slots=True)
class Send:
    """Send *octets* to the server from a port that was not used before (RFC 9109).

    Tell when they left by ``Association.transmitted(context, instant, stamps, now)``: at once by the daemon's own
    clock, and again when a better stamp comes.
    """

    octets: bytes
    context: int


Output: TypeAlias = Send | Sample | Event
