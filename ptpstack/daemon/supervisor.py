"""The daemon's life: build, start, watch over, stop in order.

What lives here: what concerns the whole process, signals, the service manager, the control socket, the watchdog.
What does not: the parts (``build.py``) and what they say of themselves (``snapshot.py``).
"""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import partial

from hw.link import LinkMonitor
from hw.soft_clock import SoftClock
from ptpstack import __version__
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.config.clock_rules import SYSTEM
from ptpstack.config.model import Config
from ptpstack.config.resolve import resolve
from ptpstack.daemon.build import build
from ptpstack.daemon.control import ControlError, ControlServer
from ptpstack.daemon.events import DaemonStarted, DaemonStopping, HangupTaken, InternalError, Unavailable
from ptpstack.daemon.host_watch import HostWatch
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.network_watch import NetworkWatch
from ptpstack.daemon.notify import Notifier
from ptpstack.daemon.plant import Plant
from ptpstack.daemon.process import freeze_garbage, harden
from ptpstack.daemon.snapshot import snapshot, summary, times
from ptpstack.errors import HardwareError
from ptpstack.observe.event_file import EventFile
from ptpstack.observe.formats import make_format
from ptpstack.observe.output import LineWriter, line_sink
from ptpstack.observe.recorder import Recorder
from ptpstack.synce.selection import CommandError
from ptpstack.time import NANOSECOND, SECOND, MonotonicTime, TimeInterval, UtcTime, interval_from_seconds

CHECK_INTERVAL: TimeInterval = SECOND
SAVE_TIME_EVERY: TimeInterval = 60 * SECOND
DEFECTS_MAX, DEFECTS_WITHIN = 10, 10 * SECOND
"""So many internal errors in so short a time end the process: the service manager starts a fresh one."""

EXIT_OK, EXIT_FAILED = 0, 1


def utc_now() -> UtcTime:
    """Return CLOCK_REALTIME, for the stamps of events."""
    return UtcTime(time.time_ns() * NANOSECOND)


