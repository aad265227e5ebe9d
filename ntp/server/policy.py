"""Whether a request is answered: by its sender's address, and by how often it asks."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ntp.server.access import Access
from ntp.server.clients import Clients, key_of, keys_of
from ntp.server.datagrams import Octets


class Verdict(IntEnum):
    """What is done with a request."""

    ANSWER = 0
    DENIED = 1
    LIMITED = 2
    KISS = 3
    """It asks too often, and is told so: a kiss-o'-death with the code RATE (RFC 5905 7.4)."""


Verdicts = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Leak:
    """What happens to those beyond the limit: one of *answer_one_in* is answered still, one of *kiss_one_in* is told.

    0: none. Without a leak who forges a victim's address would keep the victim from its time.
    """

    answer_one_in: int = 4
    kiss_one_in: int = 0


class Policy:
    """For requests to sockets of *family*; *random* returns an integer below what it is given."""

    def __init__(self, family: int, access: Access, clients: Clients, leak: Leak, random: Callable[[int], int]) -> None:
        self._family = family
        self._address = slice(8, 24) if family == socket.AF_INET6 else slice(4, 8)
        self._access = access
        self._clients = clients
        self._leak = leak
        self._random = random

    def judge(self, names: Octets, now_ns: int) -> Verdicts | None:
        """Return what is done with the requests of each of *names*; None: all are answered."""
        denied = None
        if not self._access.is_open:
            allowed = self._access.allow(names[:, self._address])
            denied = None if allowed.all() else ~allowed
        keys = keys_of(names, self._family)
        within = self._clients.take_all(keys if denied is None else keys[~denied], now_ns)
        if denied is None and within is None:
            return None
        verdicts = np.zeros(len(names), np.uint8)
        if denied is not None:
            verdicts[denied] = Verdict.DENIED
        if within is not None:
            admitted = np.arange(len(names)) if denied is None else np.flatnonzero(~denied)
            for row in admitted[~within]:
                verdicts[row] = self._beyond()
        return verdicts

    def judge_one(self, name: bytes, now_ns: int) -> Verdict:
        """Return what is done with one request, by the ``struct sockaddr`` *name* of its sender."""
        address = name[self._address]
        if not self._access.is_open and not self._access.allows(address):
            return Verdict.DENIED
        return Verdict.ANSWER if self._clients.take(key_of(address), now_ns) else self._beyond()

    def _beyond(self) -> Verdict:
        leak = self._leak
        if leak.answer_one_in and not self._random(leak.answer_one_in):
            return Verdict.ANSWER
        if leak.kiss_one_in and not self._random(leak.kiss_one_in):
            return Verdict.KISS
        return Verdict.LIMITED
