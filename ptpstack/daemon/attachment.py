"""What the sockets of an interface know of a port that uses them: whom its frames go to, and which it refuses."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Protocol

import msgspec

from hw.sockets import Received
from profiles.loader import RefusedName
from ptpstack.wire.message import Message


class Receiver(Protocol):
    """The instance that a port belongs to, as seen from its sockets. Stamps are ns of the stamping clock."""

    def answer(self, port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        """Return general messages to the primary group that answer event frames, and the frames left to decode."""

    def short_heads(self, port_number: int) -> frozenset[bytes]:
        """Return with which octets the frames begin that :meth:`receive_octets` may take."""

    def receive_octets(self, port_number: int, frame: Received) -> bool:
        """Take a frame without decoding it, or say that it must be decoded."""

    def receive(self, port_number: int, message: Message, stamp_ns: int | None, source: Hashable) -> None:
        """Take a message for this instance's domain."""

    def transmitted(self, port_number: int, context: int, stamp_ns: int | None) -> None:
        """Take the stamp of what was sent with *context*; ``None``: it is lost."""

    def link_changed(self, port_number: int, *, up: bool) -> None:
        """Take whether the port can send and receive now."""


class Attachment(msgspec.Struct, frozen=True):
    """One port of one instance on these sockets."""

    receiver: Receiver
    port_number: int
    refuses: frozenset[RefusedName] = frozenset()
    """Frames that the profile forbids."""

    def why_refused(self, frame: Received) -> str:
        """Return why *frame* may not be used, or nothing."""
        if frame.vlan_id is not None and "vlan_tag" in self.refuses:
            return f"a frame with a VLAN tag (VLAN {frame.vlan_id}), which the profile forbids"
        if frame.is_unicast and "unicast" in self.refuses:
            return "a frame to one address (unicast), which the profile forbids"
        return ""
