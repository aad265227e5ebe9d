"""What the server of NTS-KE is told at its start. Needs no OpenSSL, for those who start it."""

from __future__ import annotations

import msgspec

KE_PORT = 4460


class KeServerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How keys are given out. *ntp_server* empty: the clients ask the address that gave them keys for the time."""

    certificate_file: str
    key_file: str
    master_key_file: str
    listen: tuple[str, ...] = ()
    """Addresses; none: all of them, of IPv4 and IPv6 where the kernel has them."""
    port: int = KE_PORT
    algorithms: tuple[int, ...] = ()
    """None: all that there are."""
    ntp_server: str = ""
    ntp_port: int = 123
    rotation_s: int = 86_400
    timeout_s: float = 5.0
    """From connect to close: a slower client is dropped."""
    max_connections: int = 256
    max_connections_per_client: int = 8
    interface: str = ""
    namespace: str = ""
    user: str = ""
    """Whom the process becomes before anybody can connect, if it is root."""
