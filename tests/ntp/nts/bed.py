"""A bed for NTS with real peers: two nodes, keys for one from the other, our servers as processes."""

from __future__ import annotations

import os
import random
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hw.soft_clock import SoftClock
from lab.namespaces import Node
from lab.pki import Authority
from ntp.nts.authenticator import NtsAuthenticator
from ntp.nts.ke_server import KeServerSettings
from ntp.nts.key_exchange import ExchangeRequest, Grant, KeyExchange
from tests.ntp.interop.client import LiveClient

from .pair import at

OURS, THEIRS = "10.0.0.1", "10.0.0.2"
FAST = {"min_poll": -2, "max_poll": -2, "iburst": False}


def wait_until(true: Callable[[], bool], within_s: float = 40) -> None:
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.3)


def ask(node: Node, authority: Authority, **settings: object) -> Grant:
    values: dict[str, object] = {"host": THEIRS, "ca_file": str(authority.file), "timeout_s": 20}
    request = ExchangeRequest(**values | settings)  # type: ignore[arg-type]
    exchange = node.inside(lambda: KeyExchange(request))
    try:
        while True:
            select.select([exchange], [], [], exchange.give_up_after_s)
            if grant := exchange.read():
                return grant
    finally:
        exchange.close()


def authenticator(grant: Grant) -> NtsAuthenticator:
    found = NtsAuthenticator("theirs", random_octets=os.urandom, random=random.Random(1).random)
    found.begin_exchange(at(0))
    found.granted(grant, at(0))
    return found


class OurServer:
    """The server of NTS-KE as a process in a node, and a responder there."""

    def __init__(self, node: Node, folder: Path, certificate: tuple[Path, Path], **more: Any) -> None:
        folder.mkdir()
        self.master_key_file = folder / "master.json"
        settings = KeServerSettings(
            certificate_file=str(certificate[0]),
            key_file=str(certificate[1]),
            master_key_file=str(self.master_key_file),
            listen=(OURS,),
            **more,
        )
        file = folder / "ke.json"
        file.write_bytes(msgspec.json.encode(settings))
        self.log = folder / "ke.log"
        self.process = node.start([sys.executable, "-m", "ntp.nts.ke_server", str(file)], self.log)
        wait_until(lambda: "ServerListening" in self.log.read_text())


def asked_with(grant: Grant, node: Node, server: str, seconds: float = 20, enough: int = 10) -> LiveClient:
    """Return a client that has asked *server* from *node* with the keys of *grant*."""
    client = LiveClient(node, server, SoftClock("soft"), authenticator=authenticator(grant), **FAST)
    client.run(seconds, enough=enough)
    return client
