"""A client's key establishment, run by a child process that ends: TLS never runs where a clock is steered.

The parent starts it, watches ``fileno()`` and calls ``read()`` when something is there; nothing here waits. The child
gives up its rights, speaks with the network, writes one line of JSON, and ends.

What lives here: the parent's side, and what both say to each other. What does not: the child (``key_exchange_child``),
and when keys are wanted (``authenticator``).
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

import msgspec

from ntp import child
from ntp.nts.aead import PREFERRED, Algorithm
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.ke_settings import KE_PORT

DEFAULT_TIMEOUT_S = 15.0
_GRACE_S = 2.0
_MOST_OCTETS = 65_536


class ExchangeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Whom to ask for keys, and whom to trust.

    *ca_file*: the only authorities that are trusted; None: the system's. *earliest_s* and *latest_s*: while the clock
    is not set, all that is known of the time, in seconds of UTC; both None: the clock is right. *user*: as whom the
    child runs if it is started by root. *first*: with which of the host's addresses to begin, counted from 0.
    """

    host: str
    port: int = KE_PORT
    algorithms: tuple[int, ...] = PREFERRED
    ca_file: str | None = None
    earliest_s: int | None = None
    latest_s: int | None = None
    timeout_s: float = DEFAULT_TIMEOUT_S
    user: str = "nobody"
    first: int = 0

    @property
    def where(self) -> str:
        """The server, for people."""
        return f"NTS-KE {self.host}:{self.port}"


class Grant(msgspec.Struct, frozen=True, kw_only=True, tag="grant"):
    """What the server gave. *addresses*: of the NTP server, those of the address family of the connection first."""

    algorithm: int
    c2s: bytes
    s2c: bytes
    cookies: tuple[bytes, ...]
    addresses: tuple[str, ...]
    port: int
    certificates_begin_s: int
    certificates_end_s: int
    time_checked: bool
    """False: the clock was not set, so whether the certificates are valid is to be seen (``valid_at``)."""

    def __repr__(self) -> str:
        """Say nothing of keys and cookies."""
        return f"Grant({Algorithm(self.algorithm).name}, {len(self.cookies)} cookies, {self.addresses}, {self.port})"

    def valid_at(self, now_s: int) -> bool:
        """Tell whether the certificates were valid for an exchange at UTC second *now_s*."""
        return self.certificates_begin_s <= now_s <= self.certificates_end_s


class Failure(msgspec.Struct, frozen=True, kw_only=True, tag="failure"):
    """A ``KeyEstablishmentError`` on its way from the child."""

    cause: str
    where: str
    why: str
    next_step: str

    @classmethod
    def of(cls, error: KeyEstablishmentError) -> Failure:
        """Return *error* as it is sent."""
        return cls(cause=error.cause.name, where=error.where, why=error.why, next_step=error.next_step)

    def to_error(self) -> KeyEstablishmentError:
        """Return the error that was sent."""
        return KeyEstablishmentError(Cause[self.cause], where=self.where, why=self.why, next_step=self.next_step)


class KeyExchange:
    """One exchange under way. Raises ``KeyEstablishmentError`` if it cannot be begun."""

    def __init__(self, request: ExchangeRequest) -> None:
        self.request = request
        self._octets = b""
        try:
            self._child = subprocess.Popen(  # noqa: S603 (our own interpreter with our own code)
                child.command("ntp.nts.key_exchange_child"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=child.environment(),
                cwd="/",
            )
        except OSError as error:
            raise self._error(Cause.LOCAL, f"no child process: {error.strerror}") from error
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._out = self._child.stdout.fileno()
        os.set_blocking(self._out, False)
        with contextlib.suppress(OSError), self._child.stdin as pipe:  # if the child is gone, read() says so
            pipe.write(msgspec.json.encode(request))

    @property
    def give_up_after_s(self) -> float:
        """After how many seconds from the start to call :meth:`close` if nothing came: the child is stuck."""
        return self.request.timeout_s + _GRACE_S

    def fileno(self) -> int:
        """Return what becomes readable when there is something to read."""
        return self._out

    def read(self) -> Grant | None:
        """Return what was granted, None when it is not known yet. Raises ``KeyEstablishmentError``; then it is over."""
        try:
            while octets := os.read(self._out, _MOST_OCTETS):
                self._octets += octets
                if len(self._octets) > _MOST_OCTETS:
                    raise self._error(Cause.LOCAL, "the child process says too much")
        except BlockingIOError:
            return None
        try:
            answer = msgspec.json.decode(self._octets, type=Grant | Failure)
        except msgspec.MsgspecError:
            raise self._silent() from None
        if isinstance(answer, Failure):
            raise answer.to_error()
        return answer

    def stuck(self) -> KeyEstablishmentError:
        """Return the error of a child that has said nothing for ``give_up_after_s``."""
        return self._error(Cause.TIMEOUT, f"the child process did not end within {self.give_up_after_s:g} s")

    def close(self) -> None:
        """End the child, and what belongs to it. The exchange is over, whatever came of it."""
        assert self._child.stdout is not None
        self._child.stdout.close()
        self._child.kill()
        self._child.wait()

    def _silent(self) -> KeyEstablishmentError:
        """Return why the child said nothing: its alarm ended it (resolving a name may block for long), or a defect."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._child.wait(timeout=0.1)  # its pipe is closed, so it is ending
        if self._child.returncode == -signal.SIGALRM:
            return self._error(Cause.TIMEOUT, "the name was not resolved in time, or the server stalls")
        return self._error(Cause.LOCAL, f"the child process ended without an answer, code {self._child.returncode}")

    def _error(self, cause: Cause, why: str) -> KeyEstablishmentError:
        return KeyEstablishmentError(cause, where=self.request.where, why=why)
