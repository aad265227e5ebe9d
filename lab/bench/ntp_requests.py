"""The requests of the NTP bench: a client's usual one, and NTS ones with keys and cookies that a server gave out."""

from __future__ import annotations

import os
from pathlib import Path

from lab.namespaces import Node
from ntp.nts.aead import NONCE_OCTETS, Aead, Algorithm
from ntp.nts.fields import UNIQUE_IDENTIFIER_OCTETS, Cookie, UniqueIdentifier, seal
from ntp.nts.key_exchange import ExchangeRequest
from ntp.nts.key_exchange_child import exchange
from ntp.wire.packet import Packet, encode_without_mac

ALGORITHM = Algorithm.AES_SIV_CMAC_256
"""The one that every server knows."""


def plain_request() -> bytes:
    """Return a request that tells nothing of its sender (RFC 9109)."""
    return encode_without_mac(Packet(precision=32, transmit_timestamp=int.from_bytes(os.urandom(8), "big")))


def nts_requests(node: Node, server: str, ca_file: Path, sessions: int) -> list[bytes]:
    """Return a request with each of the cookies of so many key establishments, from *node* with *server*."""
    asked = ExchangeRequest(host=server, ca_file=str(ca_file), algorithms=(ALGORITHM,))
    grants = [node.inside(lambda: exchange(asked)) for _ in range(sessions)]
    requests = []
    for cookie_number in range(len(grants[0].cookies)):
        for grant in grants:
            packet = Packet(precision=32, transmit_timestamp=int.from_bytes(os.urandom(8), "big"))
            cookie = Cookie(grant.cookies[cookie_number])
            packet.extension_fields = (UniqueIdentifier(os.urandom(UNIQUE_IDENTIFIER_OCTETS)), cookie)
            nonce = os.urandom(NONCE_OCTETS[ALGORITHM])
            requests.append(seal(encode_without_mac(packet), (), Aead(ALGORITHM, grant.c2s), nonce))
    return requests
