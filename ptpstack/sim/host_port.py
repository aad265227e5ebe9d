"""A network port of a host: where links are plugged in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ptpstack.sim.network import Attachment, Link
from ptpstack.time import TimeInterval

if TYPE_CHECKING:
    from ptpstack.sim.host import Host


class Port:
    """A network port of a host: where a link is plugged in and frames are stamped.

    Several links are those behind a switch next to it: frames go out on each, none from one to another.
    """

    def __init__(self, host: Host, number: int) -> None:
        self.host = host
        self.number = number
        self.links: list[Link] = []

    @property
    def carrier(self) -> bool:
        """Whether any link is up."""
        return any(link.up for link in self.links)

    def transmit(self, payload: bytes, destination: Port | None) -> None:
        """Send *payload* to *destination* if it is at the other end of a link, else to everybody."""
        direct = [link for link in destination.links if link.joins(self)] if destination is not None else []
        for link in direct or self.links:
            link.transmit(payload, self, destination if direct else None)

    def frame_arrived(self, payload: bytes, source: Attachment, held_back: TimeInterval) -> None:
        """Stamp the frame now; hand it to the program after *held_back*."""
        self.host.frame_arrived(self.number, payload, source, held_back)

    def link_changed(self, up: bool) -> None:
        """Tell the host when the carrier came with the first link, or went with the last."""
        if sum(link.up for link in self.links) == up:
            self.host.link_changed(self.number, up)
