"""The NTP server as the timing process sees it: processes that are told the time, and may die without moving a clock.

What lives here: telling them each second, and at once when the clock was stepped or is worth something else. What does
not: what they are told (``served_time``), keeping them alive (``child_process``), and answering (``ntp.server``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from ntp.server.events import PortShared, ServerStarted, WorkerDefect, WorkerEnded
from ntp.server.time_state import UNSYNCHRONIZED_STRATUM, TimePage, TimeState
from ntp.wire.packet import Leap
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.child_process import ChildProcess
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.ntp_keys_process import KeysProcess
from ptpstack.daemon.served_time import LOCAL_REFERENCE, ServedTime
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, LocalTime, TimeInterval

INTERVAL: TimeInterval = SECOND


class ServedTimeChanged(Event, frozen=True, kw_only=True):
    """The NTP server says something else of its clock from now on."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    stratum: int
    previous: int
    reference: str
    leap: str
    root_dispersion_us: float
    rule: str

    def __str__(self) -> str:
        if self.stratum == UNSYNCHRONIZED_STRATUM:
            return f"NTP server: says that {self.clock} is not synchronized (was stratum {self.previous}): {self.rule}"
        if self.reference == LOCAL_REFERENCE.decode():
            return (
                f"NTP server: {self.clock} is served as stratum {self.stratum} (was {self.previous}) for what it is: "
                f"{self.rule}"
            )
        return (
            f"NTP server: {self.clock} is served as stratum {self.stratum} (was {self.previous}), reference "
            f"{self.reference}, within {self.root_dispersion_us:.0f} µs: {self.rule}"
        )


class NtpServer:
    """Serves *served* by the process of *make_process*, which gets the memory of *page*; *keys*: NTS keys beside it."""

    def __init__(
        self,
        served: ServedTime,
        page: TimePage,
        process: ChildProcess,
        keys: KeysProcess | None,
        *,
        listen: Sequence[str],
        port: int,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self._served, self._page, self._process, self._keys = served, page, process, keys
        self._listen, self._port = listen, port
        self._recorder = recorder
        self._timer = loop.timer(self._on_tick)
        self._state = TimeState()
        self._told: tuple[int, bytes, int] | None = None
        self._counts: dict[str, Any] = {}
        self._counted_by = 0

    def start(self) -> None:
        """Tell the time, and start the server."""
        driver = self._served.driver
        driver.users.append(self)
        driver.on_state.append(self._on_state)
        self._on_tick()
        self._process.start()
        if self._keys is not None:
            self._keys.start()

    def stop(self) -> None:
        """End the server."""
        self._timer.close()
        if self._keys is not None:
            self._keys.stop()
        self._process.stop()
        self._page.close()

    def servo_locked(self, *, locked: bool) -> None:
        """Nothing depends on it here."""

    def clock_stepped(self, _delta: TimeInterval, _local: LocalTime) -> None:
        """Tell the workers, who answer nobody since they noticed."""
        self._tell()

    def take_status(self, said: dict[str, Any]) -> None:
        """Take in what the server's process counts."""
        if isinstance(status := said.get("status"), dict):
            self._counts, self._counted_by = status, self._process.starts

    def _on_state(self, _state: ClockState) -> None:
        self._tell()

    def _on_tick(self) -> None:
        self._timer.set(monotonic_now() + INTERVAL)
        self._tell()

    def _tell(self) -> None:
        try:
            self._state = self._served.state(monotonic_now())
        except HardwareError as error:
            self._recorder.record(ClockFailed(clock=self._served.driver.clock.name, reason=str(error)))
            self._state = TimeState()
        self._page.write(self._state)
        self._tell_change()

    def _tell_change(self) -> None:
        state = self._state
        told = (state.stratum, state.reference_id, state.leap)
        if told == self._told:
            return
        previous, self._told = self._told[0] if self._told else UNSYNCHRONIZED_STRATUM, told
        self._recorder.record(
            ServedTimeChanged(
                clock=self._served.driver.clock.name,
                stratum=state.stratum,
                previous=previous,
                reference=reference_text(state),
                leap=Leap(state.leap).name,
                root_dispersion_us=state.root_dispersion_ns / 1000,
                rule=self._served.why,
            )
        )

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        state = self._state
        return {
            "listen": list(self._listen),
            "port": self._port,
            "pid": self._process.pid,
            "starts": self._process.starts,
            "clock": self._served.driver.clock.name,
            "leap": Leap(state.leap).name,
            "stratum": state.stratum,
            "reference": reference_text(state),
            "is_local": state.reference_id == LOCAL_REFERENCE,
            "root_delay_ns": round(state.root_delay_ns, 1),
            "root_dispersion_ns": round(state.root_dispersion_ns, 1),
            "why": self._served.why,
            **(self._counts if self._counted_by == self._process.starts else {}),
            "nts": self._keys.as_dict() if self._keys else None,
        }


def reference_text(state: TimeState) -> str:
    """Return the reference identifier for people: text for what this machine has, else an address."""
    octets = state.reference_id
    if state.stratum <= 1 or octets.rstrip(b"\0").isalnum():
        return octets.rstrip(b"\0").decode("ascii", "replace")
    return ".".join(map(str, octets))


SAYS = (ServerStarted, PortShared, WorkerEnded, WorkerDefect)
"""The events of the server's process."""
