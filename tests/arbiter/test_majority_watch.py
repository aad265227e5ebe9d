"""A grandmaster against a majority of servers: alarm, refusal, and the way back."""

import pytest

from ptpstack.arbiter.clock_arbiter import ClockArbiter, Verdict
from ptpstack.arbiter.events import SourceAgreesAgain, SourceDeparted, WriterChosen
from ptpstack.arbiter.majority_watch import CONFIRMATIONS, MajorityWatch
from ptpstack.engine.outputs import Measurement
from ptpstack.events import Event
from ptpstack.time import MILLISECOND, SECOND, LocalTime, MonotonicTime, PtpTime, TimeInterval, interval_from_ns
from ptpstack.wire.types import ClockIdentity, PortIdentity

LOCAL = LocalTime(1_000 * SECOND)
LIMIT = 10 * MILLISECOND
BOUND = MILLISECOND


class Host:
    """A clock that PTP (first) and NTP may steer, a second at a time."""

    def __init__(self, *, refuses: bool, ntp_steers: bool = True) -> None:
        candidates = ["ptp", "ntp"] if ntp_steers else ["ptp"]
        self.arbiter = ClockArbiter("clock", candidates, watch=MajorityWatch("ntp", LIMIT, refuses=refuses))
        self.seconds = 0
        self.events: list[Event] = []
        self.clock: TimeInterval = 0  # - true time
        self.grandmaster: TimeInterval = 0  # - true time

    def judge(self, name: str, offset: TimeInterval, delay: TimeInterval) -> Verdict:
        measurement = Measurement(
            port_number=1,
            parent_port_identity=PortIdentity(ClockIdentity(), 1),
            t1=PtpTime(int(LOCAL)),
            t2=LOCAL,
            offset_from_master=offset,
            mean_delay=delay,
            log_sync_interval=0,
        )
        verdict, events = self.arbiter.judge(name, measurement, LOCAL, MonotonicTime(self.seconds * SECOND))
        self.events += events
        return verdict

    def second(self, *, bound: TimeInterval = BOUND, ptp: bool = True) -> None:
        """Let both measure; the clock goes where its writer wants it, a bit at a time."""
        self.seconds += 1
        if ptp:
            self.judge("ptp", self.clock - self.grandmaster, 0)
        self.judge("ntp", self.clock, bound)
        goal = {"ptp": self.grandmaster, "ntp": 0, None: self.clock}[self.arbiter.writer]
        self.clock += (goal - self.clock) // 2

    def run(self, seconds: int, **others: TimeInterval) -> None:
        for _ in range(seconds):
            self.second(**others)

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


def test_a_grandmaster_that_agrees_is_followed_in_silence() -> None:
    host = Host(refuses=True)
    host.grandmaster = LIMIT // 2
    host.run(30)
    assert host.arbiter.writer == "ptp"
    assert host.told(SourceDeparted) == []


def test_one_that_departs_is_an_alarm_once_and_is_followed_where_that_is_the_policy() -> None:
    host = Host(refuses=False)
    host.run(3)
    host.grandmaster = 5 * LIMIT
    host.run(30)
    assert host.arbiter.writer == "ptp"
    (alarm,) = host.told(SourceDeparted)
    assert "ptp departs from what ntp says: +50000000 ns" in str(alarm)
    assert "followed all the same" in str(alarm)


def test_where_it_is_refused_the_servers_steer_until_it_agrees_again() -> None:
    host = Host(refuses=True)
    host.run(3)
    host.grandmaster = -5 * LIMIT
    host.run(30)
    assert host.arbiter.writer == "ntp"
    assert abs(host.clock) < MILLISECOND
    assert host.judge("ptp", host.clock - host.grandmaster, 0) is Verdict.MEASURE
    assert host.arbiter.is_refused("ptp")
    assert "ptp departs from the majority and is refused" in host.arbiter.rule
    host.grandmaster = 0
    host.run(CONFIRMATIONS + 1)
    assert host.arbiter.writer == "ptp"
    assert len(host.told(SourceDeparted)) == len(host.told(SourceAgreesAgain)) == 1
    assert [event.writer for event in host.told(WriterChosen)] == ["ptp", "ntp", "ptp"]


@pytest.mark.parametrize(("looks", "alarms"), [(CONFIRMATIONS - 1, 0), (CONFIRMATIONS, 1)])
def test_it_takes_some_looks_in_a_row(looks: int, alarms: int) -> None:
    host = Host(refuses=True)
    host.run(3)
    host.clock = host.grandmaster = 5 * LIMIT
    host.run(looks)
    host.clock = host.grandmaster = 0
    host.run(1)
    assert len(host.told(SourceDeparted)) == alarms


def test_what_the_servers_cannot_know_is_no_alarm() -> None:
    host = Host(refuses=True)
    host.clock = host.grandmaster = 5 * LIMIT
    host.run(20, bound=4 * LIMIT + interval_from_ns(1))
    assert host.told(SourceDeparted) == []
    host.run(20, bound=4 * LIMIT - interval_from_ns(1))
    assert len(host.told(SourceDeparted)) == 1


def test_a_clock_on_its_way_to_a_good_grandmaster_is_no_alarm() -> None:
    host = Host(refuses=True)
    host.clock = 100 * LIMIT
    host.run(30)
    assert host.told(SourceDeparted) == []


def test_a_refused_one_that_falls_silent_stays_refused() -> None:
    host = Host(refuses=True)
    host.clock = host.grandmaster = 5 * LIMIT
    host.run(10)
    host.run(20, ptp=False)
    assert host.arbiter.writer == "ntp"
    assert host.arbiter.is_refused("ptp")
    host.run(10)
    assert host.arbiter.writer == "ntp"


def test_servers_that_only_watch_leave_nobody_to_steer_when_they_refuse() -> None:
    host = Host(refuses=True, ntp_steers=False)
    host.clock = host.grandmaster = 5 * LIMIT
    host.run(10)
    assert host.arbiter.writer is None
    assert host.arbiter.rule == "ptp departs from the majority and is refused"
