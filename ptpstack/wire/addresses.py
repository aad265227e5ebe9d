"""Where PTP messages go on each transport (IEEE 1588-2019 Annexes C, D and E)."""

from __future__ import annotations

ETHERTYPE = 0x88F7
EVENT_PORT = 319
"""UDP port of Sync, Delay_Req, Pdelay_Req and Pdelay_Resp, in both directions."""
GENERAL_PORT = 320
"""UDP port of every other message."""

MAC_PRIMARY = bytes.fromhex("011b19000000")
MAC_PEER_DELAY = bytes.fromhex("0180c200000e")
"""Peer delay on Ethernet, and every message of IEEE 802.1AS: bridges do not forward it."""

IPV4_PRIMARY = "224.0.1.129"
IPV4_PEER_DELAY = "224.0.0.107"

IPV6_PRIMARY = "ff0e::181"
"""The group of global scope; see :func:`ipv6_primary` for narrower ones."""
IPV6_PEER_DELAY = "ff02::6b"


def ipv6_primary(scope: int) -> str:
    """Return FF0X::181 for the multicast *scope* X of RFC 4291 (2 link, 5 site, 8 organization, 14 global)."""
    if not 0 < scope < 0xF:
        raise ValueError(f"an IPv6 multicast scope is 1 to 14, not {scope}")
    return f"ff0{scope:x}::181"
