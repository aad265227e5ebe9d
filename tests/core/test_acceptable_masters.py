"""The acceptable master table (IEEE 1588-2019 17.5), and Delay_Reqs to the master alone (hybrid operation)."""

import pytest

from ptpstack.core.port_states import PortState
from ptpstack.core.settings import AcceptableMaster
from ptpstack.time import MILLISECOND, SECOND
from ptpstack.wire import messages
from ptpstack.wire.message import Flag
from ptpstack.wire.types import ClockIdentity, PortIdentity
from tests.core.bench import GM, OTHER, Bench, slave

GM_PORT = PortIdentity(GM, 1)


def only(identity: ClockIdentity, port_number: int = 0, alternate_priority1: int = 0) -> AcceptableMaster:
    return AcceptableMaster(port_identity=PortIdentity(identity, port_number), alternate_priority1=alternate_priority1)


@pytest.mark.parametrize(("entry", "followed"), [(only(GM), True), (only(GM, 1), True), (only(GM, 2), False)])
def test_a_clock_or_one_port_of_it_is_acceptable(entry: AcceptableMaster, followed: bool) -> None:
    bench = Bench(slave_only=True, acceptable_masters=(entry,))
    bench.hear(8)
    assert (bench.state() is PortState.UNCALIBRATED) is followed


def test_a_rogue_with_the_best_attributes_is_not_followed_and_counted() -> None:
    bench = Bench(slave_only=True, acceptable_masters=(only(GM),))
    rogue = PortIdentity(OTHER, 1)
    for _ in range(4):
        bench.announce(rogue, grandmaster_priority1=0)
        bench.announce(GM_PORT, grandmaster_priority1=100)
        bench.run(2)
    assert bench.instance.parent_ds.parent_port_identity == GM_PORT
    assert bench.instance.ports[1].counters.discarded["not in the acceptable master table"] == 4


def test_the_alternate_priority1_ranks_masters_here_and_is_announced_to_nobody() -> None:
    table = (only(GM, alternate_priority1=10), only(OTHER))
    bench = Bench(2, acceptable_masters=table)
    for _ in range(8):
        bench.announce(PortIdentity(OTHER, 1), grandmaster_priority1=50)
        bench.announce(GM_PORT, grandmaster_priority1=100)
        bench.run(2)
    assert bench.instance.parent_ds.grandmaster_identity == GM
    assert {announce.grandmaster_priority1 for announce in bench.sent(messages.Announce)[-2:]} == {100}


def test_without_a_table_everybody_is_acceptable() -> None:
    assert slave().instance.parent_ds.parent_port_identity == GM_PORT


def test_a_hybrid_slave_asks_the_address_that_its_parents_syncs_come_from() -> None:
    bench = slave({"asks_by_unicast": True})
    for number in range(8):
        sync = bench.from_master(messages.Sync, flag_field=0)
        bench.receive(sync, 1000 * SECOND + number * SECOND, address="10.0.0.1")
        bench.run(1)
    requests = bench.sends(messages.DelayReq)
    assert requests
    assert {(send.address, send.message.flag_field) for send in requests} == {("10.0.0.1", Flag.UNICAST)}
    bench.stamp(requests[-1], 1007 * SECOND + 500 * MILLISECOND)


def test_any_other_slave_asks_the_group() -> None:
    bench = slave()
    bench.receive(bench.from_master(messages.Sync, flag_field=0), 1000 * SECOND, address="10.0.0.1")
    bench.run(3)
    assert {(send.address, send.message.flag_field) for send in bench.sends(messages.DelayReq)} == {(None, 0)}
