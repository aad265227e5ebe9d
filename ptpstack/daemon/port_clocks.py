"""The hardware clocks of one instance whose ports sit on several cards: kept together, and used only when they are.

What lives here: which clock the others follow, and whether each port's clock is near enough for its stamps to be used.
What does not: comparing and following (``clock_follower``), steering (``clock_driver``), what a port does without a
usable clock (``core``).

The clock of the port that follows a master is steered by PTP, all others follow it. Without such a port they follow the
one that they followed before, in the beginning the first port's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar, Protocol

from hw.clock import Clock
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.clock_discipline import ClockDiscipline
from ptpstack.arbiter.clock_state import ClockState
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.clock_follower import ClockFollower
from ptpstack.daemon.clock_users import MeasuringUser
from ptpstack.daemon.loop import Loop
from ptpstack.engine.outputs import Measurement
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.events import Event, Severity
from ptpstack.observe.recorder import Recorder
from ptpstack.time import LocalTime, TimeInterval, interval_to_ns

LOG_INTERVAL, READINGS = -3, 5
"""How often the clocks are compared, and how many readings a comparison takes the best of."""


class LeadingClockChanged(Event, frozen=True, kw_only=True):
    """Another clock of an instance is steered by it from now on, and followed by the others."""

    severity: ClassVar[Severity] = Severity.NOTICE

    clock: str
    previous: str
    why: str

    def __str__(self) -> str:
        return f"{self.clock}: the other clocks of this instance follow it from now on, not {self.previous}: {self.why}"


class PortedDriver(Protocol):
    """What drives the instance."""

    def set_clock_problem(self, port_number: int, problem: str) -> None:
        """Take why the stamps of a port are no use, or that they are ("")."""

    def clock_stepped(self, delta: TimeInterval, local: LocalTime, ports: frozenset[int] | None = None) -> None:
        """Tell that the clock of *ports* was moved."""


class Member:
    """One clock of the group, as the others see it, and as the listener to its steps."""

    def __init__(self, group: PortClocks, driver: ClockDriver, ports: frozenset[int]) -> None:
        self.driver = driver
        self.ports = ports
        self.follower: ClockFollower | None = None
        self._group = group

    @property
    def name(self) -> str:
        """What people call the clock."""
        return self.driver.clock.name

    def worth(self) -> tuple[bool, str]:
        """Return whether the other clocks follow this one, and why."""
        if self._group.leader is self:
            return True, f"it leads the clocks of {self._group.name}"
        return False, f"{self.name} follows {self._group.leader.name}"

    def clock_stepped(self, delta: TimeInterval, local: LocalTime) -> None:
        """Tell the instance of a step that concerns the ports of this clock."""
        self._group.user.clock_stepped(delta, local, self.ports)


class PortClocks:
    """The clocks of instance *name*, by the configuration's word for each, of which the first leads in the beginning.

    *ports* tells the clock of each port. Ports whose clock is *bound* or more away from the leading one are not used.
    To what an instance is wired to it is one clock: the leading one.
    """

    user: PortedDriver

    def __init__(
        self,
        name: str,
        drivers: Mapping[str, ClockDriver],
        ports: Mapping[int, str],
        bound: TimeInterval,
        *,
        loop: Loop,
        recorder: Recorder,
    ) -> None:
        self.name = name
        self.on_state: list[Callable[[ClockState], None]] = []
        self.problems: dict[int, str] = {}
        self._bound = bound
        self._recorder = recorder
        self._members = {
            word: Member(self, driver, frozenset(number for number, its in ports.items() if its == word))
            for word, driver in drivers.items()
        }
        self._of_port = {number: self._members[word] for number, word in ports.items()}
        self.leader = next(iter(self._members.values()))
        for member in self._members.values():
            others = [other for other in self._members.values() if other is not member]
            member.follower = ClockFollower(
                follower_name(name),
                member.driver,
                others,
                log_interval=LOG_INTERVAL,
                readings=READINGS,
                loop=loop,
                recorder=recorder,
                on_compared=self._judge,
            )
            member.driver.users.append(member)
            member.driver.on_state.append(partial(self._on_state, member))

    # -- as one clock ------------------------------------------------------------------------------------

    @property
    def clock(self) -> Clock:
        """The leading clock."""
        return self.leader.driver.clock

    @property
    def arbiter(self) -> ClockArbiter:
        """Who steers it."""
        return self.leader.driver.arbiter

    @property
    def discipline(self) -> ClockDiscipline:
        """How."""
        return self.leader.driver.discipline

    @property
    def time_properties(self) -> TimeProperties | None:
        """The timescale of whoever steers it."""
        return self.leader.driver.time_properties

    def drifted_ns(self) -> float | None:
        """Return how much further off it may be than when it was locked."""
        return self.leader.driver.drifted_ns()

    def local_time(self, stamp_ns: int) -> LocalTime:
        """Turn a socket's stamp into an instant of the leading clock."""
        return self.clock.local_time(stamp_ns)

    def of_port(self, port_number: int) -> ClockDriver:
        """Return the clock that stamps a port."""
        return self._of_port[port_number].driver

    def follower_of(self, word: str) -> ClockFollower | None:
        """Return what keeps clock *word* on the leading one; None: it leads, or is none of these."""
        member = self._members.get(word)
        return None if member is None or member is self.leader else member.follower

    def _on_state(self, member: Member, state: ClockState) -> None:
        if member is self.leader:
            for listener in self.on_state:
                listener(state)

    # -- measurements ------------------------------------------------------------------------------------

    def take(self, user: MeasuringUser, measurement: Measurement) -> None:
        """Let the clock of the port that measured follow; from now on the others follow that one."""
        member = self._of_port[measurement.port_number]
        if member is not self.leader:
            if self._is_led_by_others(user):
                return
            self._lead(member, user)
        member.driver.take(user, measurement)

    def _is_led_by_others(self, user: MeasuringUser) -> bool:
        """Whether a source of pulses steers the leading clock: no instance takes that over."""
        return self.arbiter.state is ClockState.LOCKED and self.arbiter.writer not in (user.name, None)

    def _lead(self, member: Member, user: MeasuringUser) -> None:
        previous, self.leader = self.leader, member
        why = f"port {min(member.ports)} follows a master" if len(member.ports) == 1 else "one of its ports follows"
        changed = LeadingClockChanged(clock=member.name, previous=previous.name, why=why)
        self._recorder.record(changed, self.name)
        previous.driver.parent_lost(user.name)
        member.driver.parent_lost(follower_name(self.name))
        self._judge()

    def parent_lost(self, name: str) -> None:
        """Expect no measurement of instance *name*."""
        for member in self._members.values():
            member.driver.parent_lost(name)

    # -- how near they are ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Compare from now on."""
        self._judge()
        for member in self._members.values():
            assert member.follower is not None
            member.follower.start()

    def stop(self) -> None:
        """Compare no more."""
        for member in self._members.values():
            assert member.follower is not None
            member.follower.stop()

    def as_dict(self) -> dict[str, Any]:
        """Return what `ptpstack status` shows."""
        return {"leads": self.leader.name, "bound_ns": interval_to_ns(self._bound)}

    def _judge(self) -> None:
        """Find out of each port whether its stamps can be used, and tell what is new."""
        for number, member in self._of_port.items():
            problem = self._problem_of(member)
            if self.problems.get(number) != problem:
                before, self.problems[number] = self.problems.get(number, ""), problem
                if bool(before) != bool(problem):
                    self.user.set_clock_problem(number, problem)

    def _problem_of(self, member: Member) -> str:
        """Return why the stamps of *member* are no use, or nothing."""
        if member is self.leader:
            return ""
        assert member.follower is not None
        offset = member.follower.offset_from(self.leader)
        if offset is None:
            return f"{member.name} was not compared with {self.leader.name} lately"
        if abs(offset) >= self._bound:
            allowed_ns = interval_to_ns(self._bound)
            away = f"{interval_to_ns(offset):.0f} ns from {self.leader.name}"
            return f"{member.name} is {away}, allowed: {allowed_ns:.0f} ns"
        return ""


def follower_name(instance: str) -> str:
    """Return by what name the followers among the clocks of *instance* steer."""
    return f"{instance}.clocks"