class Supervisor:
    """Runs *config* from :meth:`run` until a signal, or for *seconds*."""

    def __init__(self, config: Config, *, log_fd: int = 1) -> None:
        self._config = config
        self._log_fd = log_fd
        self._exit_code = EXIT_OK
        self._defects: deque[MonotonicTime] = deque(maxlen=DEFECTS_MAX)
        self._started = monotonic_now()
        self._fed_samples = self._fed_commands = 0
        self.loop = Loop(self._on_defect)
        self.recorder = Recorder(monotonic_now, utc_now)
        self.plant = Plant()
        self._notifier = Notifier()
        self._links = LinkMonitor()
        self._event_file: EventFile | None = None
        self._host = HostWatch(
            woke=self._on_wake, clock_was_set=self._on_clock_set, loop=self.loop, recorder=self.recorder
        )
        self._exits = ExitStack()
        """What to end, the last begun first; the failure of one keeps none of the others from it."""
        for part in (self.loop, self._notifier, self._links):
            self._exits.callback(part.close)
        self._exits.callback(self._host.stop)

    def run(self, seconds: float | None = None) -> int:
        """Serve, and return the exit code. Raises ``PtpstackError`` when it cannot start."""
        with self._exits:
            self._start(seconds)
            self.loop.run()
            self._notifier.stopping()
        return self._exit_code

    # -- start -----------------------------------------------------------------------------------------

    def _start(self, seconds: float | None) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.on_signal(number, partial(self._end, number.name))
        self.loop.on_signal(signal.SIGHUP, self._on_hangup)
        self._build()
        self._trust_time()
        for event in harden(self._config.realtime):
            self.recorder.record(event)
        for clock in self.plant.clocks.values():
            clock.start()
        for engine in self.plant.engines():
            engine.start()
        for port_io in self.plant.port_ios:
            port_io.start()
        for part in self.plant.beside():
            part.start()
        self._watch_links()
        self._host.start()
        if self.plant.host.ntp is not None:
            self._exits.callback(NetworkWatch(self.plant.host.ntp.network_came, self.loop).stop)
        self._every(SAVE_TIME_EVERY, self._save_time)
        self._exits.callback(self._save_time)
        self._every(CHECK_INTERVAL, self._check)
        if self._notifier.watchdog_interval is not None:
            self._every(self._notifier.watchdog_interval // 2, self._feed_watchdog)
        if seconds is not None:
            end = self.loop.timer(partial(self._end, f"{seconds:g} s are over"))
            end.set(monotonic_now() + interval_from_seconds(seconds))
        self.recorder.record(DaemonStarted(version=__version__, pid=os.getpid(), instances=tuple(self.plant.resolved)))
        freeze_garbage()
        self._notifier.ready()

    def _build(self) -> None:
        resolved = resolve(self._config)
        self._open_log({(i.name, p.settings.port_number): p.interface for i in resolved for p in i.ports})
        self._serve_control()
        self.plant = build(self._config, resolved, self.loop, self.recorder)
        for clock in self.plant.clocks.values():
            self._exits.callback(clock.stop)
        for part in self.plant.beside():
            self._exits.callback(part.stop)
        for port_io in self.plant.port_ios:
            self._exits.callback(port_io.close)
        for engine in self.plant.engines():
            self._exits.callback(engine.stop)

    def _open_log(self, names: Mapping[tuple[str, int], str]) -> None:
        log = self._config.log
        self.recorder.add_sink(line_sink(make_format(log.format, log.level, names), LineWriter(self._log_fd)))
        if not log.event_file:
            return
        try:
            self._event_file = EventFile(log.event_file, make_format("json", "debug", names))
        except OSError as error:
            self.recorder.record(Unavailable(what=f"event file {log.event_file}", why=str(error.strerror)))
            return
        self._exits.callback(self._event_file.close)
        self._write_events(self._event_file)

    def _write_events(self, file: EventFile) -> None:
        self.recorder.add_sink(
            file.write, f"event file {file.path}", next_step="make room, then SIGHUP opens the file again"
        )

    def _serve_control(self) -> None:
        control = self._config.control
        if not control.socket:
            return
        try:
            server = ControlServer(
                self.loop,
                control.socket,
                mode=control.mode,
                status=lambda: snapshot(self.plant, self.recorder, self._started),
                recorder=self.recorder,
                times=lambda clock: times(self.plant, clock),
                do=self._do,
            )
        except ControlError as error:
            if not error.is_permission:
                raise
            self.recorder.record(Unavailable(what=f"control socket {control.socket}", why=error.why))
        else:
            self._exits.callback(server.close)

    def _watch_links(self) -> None:
        if self._links.fileno() >= 0:
            self.loop.watch(self._links.fileno(), self._on_links)
        else:
            self.recorder.record(
                Unavailable(what="link changes", why=self._links.reason, next_step="none: links are polled")
            )
            self._every(interval_from_seconds(self._links.poll_interval_s or 1.0), self._on_links)
        self._on_links()  # what changed while we started

    # -- while it runs -----------------------------------------------------------------------------------

    def _every(self, interval: TimeInterval, callback: Callable[[], None]) -> None:
        """Call back each *interval*, the first time after one."""

        def fire() -> None:
            timer.set(monotonic_now() + interval)
            callback()

        timer = self.loop.timer(fire)
        timer.set(monotonic_now() + interval)

    def _on_links(self) -> None:
        for change in self._links.read():
            for port_io in self.plant.port_ios:
                if port_io.interface == change.name:
                    port_io.take_link_change(change)
            if self.plant.synce is not None:
                self.plant.synce.take_link_change(change)

    def _check(self) -> None:
        """Look once a second for what nobody tells: a system clock that was stepped under a soft clock, or not kept."""
        self._host.look()
        for driver in self.plant.clocks.values():
            driver.check_kept()
            if isinstance(driver.clock, SoftClock) and (jumped := driver.clock.check_true_time()):
                self.recorder.record(jumped)
                driver.moved_by_others(jumped.jump_ns * NANOSECOND)
        for event in self.plant.leap_seconds.look(int(time.time())):
            self.recorder.record(event)
        self._notifier.status(summary(self.plant))

    def _trust_time(self) -> None:
        """Put a clock that is in the past on the floor, and hear when it may be trusted."""
        assert self.plant.trust is not None
        system = self.plant.clocks.get(SYSTEM)
        ours = system is not None and system.arbiter.has_candidates
        try:
            events = self.plant.trust.start(system.put_ahead if system and ours else None)
        except HardwareError as error:
            events = [Unavailable(what="the earliest time that it can be", why=str(error))]
        for event in events:
            self.recorder.record(event)
        if system is not None:
            system.on_state.append(self._on_system_state)

    def _on_system_state(self, state: ClockState) -> None:
        assert self.plant.trust is not None
        locked, lost = state is ClockState.LOCKED, state in (ClockState.ACQUIRING, ClockState.FREE_RUNNING)
        arbiter = self.plant.clocks[SYSTEM].arbiter
        became = self.plant.trust.clock_became
        for event in became(locked=locked, lost=lost, by=arbiter.writer or "", why=arbiter.state_rule):
            self.recorder.record(event)
            self._save_time()

    def _save_time(self) -> None:
        assert self.plant.trust is not None
        try:
            self.plant.trust.save()
        except OSError as error:
            why = f"it cannot be kept: {error.strerror}"
            self.recorder.record(Unavailable(what="the time for the next start", why=why))

    def _on_wake(self) -> None:
        for driver in self.plant.clocks.values():
            driver.moved_by_others(0, "this machine slept")  # nobody knows how far: it may be stepped as at the start
        if self.plant.host.ntp is not None:
            self.plant.host.ntp.host_woke()

    def _on_clock_set(self) -> None:
        for driver in self.plant.clocks.values():
            driver.look_now()

    def _feed_watchdog(self) -> None:
        """The loop runs, or this would not be called; and where samples came in, clocks were steered by them."""
        samples = sum(clock.samples for clock in self.plant.clocks.values())
        commands = sum(clock.commands for clock in self.plant.clocks.values())
        if samples == self._fed_samples or commands > self._fed_commands:
            self._notifier.feed_watchdog()
        self._fed_samples, self._fed_commands = samples, commands

    def _do(self, what: str, command: str, source: str) -> None:
        """Carry out what an operator asks for over the control socket. Raises ``PtpstackError``."""
        if what != "synce" or self.plant.synce is None:
            raise CommandError(f"no [{what}] to be commanded", why="the configuration has none")
        self.plant.synce.command(command, source)

    def _on_hangup(self) -> None:
        """Open the event file again, which may have been rotated away, and read further NTP sources."""
        reopened = ""
        if self._event_file is not None:
            try:
                self._event_file.open()
            except OSError as error:
                self.recorder.record(Unavailable(what=f"event file {self._event_file.path}", why=str(error.strerror)))
            else:
                self._write_events(self._event_file)
                reopened = self._event_file.path
        self.recorder.record(HangupTaken(event_file=reopened))
        if (ntp := self.plant.host.ntp) is not None and ntp.files is not None:
            ntp.files.read()

    def _on_defect(self, error: Exception) -> None:
        self.recorder.record(InternalError.of(error))
        now = monotonic_now()
        self._defects.append(now)
        if len(self._defects) == DEFECTS_MAX and now - self._defects[0] < DEFECTS_WITHIN:
            self._exit_code = EXIT_FAILED
            self._end(f"{DEFECTS_MAX} internal errors in a row")

    # -- end -------------------------------------------------------------------------------------------

    def _end(self, reason: str) -> None:
        self.recorder.record(DaemonStopping(reason=reason))
        self.loop.stop()
