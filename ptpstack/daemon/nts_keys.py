"""Keys for NTS sources, and with them the addresses to ask: each key establishment is a child process of its own.

To the driver this is what looks names up (``ntp_driver.Names``): a plain source's name by the resolver, an NTS source's
by asking its NTS-KE server, which says where the NTP server is.

What lives here: wiring. What does not: when keys are wanted (``ntp.nts.authenticator``) and how they are asked for
(``ntp.nts.key_exchange``).
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterable
from random import SystemRandom

from msgspec.structs import replace

from ntp.nts.aead import usable
from ntp.nts.authenticator import NtsAuthenticator
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.key_exchange import ExchangeRequest, Grant, KeyExchange
from ntp.resolver import FamilyName, Resolved, literal
from ntp.transport import Address
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.ntp_source import Names
from ptpstack.daemon.nts_pool import host_and_place
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, MonotonicTime, TimeInterval, interval_from_seconds

CHANCE = SystemRandom()
LOOK_EVERY: TimeInterval = 2 * SECOND
"""How soon it is noticed that cookies have run out, or that the clock was set."""


class NtsKeys:
    """The keys of one NTS source. *answer* is called with what came of each key establishment.

    *is_taken* tells whether another source of the same pool asks a server.
    """

    def __init__(self, config: NtpSource, loop: Loop, recorder: Recorder, trust: TimeTrust) -> None:
        self.config = config
        self.answer: Callable[[Resolved], None] = lambda _: None
        self.is_taken: Callable[[NtsKeys, str], bool] = lambda _, __: False
        self.host, self._turn = host_and_place(config.address)
        self.authenticator = NtsAuthenticator(
            config.address, random_octets=CHANCE.randbytes, random=CHANCE.random, algorithms=usable()
        )
        self._loop = loop
        self._recorder = recorder
        self._trust = trust
        self._exchange: KeyExchange | None = None
        self._deadline = MonotonicTime(0)
        self._timer = loop.timer(self._look)

    def ask(self) -> None:
        """Answer with the addresses that the server gave last, or get keys and then answer."""
        if self.authenticator.grant is not None and self.authenticator.cookies:
            self.answer(_resolved(self.config.address, self.authenticator.grant))
        self._look()

    def network_came(self) -> None:
        """Try again, if there was no network."""
        self.authenticator.network_came(monotonic_now())
        self._look()

    def close(self) -> None:
        """Want no more keys."""
        self._end_exchange()
        self._timer.close()

    def _look(self) -> None:
        """Begin an exchange that is due, give up one that is stuck; judge certificates once the clock is set."""
        now = monotonic_now()
        self._timer.set(now + LOOK_EVERY)
        if self._exchange is not None:
            if now >= self._deadline:
                self._take()
            return
        if not self._trust.is_open():
            for event in self.authenticator.clock_is_set(int(time.time())):
                self._recorder.record(event)
        due = self.authenticator.next_exchange()
        if due is not None and due <= now:
            self._begin(now)

    def _begin(self, now: MonotonicTime) -> None:
        algorithms, events = self.authenticator.begin_exchange(now)
        for event in events:
            self._recorder.record(event)
        window = self._trust.window_s()
        config = self.config
        if self.authenticator.grant is not None and not self.authenticator.cookies:
            self._turn_to_next()  # it did not answer any more
        request = ExchangeRequest(
            host=self.host,
            port=config.nts_port,
            algorithms=algorithms,
            ca_file=config.ca_file or None,
            earliest_s=window[0] if window else None,
            latest_s=window[1] if window else None,
            first=self._turn,
        )
        try:
            self._exchange = KeyExchange(request)
        except KeyEstablishmentError as error:
            self._failed(error)
            return
        self._deadline = now + interval_from_seconds(self._exchange.give_up_after_s)
        self._loop.watch(self._exchange.fileno(), self._take)

    def _take(self) -> None:
        """Take what the child says, or end it if it has had its time."""
        exchange = self._exchange
        assert exchange is not None
        try:
            grant = exchange.read()
            if grant is None and monotonic_now() < self._deadline:
                return
            if grant is None:
                raise exchange.stuck()
            grant = self._without_taken(grant)
        except KeyEstablishmentError as error:
            self._end_exchange()
            self._failed(error)
            return
        self._end_exchange()
        for event in self.authenticator.granted(grant, monotonic_now()):
            self._recorder.record(event)
        self.answer(_resolved(self.config.address, grant))

    def _without_taken(self, grant: Grant) -> Grant:
        """Leave out servers that other sources of the pool ask. Raises ``KeyEstablishmentError`` without another."""
        free = tuple(address for address in grant.addresses if not self.is_taken(self, address))
        if not free:
            where = f"NTS-KE {self.host}:{self.config.nts_port}"
            raise KeyEstablishmentError(Cause.ASKED_ALREADY, where=where, why=", ".join(grant.addresses))
        return replace(grant, addresses=free)

    def _failed(self, error: KeyEstablishmentError) -> None:
        self._turn_to_next()
        for event in self.authenticator.failed(error, monotonic_now()):
            self._recorder.record(event)

    def _turn_to_next(self) -> None:
        """Begin with the next address of a pool when keys are wanted again; a server has its own order."""
        if self.host != self.config.address:
            self._turn += 1

    def _end_exchange(self) -> None:
        exchange, self._exchange = self._exchange, None
        if exchange is not None:
            self._loop.unwatch(exchange.fileno())
            exchange.close()


class NamesAndKeys:
    """The driver's ``Names``: *plain* for all sources but those of *keys*."""

    def __init__(self, plain: Names, keys: Iterable[NtsKeys], loop: Loop) -> None:
        self._plain = plain
        self._keys = {source.config.address: source for source in keys}
        self._loop = loop
        self._answers: list[Resolved] = []
        self._ours, self._theirs = socket.socketpair()
        for end in (self._ours, self._theirs):
            end.setblocking(False)
        for source in self._keys.values():
            self._connect(source)
        loop.watch(plain.fileno(), self._poke)

    def add(self, source: NtsKeys) -> None:
        """Get the keys of *source* too when they are asked for."""
        self._connect(source)
        self._keys[source.config.address] = source

    def forget(self, name: str) -> None:
        """Want no keys for *name* any more."""
        if name in self._keys:
            self._keys.pop(name).close()
        else:
            self._plain.forget(name)

    def network_came(self, name: str) -> None:
        """Try again to get keys for *name*, should it be the network that kept them away."""
        if name in self._keys:
            self._keys[name].network_came()
        else:
            self._plain.network_came(name)

    def lacks(self, name: str) -> str:
        """Return why *name* has no keys yet; empty: it needs none."""
        return self._keys[name].authenticator.lacks if name in self._keys else self._plain.lacks(name)

    def _connect(self, source: NtsKeys) -> None:
        source.answer, source.is_taken = self._answered, self._is_taken

    def _is_taken(self, asking: NtsKeys, address: str) -> bool:
        """Tell whether another source of *asking*'s pool has keys for the server at *address*."""
        others = (keys for keys in self._keys.values() if keys is not asking and keys.host == asking.host)
        grants = (keys.authenticator.grant for keys in others)
        return any(grant is not None and grant.addresses[0] == address for grant in grants)

    def fileno(self) -> int:
        """Return what becomes readable when an answer has come."""
        return self._ours.fileno()

    def ask(self, name: str, port: int, family: FamilyName) -> None:
        """Look *name* up, or get its keys."""
        if name in self._keys:
            self._keys[name].ask()
        else:
            self._plain.ask(name, port, family)

    def results(self) -> list[Resolved]:
        """Return the answers that have come."""
        with contextlib.suppress(BlockingIOError):
            self._ours.recv(4096)
        answers, self._answers = self._answers, []
        return answers + self._plain.results()

    def close(self) -> None:
        """Look nothing up and want no keys any more."""
        for source in self._keys.values():
            source.close()
        self._loop.unwatch(self._plain.fileno())
        self._plain.close()
        self._ours.close()
        self._theirs.close()

    def _answered(self, answer: Resolved) -> None:
        self._answers.append(answer)
        self._poke()

    def _poke(self) -> None:
        with contextlib.suppress(BlockingIOError):  # full: the driver has enough reason to look
            self._theirs.send(b"\0")


def _resolved(name: str, grant: Grant) -> Resolved:
    found = (literal(address, grant.port) for address in grant.addresses)
    return Resolved(name, tuple(address for address in found if isinstance(address, Address)))
