"""Sockets of one port on one interface: event frames with stamps in and out, general frames without.

``open_socket`` is the way in. On any activity of ``event_fileno()`` call both ``transmit_stamps()`` and
``receive_event()``: a waiting transmit stamp makes the descriptor readable (POLLERR) too.

What lives here: Ethernet and UDP framing, group membership, stamps and their keys, typed errors.
What does not: what the payload means; ethertypes, ports and groups are the caller's.
"""

from hw.sockets.base import PortSocket, Received
from hw.sockets.errors import InterfaceDown, InterfaceGone, TransmitFailed
from hw.sockets.keys import TransmitStamp
from hw.sockets.open import Transport, open_socket

__all__ = [
    "InterfaceDown",
    "InterfaceGone",
    "PortSocket",
    "Received",
    "TransmitFailed",
    "TransmitStamp",
    "Transport",
    "open_socket",
]
