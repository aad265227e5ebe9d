"""What the server's processes tell."""

from __future__ import annotations

from typing import ClassVar

from ptpstack.events import Event, Severity
from ptpstack.words import counted


class ServerStarted(Event, frozen=True, kw_only=True):
    """The NTP server's processes are being started."""

    severity: ClassVar[Severity] = Severity.NOTICE

    addresses: tuple[str, ...]
    port: int
    workers: int

    def __str__(self) -> str:
        where = ", ".join(self.addresses)
        return f"NTP server: {counted(self.workers, 'worker')}, {where}, port {self.port}"


class PortShared(Event, frozen=True, kw_only=True):
    """Another program listens at the server's address and port: the kernel may give it a part of the requests."""

    severity: ClassVar[Severity] = Severity.WARNING

    address: str
    port: int

    def __str__(self) -> str:
        return (
            f"NTP server: another program listens at {self.address} port {self.port} and may get some of the requests; "
            f"next: `ss -ulpn sport = :{self.port}` shows which; stop it"
        )


class WorkerEnded(Event, frozen=True, kw_only=True):
    """A worker ended; another one is started in its place. No clock is touched by that."""

    severity: ClassVar[Severity] = Severity.WARNING

    worker: int
    why: str
    retry_s: float

    def __str__(self) -> str:
        return f"NTP server: worker {self.worker} ended ({self.why}); started again in {self.retry_s:g} s"


class WorkerDefect(Event, frozen=True, kw_only=True):
    """A defect of this program: a worker gave up a batch of requests, and goes on. Told once for each worker."""

    severity: ClassVar[Severity] = Severity.ERROR

    error: str
    traceback: str

    def __str__(self) -> str:
        return f"NTP server: internal error, please report it: {self.error}\n{self.traceback}".rstrip()
