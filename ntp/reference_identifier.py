"""The reference identifier by which a server names the one that it follows (RFC 5905 7.3)."""

from __future__ import annotations

import hashlib
import ipaddress


def reference_id_of(host: str) -> bytes:
    """Return that of the server at *host*: its IPv4 address, or the first octets of a hash of its IPv6 one."""
    packed = ipaddress.ip_address(host.partition("%")[0]).packed
    return packed if len(packed) == 4 else hashlib.md5(packed, usedforsecurity=False).digest()[:4]
