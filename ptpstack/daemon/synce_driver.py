"""Synchronous Ethernet on this machine: ESMC frames in and out, inputs and the DPLL looked at. No rule of G.781."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

from hw.link import LinkChange
from hw.sockets.ethernet_group import EthernetGroupSocket
from profiles.loader import FrequencyName
from ptpstack.daemon.dpll_control import DpllControl
from ptpstack.daemon.events import SendFailed, Unavailable
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.errors import HardwareError
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.synce.clock import FrequencyLock, SyncEClock
from ptpstack.synce.quality_level import QualityLevel
from ptpstack.synce.selection import Command, CommandError
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire import esmc

CHECK_INTERVAL: TimeInterval = SECOND
CATEGORIES: tuple[FrequencyName, ...] = ("none", "category_1", "category_2", "category_3")


class FrequencyLockChanged(Event, frozen=True, kw_only=True):
    """The frequency that leaves this machine is, or is no more, that of the selected source."""

    severity: ClassVar[Severity] = Severity.NOTICE

    lock: str
    source: str | None
    quality_level: str

    def __str__(self) -> str:
        return (
            f"SyncE: the DPLL is {self.lock}, source {self.source or 'none'}: {self.quality_level} leaves this machine"
        )


class SyncEDriver:
    """Drives *clock*, whose links *open_socket* opens while *link_is_up*.

    *inputs* tell whether inputs without ESMC are there: their level, or None, and why. *open_dpll* gives the DPLL, or
    raises ``HardwareError``; without it *assumed_lock* holds. *on_lock* takes that another frequency is made, and why.
    """

    def __init__(
        self,
        clock: SyncEClock,
        *,
        open_socket: Callable[[str], EthernetGroupSocket],
        link_is_up: Callable[[str], bool],
        inputs: Mapping[str, Callable[[], tuple[QualityLevel | None, str]]],
        open_dpll: Callable[[], DpllControl] | None,
        assumed_lock: FrequencyLock,
        on_lock: Callable[[str], None] = lambda _reason: None,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.clock = clock
        self._open_socket = open_socket
        self._link_is_up = link_is_up
        self._inputs = inputs
        self._open_dpll = open_dpll
        self._on_lock = on_lock
        self._loop = loop
        self._recorder = recorder
        self._sockets: dict[str, EthernetGroupSocket] = {}
        self._dpll: DpllControl | None = None
        self._dpll_selected: str | None = None
        self._why_no_dpll = "" if open_dpll else "not asked for"
        self._failures: dict[str, str] = {}
        self._timer = loop.timer(self._on_timer)
        self._check_timer = loop.timer(self._on_check)
        clock.lock = assumed_lock

    def start(self) -> None:
        """Tell and hear from now on."""
        if self._open_dpll is not None:
            try:
                self._dpll = self._open_dpll()
                self._loop.watch(self._dpll.fileno(), self._look_at_dpll)
                self._dpll.select(None)
            except HardwareError as error:
                self._lose_dpll(error)
        self._on_check()

    def stop(self) -> None:
        """Close everything; the DPLL stays as it is."""
        for timer in (self._timer, self._check_timer):
            timer.close()
        for name in list(self._sockets):
            self._close(name)
        if self._dpll is not None:
            self._loop.unwatch(self._dpll.fileno())
            self._dpll.close()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        if self._dpll is not None:
            assistance = f"by the DPLL {self._dpll.device.clock_id}"
        elif self.clock.lock is FrequencyLock.LOCKED:
            assistance = "assumed: the configuration says that hardware follows the selected source"
        else:
            assistance = f"none: {self._why_no_dpll}; the own oscillator's quality level is sent"
        return {
            **self.clock.as_dict(monotonic_now()),
            "frequencyAssistance": assistance,
            "dpll": self._dpll.as_dict() if self._dpll else None,
        }

    def frequency(self) -> FrequencyName:
        """Return the category of the frequency that this machine runs at, for what PTP clocks announce."""
        return CATEGORIES[self.clock.level.category] if self.clock.lock is FrequencyLock.LOCKED else "none"

    def command(self, command: str, source: str) -> None:
        """Carry out an operator's command. Raises ``CommandError``."""
        try:
            kind = Command(command)
        except ValueError as error:
            known = ", ".join(one.value for one in Command)
            raise CommandError(f'no command "{command}"', why=f"there are {known}") from error
        self._take(self.clock.command(kind, source, monotonic_now()))

    def take_link_change(self, change: LinkChange) -> None:
        """Follow what the link monitor saw."""
        if change.name in self.clock.ports:
            self._follow_link(change.name, up=change.up)

    # -- links -------------------------------------------------------------------------------------------

    def _on_check(self) -> None:
        """Look each second for what nobody tells: links where netlink is refused, and inputs."""
        now = monotonic_now()
        self._check_timer.set(now + CHECK_INTERVAL)
        for name in self.clock.ports:
            try:
                self._follow_link(name, up=self._link_is_up(name))
            except HardwareError:
                self._follow_link(name, up=False)
        for name, ask in self._inputs.items():
            level, reason = ask()
            self._take(self.clock.input_changed(name, level, reason, now))
        self._arm()

    def _follow_link(self, name: str, *, up: bool) -> None:
        if up and name not in self._sockets:
            try:
                self._sockets[name] = opened = self._open_socket(name)
            except HardwareError as error:
                self._tell_failure(name, str(error))
                return
            self._failures.pop(name, None)
            self._loop.watch(opened.fileno(), partial(self._on_frames, name))
        elif not up:
            self._close(name)
        self._take(self.clock.link_changed(name, monotonic_now(), up=name in self._sockets))

    def _close(self, name: str) -> None:
        closing = self._sockets.pop(name, None)
        if closing is not None:
            self._loop.unwatch(closing.fileno())
            closing.close()

    def _on_frames(self, name: str) -> None:
        try:
            payloads = self._sockets[name].receive()
        except HardwareError:
            self._follow_link(name, up=False)
            return
        for payload in payloads:
            self._take(self.clock.receive(name, payload, monotonic_now()))

    def _on_timer(self) -> None:
        self._take(self.clock.handle_deadline(monotonic_now()))

    # -- what follows ------------------------------------------------------------------------------------

    def _take(self, events: Sequence[Event]) -> None:
        for event in events:
            self._recorder.record(event)
        selected = self.clock.selection.selected
        name = selected.name if selected else None
        if self._dpll is not None and name != self._dpll_selected:
            self._dpll_selected = name
            try:
                self._dpll.select(name)
            except HardwareError as error:
                self._lose_dpll(error)
            self._look_at_dpll()
        self._send()

    def _send(self) -> None:
        for name, pdu in self.clock.due(monotonic_now()):
            try:
                self._sockets[name].send(esmc.encode(pdu))
            except HardwareError as error:
                self._tell_failure(name, error.why or error.what)
        self._arm()

    def _arm(self) -> None:
        self._timer.set(self.clock.next_deadline())

    def _look_at_dpll(self) -> None:
        if self._dpll is None:
            return
        try:
            lock = self._dpll.look()
        except HardwareError as error:
            self._lose_dpll(error)
            return
        if lock is not self.clock.lock:
            before, self.clock.lock = self.clock.lock, lock
            selected = self.clock.selection.selected
            name, level = selected.name if selected else None, str(self.clock.level)
            changed = FrequencyLockChanged(lock=lock.value, source=name, quality_level=level)
            self._recorder.record(changed)
            if before is not FrequencyLock.UNKNOWN and FrequencyLock.LOCKED in (before, lock):
                self._on_lock(str(changed))
            self._send()

    def _lose_dpll(self, error: HardwareError) -> None:
        """Go on without it: the own oscillator is what is told of."""
        if self._dpll is not None:
            self._loop.unwatch(self._dpll.fileno())
            self._dpll.close()
            self._dpll = None
        self.clock.lock = FrequencyLock.UNKNOWN
        self._why_no_dpll = error.why or error.what
        step = 'if hardware follows the selected source by itself, write frequency = "locked" in [synce]'
        self._recorder.record(
            Unavailable(what="frequency of the physical layer", why=self._why_no_dpll, next_step=step)
        )
        self._send()

    def _tell_failure(self, name: str, reason: str) -> None:
        if self._failures.get(name) != reason:
            self._failures[name] = reason
            self._recorder.record(SendFailed(interface=name, message="ESMC", reason=reason))
