"""From names to addresses while the program runs, in a thread, so that a slow name server holds nobody up."""

from __future__ import annotations

import contextlib
import ipaddress
import queue
import socket
import threading
from collections.abc import Callable
from typing import Literal, NamedTuple

from ntp.transport import Address

FAMILIES = {"any": socket.AF_UNSPEC, "ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}
FamilyName = Literal["any", "ipv4", "ipv6"]
STACK_OCTETS = 512 * 1024
"""Of a thread that looks up: the usual 8 MB are all resident in a process that locks its memory."""


class Resolved(NamedTuple):
    """What came of a question: addresses, or else the reason why there are none."""

    name: str
    addresses: tuple[Address, ...]
    reason: str = ""


Lookup = Callable[[str, int, int], list[Address]]


def look_up(name: str, port: int, family: int) -> list[Address]:
    """Ask the system's resolver. Raises ``OSError``."""
    found = socket.getaddrinfo(name, port, family, socket.SOCK_DGRAM)
    return list(dict.fromkeys(Address(info[0], info[4]) for info in found))


def literal(name: str, port: int) -> Address | None:
    """Return the address that *name* itself is, None if it is a name."""
    with contextlib.suppress(ValueError):
        address = ipaddress.ip_address(name.partition("%")[0])
        family = socket.AF_INET if address.version == 4 else socket.AF_INET6
        return look_up(name, port, family)[0] if "%" in name else Address(family, _sockaddr(name, port, family))
    return None


def _sockaddr(host: str, port: int, family: int) -> tuple[str, int] | tuple[str, int, int, int]:
    return (host, port) if family == socket.AF_INET else (host, port, 0, 0)


class Resolver:
    """Answers come through a descriptor: watch :meth:`fileno`, then call :meth:`results`."""

    def __init__(self, lookup: Lookup = look_up) -> None:
        self._lookup = lookup
        self._answers: queue.SimpleQueue[Resolved] = queue.SimpleQueue()
        self._ours, self._theirs = socket.socketpair()
        self._ours.setblocking(False)
        self._closed = False

    def fileno(self) -> int:
        """Return the descriptor that is readable when an answer waits."""
        return self._ours.fileno()

    def network_came(self, name: str) -> None:
        """Nothing here waits for a network to ask for *name* again."""

    def forget(self, name: str) -> None:
        """Nothing is kept of *name*; an answer under way still comes."""

    def lacks(self, _name: str) -> str:
        """Return nothing: why a name has no address comes with the answer."""
        return ""

    def ask(self, name: str, port: int, family: FamilyName = "any") -> None:
        """Look *name* up; the answer comes later, even for what needs no looking up."""
        work = threading.Thread(
            target=self._work, args=(name, port, FAMILIES[family]), name=f"resolve {name}", daemon=True
        )
        before = threading.stack_size(STACK_OCTETS)
        try:
            work.start()
        except RuntimeError as error:
            self._say(Resolved(name, (), str(error)))
        finally:
            threading.stack_size(before)

    def results(self) -> list[Resolved]:
        """Return the answers that have come."""
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(4096)
        answers = []
        with contextlib.suppress(queue.Empty):
            while True:
                answers.append(self._answers.get_nowait())
        return answers

    def close(self) -> None:
        """Take no more answers."""
        self._closed = True
        self._ours.close()
        self._theirs.close()

    def _work(self, name: str, port: int, family: int) -> None:
        try:
            address = literal(name, port)
            answer = Resolved(name, tuple([address] if address else self._lookup(name, port, family)))
        except OSError as error:
            answer = Resolved(name, (), str(error.strerror or error))
        except UnicodeError as error:
            answer = Resolved(name, (), f"no name of a host can be so: {error}")
        self._say(answer)

    def _say(self, answer: Resolved) -> None:
        self._answers.put(answer)
        with contextlib.suppress(OSError):  # closed meanwhile
            self._theirs.send(b"\0")
