"""What makes a request prove who sent it, and tells whether a reply proves the same: a key, or NTS (``ntp.nts``)."""

from __future__ import annotations

from typing import Protocol

from ntp.client.packet_tests import Rejected, not_authentic
from ntp.keys import Key
from ntp.wire.packet import Mac, Packet, encode, encode_without_mac


class Authenticator(Protocol):
    """The proofs of one association. Nothing here waits or raises."""

    @property
    def version(self) -> int:
        """The NTP version whose packets have room for the proof."""

    @property
    def lacks(self) -> str:
        """Why nothing can be sent now; empty when it can."""

    def protect(self, request: Packet) -> bytes | None:
        """Return the octets of *request* with a proof of its own; None when there is nothing to prove it by now."""

    def check(self, reply: Packet, octets: bytes) -> Rejected | None:
        """Return what is wrong with *reply*, which came as *octets* for the last request; None: it is proven."""


class SymmetricKey:
    """A key that both sides hold; the proof is a digest at the end of the packet."""

    lacks = ""

    def __init__(self, key: Key) -> None:
        self._key = key

    @property
    def version(self) -> int:
        """As the key's."""
        return self._key.version

    def protect(self, request: Packet) -> bytes:
        """Add the digest."""
        request.mac = Mac(self._key.key_id, self._key.digest(encode_without_mac(request)))
        return encode(request)

    def check(self, reply: Packet, octets: bytes) -> Rejected | None:
        """Compare the digest."""
        return not_authentic(reply, octets, self._key)
