"""ntpd of NTPsec, of a newer Debian, unpacked and never installed: its package conflicts with chrony's.

It has no mode that leaves the clock alone: it runs without the right to touch one, and is made to believe that it does.
Unless told otherwise it answers nobody more than once a second for long, replies that it asked for included.

What lives here: fetching it, a configuration from lines, start and stop, what it answers. What does not: what is
expected of it.
"""

from __future__ import annotations

import ipaddress
import socket
import subprocess
import time
from pathlib import Path

from lab.namespaces import Node, stop
from lab.peers.newer_ntp import without_a_clock
from lab.vm.cache import cached
from lab.vm.newer import SUITE, command_of, unpack
from ntp.wire.packet import Mode, Packet, decode, encode
from ptpstack.errors import PtpstackError

PACKAGE = "ntpsec"
_START_TIMEOUT_S = 20.0
_ANSWER_TIMEOUT_S = 1.0


class NtpsecError(PtpstackError):
    """ntpd did not start."""


class Ntpsec:
    """An ntpd in *node* with *lines* of configuration. Raises NewerDebianError where it cannot be fetched."""

    def __init__(self, node: Node, directory: Path, *lines: str) -> None:
        self.node = node
        root = cached(PACKAGE, [f"{SUITE} {PACKAGE}".encode()], lambda target: unpack(target, [PACKAGE]))
        directory.mkdir(parents=True, exist_ok=True)
        self.log = directory / "ntpd.log"
        configuration = directory / "ntp.conf"
        common = [f"driftfile {directory / 'drift'}", f"statsdir {directory}/", "unrestrict default noquery limited"]
        configuration.write_text("".join(f"{line}\n" for line in [*common, *lines]))
        self._command = [*without_a_clock(), *command_of(root, "usr/sbin/ntpd"), "-n", "-c", str(configuration)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Raises ``NtpsecError`` with its own words."""
        self._process = self.node.start(self._command, self.log)
        deadline = time.monotonic() + _START_TIMEOUT_S
        while self.served() is None:
            if self._process.poll() is not None or time.monotonic() > deadline:
                why = self.log.read_text(errors="replace")[-1000:]
                raise NtpsecError("ntpd does not serve", where=self.node.name, why=why)
            time.sleep(0.1)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            stop([self._process])

    def served(self) -> tuple[int, str] | None:
        """Return the stratum and the reference identifier, as an address, that it answers with; None: it does not."""
        with self.node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.settimeout(_ANSWER_TIMEOUT_S)
            try:
                client.connect(("127.0.0.1", 123))
                client.send(encode(Packet(mode=Mode.CLIENT, transmit_timestamp=1)))
                said = decode(client.recv(1024))
            except (ConnectionRefusedError, TimeoutError):
                return None
        return said.stratum, str(ipaddress.IPv4Address(said.reference_id))
