"""A port whose own clock is not near that of the others serves nobody, and says why (several hardware clocks)."""

from __future__ import annotations

from ptpstack.core.events import SyncsResumed, SyncsWithheld
from ptpstack.engine.events import PortClockJudged
from ptpstack.engine.port_state import PortState
from ptpstack.time import SECOND, LocalTime
from ptpstack.wire import messages
from ptpstack.wire.types import PortIdentity
from tests.core.bench import OTHER, Bench
from tests.core.relay import MASTER, Relay
from tests.core.test_boundary_clock import boundary

PROBLEM = "/dev/ptp1 is 1500 ns from /dev/ptp0, allowed: 1000 ns"


def judge(bench: Bench, port: int, problem: str) -> None:
    bench._take(bench.instance.set_clock_problem(port, problem, bench.now))


def test_it_sends_no_syncs_until_its_clock_is_near() -> None:
    bench = Bench(2)
    judge(bench, 2, PROBLEM)
    bench.run(30)
    assert bench.state(2) is PortState.MASTER
    assert {send.port_number for send in bench.sends(messages.Sync)} == {1}
    assert [event.reason for event in bench.events(SyncsWithheld)] == [PROBLEM]
    judge(bench, 2, "")
    bench.run(3)
    assert {send.port_number for send in bench.sends(messages.Sync)} == {1, 2}
    assert [event.port_number for event in bench.events(SyncsResumed)] == [2]
    assert [event.problem for event in bench.events(PortClockJudged)] == [PROBLEM, ""]


def test_it_answers_no_delay_req() -> None:
    bench = Bench(2)
    bench.run(30)
    judge(bench, 2, PROBLEM)
    request = messages.DelayReq(source_port_identity=PortIdentity(OTHER, 1))
    for port in (1, 2):
        bench.receive(request, 1000 * SECOND, port=port)
    assert bench.instance.delay_responder(2) is None
    assert {send.port_number for send in bench.sends(messages.DelayResp)} == {1}


def test_a_step_of_another_ports_clock_leaves_a_boundary_clock_calibrated() -> None:
    bench = boundary()
    bench.instance._data_sets.is_calibrated = True
    receiving = next(n for n, port in bench.instance.ports.items() if port.state is PortState.SLAVE)
    other = next(n for n in bench.instance.ports if n != receiving)
    bench.instance.clock_stepped(5 * SECOND, LocalTime(2000 * SECOND), bench.now, ports={other})
    assert bench.instance._data_sets.is_calibrated
    bench.instance.clock_stepped(5 * SECOND, LocalTime(2000 * SECOND), bench.now, ports={receiving})
    assert not bench.instance._data_sets.is_calibrated


def test_a_transparent_clock_forwards_nothing_by_such_a_port() -> None:
    relay = Relay(ports=3)
    relay.clock.set_clock_problem(2, PROBLEM, relay.now)
    sends = relay.receive(messages.Announce(source_port_identity=MASTER))
    assert {send.port_number for send in sends} == {3}
    relay.clock.set_clock_problem(2, "", relay.now)
    sends = relay.receive(messages.Announce(source_port_identity=MASTER, sequence_id=1))
    assert {send.port_number for send in sends} == {2, 3}
