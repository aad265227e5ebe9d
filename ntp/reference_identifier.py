"""The reference identifier by which a server names the one that it follows (RFC 5905 7.3)."""

from __future__ import annotations

import ipaddress

try:
    from _md5 import md5  # type: ignore[import-not-found]  # hashlib loads OpenSSL: 3.6 MB more
except ImportError:
    from hashlib import md5


def reference_id_of(host: str) -> bytes:
    """Return that of the server at *host*: its IPv4 address, or the first octets of a hash of its IPv6 one."""
    packed = ipaddress.ip_address(host.partition("%")[0]).packed
    return packed if len(packed) == 4 else md5(packed, usedforsecurity=False).digest()[:4]
