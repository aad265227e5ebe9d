"""NTP servers and the clock that is kept by them: names, and measurements for the arbiter. No protocol rule.

What lives here: wiring. What does not: when and what to ask, and whom to believe (``ntp``), the sockets of
requests (``ntp_requests.py``), and what follows for the clock (``clock_driver.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import SystemRandom
from typing import TYPE_CHECKING, Any

from ntp.client.association import Association, AssociationState
from ntp.client.outputs import Output, Send
from ntp.client.sample import Sample
from ntp.client.settings import AssociationSettings
from ntp.ensemble import Ensemble
from ntp.jumps import ClockFoundElsewhere
from ntp.resolver import Resolved
from ntp.selection import Selection
from ntp.transport import Address, ClientSocket
from ntp.wire.packet import Leap
from ptpstack.config.ntp_rules import NTP
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.events import ClockFailed
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.ntp_measurement import measurement_of
from ptpstack.daemon.ntp_memory import NtpMemory
from ptpstack.daemon.ntp_requests import NtpRequests, OwnServer
from ptpstack.daemon.ntp_source import (
    Names,
    NetworkCame,
    NtpSourceState,
    SourceReplaced,
    without_taken,
)
from ptpstack.daemon.ntp_status import association_dict, ensemble_dict
from ptpstack.daemon.reference_inputs import Reference, inputs_of
from ptpstack.daemon.utc_timescale import UtcTimescale
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import HardwareError
from ptpstack.observe.recorder import Recorder
from ptpstack.time import (
    SECOND,
    LocalTime,
    MonotonicTime,
    TimeInterval,
    UtcTime,
    interval_to_seconds,
)

FIRST_CHANCE: TimeInterval = 30 * SECOND
"""So long after the start NTP leaves a clock to those who steer it first, who may also know its timescale."""

if TYPE_CHECKING:
    from ptpstack.daemon.ntp_source_files import SourceFiles

SAVE_EVERY: TimeInterval = 3600 * SECOND

CHANCE = SystemRandom()
_CHANGES_S = {Leap.INSERT: 1, Leap.DELETE: -1}


class NtpDriver:
    """Lets *driver*'s clock follow what the servers of *ensemble* say together.

    *after_others*: others may steer the clock, and have the first chance. *own_server*: this machine is a server too,
    which one of them might follow, or be.
    """

    name = NTP

    def __init__(
        self,
        driver: ClockDriver,
        ensemble: Ensemble,
        sources: Iterable[NtpSourceState],
        *,
        settings_of: Callable[[NtpSource, str], AssociationSettings],
        open_socket: Callable[[Address], ClientSocket],
        names: Names,
        references: Sequence[Reference] = (),
        after_others: bool = False,
        own_server: OwnServer | None = None,
        kernel_tai_offset_s: Callable[[], int],
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.ensemble = ensemble
        self.associations: dict[str, Association] = {}
        """Those of the servers, by name."""
        self.references = inputs_of(references, ensemble, driver, self._utc, loop=loop, recorder=recorder)
        self.files: SourceFiles | None = None
        """What brings further sources."""
        self._driver = driver
        self._sources = list(sources)
        ensemble.absent = lambda: [source.absent() for source in self._sources if not source.addresses]
        self._settings_of = settings_of
        self.names = names
        self._loop = loop
        self._recorder = recorder
        self._requests = NtpRequests(
            driver,
            self._utc,
            open_socket,
            own_server=own_server,
            carry_out=self._carry_out,
            failed=self._failed,
            settled=self._arm,
            loop=loop,
        )
        self._memory = NtpMemory(driver.kept.store, driver.clock.name)
        self._save_timer = loop.timer(self._save)
        self._timer = loop.timer(self._on_deadline)
        self._frequency_ppb: float | None = None
        self._timescale = UtcTimescale(driver, kernel_tai_offset_s)
        self._after_others = after_others
        self._started = monotonic_now()

    @property
    def time_properties(self) -> TimeProperties | None:
        """UTC, as far from TAI as the system's list, a receiver or the kernel tells; None: nobody does."""
        return self._timescale.own_properties()

    @property
    def utc_offset_s(self) -> int:
        """By how much the clock is kept ahead of UTC."""
        return self._timescale.tai_offset_s

    def start(self) -> None:
        """Look names up, and ask. Raises ``HardwareError``."""
        self._follow_clock()
        self._loop.watch(self.names.fileno(), self._on_names)
        for source in self._sources:
            self._look_up(source)
        if self.references:
            self.references.start()
        if self.files:
            self.files.read()
        self._save_timer.set(monotonic_now() + SAVE_EVERY)
        self._arm()

    def stop(self) -> None:
        """Ask no more, and keep what is known for the next start."""
        self._save()
        self._save_timer.close()
        self._timer.close()
        self._loop.unwatch(self.names.fileno())
        self.names.close()
        self._requests.stop()
        for member in self.ensemble.members.values():
            member.stop()
        if self.references:
            self.references.stop()

    def servo_locked(self, *, locked: bool) -> None:
        """Nothing depends on it here."""

    def clock_stepped(self, delta: TimeInterval, _local: LocalTime) -> None:
        """Carry what was measured over a step of the clock."""
        if self.references:
            self.references.clock_stepped()
        try:
            self._follow_timescale(delta)
        except HardwareError as error:
            self._failed(error)

    def _save(self) -> None:
        self._save_timer.set(monotonic_now() + SAVE_EVERY)
        try:
            local = self._utc(self._driver.clock.time())
            self._memory.save(self.associations, local, self._driver.frequency_ppb)
        except (HardwareError, OSError) as error:
            self._recorder.record(ClockFailed(clock=self._driver.clock.name, reason=f"samples cannot be kept: {error}"))

    def host_woke(self) -> None:
        """Measure anew: the machine slept."""
        self.ensemble.begin_anew(monotonic_now())
        if self.references:
            self.references.clock_stepped()
        self._arm()

    def network_came(self) -> None:
        """Ask those that were out of reach at once: this machine has a new address."""
        now = monotonic_now()
        for source in self._sources:
            asked = [self.associations[name] for name in source.addresses]
            silent = [one for one in asked if one.state is AssociationState.ACTIVE and not one.reachable]
            if asked and not silent:
                continue
            self._recorder.record(NetworkCame(source=source.name))
            source.network_came(self.associations, now)
            self.names.network_came(source.name)
            for association in silent:
                association.burst(now)
        self._arm()

    def add_source(self, source: NtpSourceState) -> None:
        """Ask *source* too, from now on."""
        self._sources.append(source)
        self._look_up(source)

    def replace_names(self, names: Names) -> None:
        """Look names up by *names*, which wraps what did so far."""
        self.names = names
        self._loop.watch(names.fileno(), self._on_names)

    def remove_source(self, source: NtpSourceState) -> None:
        """Ask *source* no more."""
        for name in list(source.addresses):
            self._remove(source, name)
        self._sources.remove(source)
        self.names.forget(source.name)
        for other in self._sources:
            if other.taken:
                other.take_back(monotonic_now())
        self._arm()

    # -- names ---------------------------------------------------------------------------------------------

    def _look_up(self, source: NtpSourceState) -> None:
        source.asked(monotonic_now())
        config = source.config
        self.names.ask(config.address, config.port, config.family)

    def _on_names(self) -> None:
        now = monotonic_now()
        for answer in self.names.results():
            for source in self._sources:
                if source.name == answer.name:
                    try:
                        self._take_answer(source, answer, now)
                    except HardwareError as error:
                        self._failed(error)
                        source.take_back(now)
        self._arm()

    def _take_answer(self, source: NtpSourceState, answer: Resolved, now: MonotonicTime) -> None:
        for event in source.take(answer, now):
            self._recorder.record(event)
        answer, let_go = without_taken(source, answer, self._sources)
        for other, name in let_go:
            self._remove(other, name)
        others = source.others(answer)
        unused = self.ensemble.unused_for_long(now)
        for name, reason in source.replaced_by(answer, self.associations, unused).items():
            self._remove(source, name)
            self._recorder.record(SourceReplaced(source=name, reason=reason))
        for name in source.addresses if source.config.nts else ():
            if not self.associations[name].reachable:
                self.associations[name].burst(now)  # the keys that it lacked are here
        fresh = others[: max(source.wanted(unused) - len(source.addresses), 0)]
        for address in fresh:
            self._add(source, address, now)
        if fresh:
            self._recorder.record(source.resolved())

    def _add(self, source: NtpSourceState, address: Address, now: MonotonicTime) -> None:
        name, config = source.association_name(address), source.config
        association = Association(self._settings_of(config, name), random_bits=CHANCE.getrandbits, random=CHANCE.random)
        local, frequency_ppb = self._utc(self._driver.clock.time()), self._driver.frequency_ppb
        source.addresses[name] = address
        self.associations[name] = association
        for event in self._memory.restore(name, association, local, frequency_ppb, now):
            self._recorder.record(event)
        self.ensemble.add(name, association, source.options_at(address))
        self._carry_out(name, association.start(now))

    def _remove(self, source: NtpSourceState, name: str) -> None:
        self._requests.close(name)
        self.ensemble.remove(name)
        del self.associations[name]
        del source.addresses[name]

    # -- time ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        deadlines = [self.ensemble.next_deadline(), *(source.ask_at for source in self._sources)]
        self._timer.set(min((deadline for deadline in deadlines if deadline is not None), default=None))

    def _on_deadline(self) -> None:
        now = monotonic_now()
        self._timer.set(now + SECOND)  # should a defect end the next lines
        try:
            self._follow_clock()
            for name, outputs in self.ensemble.handle_deadline(now):
                self._carry_out(name, outputs)
        except HardwareError as error:
            self._failed(error)
        unused = self.ensemble.unused_for_long(now)
        for source in self._sources:
            if source.is_due(self.associations, unused, now):
                self._look_up(source)
        self._judge(now)
        self._arm()

    # -- what the associations want done ------------------------------------------------------------------------

    def _carry_out(self, name: str, outputs: list[Output]) -> None:
        for output in outputs:
            match output:
                case Send():
                    self._requests.send(name, self.associations[name], self.address_of(name), output)
                case Sample():
                    self._measured(name)
                case _:
                    self._recorder.record(output)

    def address_of(self, name: str) -> Address:
        """Return where the server *name* is."""
        return next(source.addresses[name] for source in self._sources if name in source.addresses)

    # -- the clock ---------------------------------------------------------------------------------------------

    def _utc(self, local: LocalTime) -> UtcTime:
        """Return what the clock takes for UTC when it reads *local*."""
        return self._timescale.utc(local)

    def _follow_timescale(self, stepped: TimeInterval = 0) -> None:
        """Re-express what was measured as the clock shows UTC now. Raises ``HardwareError``."""
        if change := self._timescale.follow(stepped):
            self.ensemble.clock_stepped(change)

    def _follow_clock(self) -> None:
        """Re-express what was measured when the clock got another timescale, or was told to run at another speed.

        Raises ``HardwareError``.
        """
        self._follow_timescale()
        frequency_ppb = self._driver.frequency_ppb
        before, self._frequency_ppb = self._frequency_ppb, frequency_ppb
        if before is not None and before != frequency_ppb:
            self.ensemble.frequency_changed(frequency_ppb - before, self._utc(self._driver.clock.time()))

    def _measured(self, name: str) -> None:
        """Take in that *name* has a new sample: let the clock follow what all say together, when that is due."""
        now = monotonic_now()
        self._follow_clock()
        selection = self._judge(now)
        combined = selection.combined if selection else None
        if combined is None:
            return
        if self._leaves_it_to_others(now):
            for event in self._driver.arbiter.leaves(NTP, interval_to_seconds(FIRST_CHANCE)):
                self._recorder.record(event)
            return
        if not self.ensemble.is_due(combined, name, now):
            return
        local = self._driver.clock.time()
        exponent = self.ensemble.members[combined.best].poll.exponent
        tai_offset_s, is_utc = self._timescale.tai_offset_s, any(name in self.associations for name in combined.names)
        self._driver.take(self, measurement_of(combined, local, exponent, tai_offset_s, is_utc=is_utc))
        self._follow_clock()

    def _leaves_it_to_others(self, now: MonotonicTime) -> bool:
        return self._after_others and now - self._started < FIRST_CHANCE and self._driver.arbiter.writer is None

    def _judge(self, now: MonotonicTime) -> Selection | None:
        try:
            keeps_clock = self._driver.arbiter.writer in (None, self.name)
            selection, events = self.ensemble.judge(self._utc(self._driver.clock.time()), now, keeps_clock=keeps_clock)
        except HardwareError as error:
            self._failed(error)
            return None
        if selection.combined is not None:
            change_s = _CHANGES_S.get(selection.combined.leap, 0)
            events += self._driver.leap_seconds.sources_say(change_s, self._timescale.utc_s())
        for event in events:
            self._recorder.record(event)
            if isinstance(event, ClockFoundElsewhere):
                self._driver.moved_by_others(0, "its NTP sources find it elsewhere")
        return selection

    def _failed(self, error: HardwareError) -> None:
        self._recorder.record(ClockFailed(clock=self._driver.clock.name, reason=str(error)), self.name)

    # -- status ------------------------------------------------------------------------------------------------

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows; offsets are local - server."""
        status: dict[str, Any] = {
            "clock": self._driver.clock.name,
            "unresolved": {
                source.name: self.names.lacks(source.name) or source.lacks
                for source in self._sources
                if not source.addresses
            },
        }
        try:
            local = self._utc(self._driver.clock.time())
        except HardwareError as error:
            return status | {"offset_ns": None, "bound_ns": None, "best": None, "sources": {}, "why": str(error)}
        return status | ensemble_dict(self.ensemble, self._details_of, local, monotonic_now())

    def _details_of(self, name: str) -> dict[str, Any]:
        if self.references and name in self.references.references:
            return self.references.references[name].as_dict()
        return {"address": self.address_of(name).host, **association_dict(self.associations[name])}
