"""Where other programs meet our server: two nodes, our daemon in the first, and an authority that the second trusts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.daemon import Daemon
from lab.namespaces import Network
from lab.peers.chronyd import Chronyd
from lab.pki import Authority

OURS, ALSO_OURS, OURS_6, THEIRS = "10.0.0.1", "10.0.0.11", "fd00::1", "10.0.0.2"
SECRET = "000102030405060708090a0b0c0d0e0f"
CONFIGURATION = """
[ntp]
key_file = "{keys}"

[ntp.server]
listen = ["0.0.0.0", "::"]
local_stratum = 3
workers = 2

[ntp.server.nts]
certificate_file = "{certificate}"
private_key_file = "{private_key}"
"""


def wait_until(holds: Callable[[], bool], within_s: float = 40) -> None:
    end = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.2)


class Bed:
    """Two nodes, our daemon in the first, and an authority that the second trusts."""

    def __init__(self, net: Network, folder: Path) -> None:
        self.ours, self.theirs, self.folder = net.node("ours"), net.node("theirs"), folder
        net.cable(self.ours, "eth0", self.theirs, "eth0")
        for node, addresses in ((self.ours, (OURS, ALSO_OURS)), (self.theirs, (THEIRS,))):
            for address in addresses:
                node.add_address("eth0", f"{address}/24")
        self.ours.add_address("eth0", f"{OURS_6}/64")
        self.theirs.add_address("eth0", "fd00::2/64")
        net.settle()
        self.authority = Authority(folder / "pki")
        certificate, private_key = self.authority.issue(OURS)
        private_key.chmod(0o600)
        keys = folder / "ntp.keys"
        keys.write_text(f"5 AES128 HEX:{SECRET}\n")
        text = CONFIGURATION.format(keys=keys, certificate=certificate, private_key=private_key)
        self.daemon = Daemon(self.ours, folder / "ours", text)
        self.daemon.start()
        self.daemon.wait_until_ready()
        for port in ("-u", "123"), ("-t", "4460"):
            wait_until(lambda port=port: self.listens(*port))  # type: ignore[misc]

    def listens(self, kind: str, port: str) -> bool:
        return f":{port}" in self.ours.run(["ss", "-H", "-ln", kind, "sport", "=", f":{port}"])

    def server(self) -> dict[str, Any]:
        found: dict[str, Any] = self.daemon.status()["ntp_server"]
        return found

    def chronyd(self, name: str, *lines: str, program: list[str] | None = None) -> Chronyd:
        chronyd = Chronyd(self.theirs, self.folder / name, lines, keys=[f"5 AES128 HEX:{SECRET}"])
        if program:
            chronyd.program = program
        chronyd.start()
        return chronyd
