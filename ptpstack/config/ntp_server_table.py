"""The `[ntp.server]` and `[ntp.server.nts]` tables of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from ptpstack.config.table import Table

Prefixes: TypeAlias = tuple[Annotated[str, Meta(min_length=1)], ...]


class NtpServerNts(Table, frozen=True):
    """NTS: proof of where the time comes from. Keys are given out by a process of its own, over TLS 1.3."""

    certificate_file: Annotated[
        str, Meta(description="The server's certificate with its chain, PEM; empty: no NTS. Renewed ones are noticed.")
    ] = ""
    private_key_file: Annotated[str, Meta(description="The certificate's private key, PEM.")] = ""
    port: Annotated[int, Meta(ge=1, le=65535, description="TCP port of key establishment.")] = 4460
    ntp_server: Annotated[
        str, Meta(description="Name or address that clients are to ask for the time; empty: where they got keys.")
    ] = ""
    master_key_file: Annotated[
        str,
        Meta(
            description=(
                "What all keys of cookies come from, the same on every server of a fleet; made where there is none; "
                "empty: nts/master-key.json in the state directory."
            )
        ),
    ] = ""
    rotation_s: Annotated[int, Meta(ge=60, le=31_536_000, description="How long one key of cookies is used.")] = 86_400
    timeout_s: Annotated[float, Meta(gt=0, le=60, description="A client that takes longer to get keys is dropped.")] = (
        5.0
    )
    max_connections: Annotated[int, Meta(ge=1, le=10_000, description="Clients that get keys at a time.")] = 256
    max_connections_per_client: Annotated[
        int, Meta(ge=1, le=10_000, description="Connections of one address at a time.")
    ] = 8


class NtpServer(Table, frozen=True):
    """An NTP server, off until it is told where to listen. It runs in processes beside the one that keeps time."""

    listen: Annotated[
        tuple[Annotated[str, Meta(min_length=1)], ...],
        Meta(description="Addresses, as many as wanted; 0.0.0.0 and :: are all of each family; none: no server."),
    ] = ()
    port: Annotated[int, Meta(ge=1, le=65535, description="UDP port.")] = 123
    clock: Annotated[
        str,
        Meta(min_length=1, description="Whose time is served: system, /dev/ptpN, or the NAME of a `[clock.NAME]`."),
    ] = "system"
    interface: Annotated[
        str, Meta(max_length=15, description="An interface or VRF that the sockets are bound to; empty: none.")
    ] = ""
    namespace: Annotated[
        str, Meta(description="A network namespace, by name or path, in which the sockets are; empty: ours.")
    ] = ""
    timestamping: Annotated[
        Literal["software", "hardware"],
        Meta(
            description="Who stamps packets: the kernel, or the NIC of interface, whose clock is then the one served."
        ),
    ] = "software"
    workers: Annotated[int, Meta(ge=1, le=64, description="Processes that answer; one does for 200,000 a second.")] = 1
    user: Annotated[str, Meta(description="Whom they become when they are started by root; empty: they stay.")] = (
        "nobody"
    )
    allow: Annotated[
        Prefixes, Meta(description="Prefixes that may ask, such as 10.0.0.0/8; the longest match decides; none: all.")
    ] = ()
    deny: Annotated[Prefixes, Meta(description="Prefixes that may not.")] = ()
    rate_interval_s: Annotated[
        float, Meta(ge=0, le=3600, description="How often a client may ask: once in so many seconds; 0: as it likes.")
    ] = 0.0
    rate_burst: Annotated[int, Meta(ge=1, le=10_000, description="How many requests may come at once.")] = 8
    rate_leak: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description=(
                "Of the requests beyond, one in so many is answered, so that who forges an address does not keep its "
                "owner from the time; 0: none."
            ),
        ),
    ] = 4
    rate_kiss: Annotated[
        int, Meta(ge=0, le=1000, description="One in so many gets a kiss-o'-death RATE, which asks for less; 0: none.")
    ] = 0
    client_log: Annotated[
        int, Meta(ge=4, le=24, description="Clients that are counted, log2 (40 octets each, for each worker).")
    ] = 12
    gather_us: Annotated[
        int,
        Meta(
            ge=0,
            le=10_000,
            description=(
                "How long at most to wait for more requests while many come: it saves work, and stamps do not suffer."
            ),
        ),
    ] = 1000
    local_stratum: Annotated[
        int,
        Meta(ge=0, le=15, description="Serve at this stratum while the clock is not synchronized; 0: say so instead."),
    ] = 0
    orphan: Annotated[
        bool,
        Meta(
            description=(
                "Without a source, serve at local_stratum only as the leader of the servers that have none, elected by "
                "the least reference identifier; else follow that one. As chrony's local orphan; name them as sources."
            )
        ),
    ] = False
    orphan_wait_s: Annotated[
        float, Meta(gt=0, le=86_400, description="For how long nothing was followed before this server leads.")
    ] = 300.0
    smear: Annotated[
        bool,
        Meta(description="Spread a leap second over the 24 hours around it, noon to noon, instead of announcing it."),
    ] = False
    dscp: Annotated[int, Meta(ge=0, le=63, description="DiffServ code point of replies.")] = 0
    nts: Annotated[NtpServerNts, Meta(description="With NTS, `[ntp.server.nts]`.")] = NtpServerNts()
