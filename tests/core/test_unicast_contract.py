"""The table of a unicast contract over all states and events (IEEE 1588-2019 16.1)."""

import itertools

import pytest

from ptpstack.core.unicast_contract import SERVED_STATES, Contract, ContractEvent, ContractState, next_state
from ptpstack.time import SECOND, MonotonicTime
from ptpstack.wire.types import MessageType

S, E = ContractState, ContractEvent
NOW = MonotonicTime(100 * SECOND)

MOVES = {
    S.IDLE: {E.WANTED: S.REQUESTED, E.GRANT: S.CANCELLING},
    S.REQUESTED: {E.GRANT: S.GRANTED, E.REFUSAL: S.WAITING, E.TIMER: S.REQUESTED, E.UNWANTED: S.IDLE},
    S.WAITING: {E.TIMER: S.REQUESTED, E.GRANT: S.GRANTED, E.UNWANTED: S.IDLE},
    S.GRANTED: {E.TIMER: S.RENEWING, E.GRANT: S.GRANTED, E.END: S.WAITING, E.UNWANTED: S.CANCELLING},
    S.RENEWING: {
        E.TIMER: S.RENEWING,
        E.GRANT: S.GRANTED,
        E.REFUSAL: S.RENEWING,
        E.END: S.WAITING,
        E.UNWANTED: S.CANCELLING,
    },
    S.CANCELLING: {
        E.ACKNOWLEDGED: S.IDLE,
        E.GIVEN_UP: S.IDLE,
        E.TIMER: S.CANCELLING,
        E.GRANT: S.CANCELLING,
        E.WANTED: S.REQUESTED,
    },
}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_every_state_moves_on_every_event_as_the_table_says(state: ContractState, event: ContractEvent) -> None:
    assert next_state(state, event) is MOVES[state].get(event)


@pytest.mark.parametrize("state", S)
def test_what_is_not_wanted_any_more_always_comes_to_rest(state: ContractState) -> None:
    contract = Contract(MessageType.SYNC, state)
    for event in (E.UNWANTED, E.GIVEN_UP):
        contract.apply(event)
    assert contract.state is S.IDLE


@pytest.mark.parametrize(("state", "event"), list(itertools.product(S, E)))
def test_only_a_contract_in_force_has_an_end(state: ContractState, event: ContractEvent) -> None:
    contract = Contract(MessageType.SYNC, state)
    if state in SERVED_STATES:
        contract.hold(10 * SECOND, NOW, lambda: 0.5)
        contract.heard = NOW
    if contract.apply(event) and contract.state not in SERVED_STATES:
        assert contract.expires is None
        assert not contract.served


def test_waits_double_up_to_sixteen_seconds_and_start_anew_after_a_grant() -> None:
    contract, waits = Contract(MessageType.ANNOUNCE, S.REQUESTED), []
    for _ in range(7):
        contract.wait(NOW, 0, lambda: 0.5)
        assert contract.timer is not None
        waits.append((contract.timer - NOW) // SECOND)
        contract.apply(E.TIMER)
    assert waits == [1, 2, 4, 8, 16, 16, 16]
    contract.apply(E.GRANT)
    contract.wait(NOW, 0, lambda: 0.5)
    assert contract.timer == NOW + SECOND


@pytest.mark.parametrize("chance", [0.0, 0.5, 0.999])
def test_a_renewal_is_due_before_three_quarters_and_never_in_step_with_others(chance: float) -> None:
    contract = Contract(MessageType.SYNC, S.GRANTED)
    contract.hold(100 * SECOND, NOW, lambda: chance)
    assert contract.timer is not None
    assert contract.timer - NOW == round(100 * SECOND * (0.75 - 0.1 * chance))
    assert contract.expires == NOW + 100 * SECOND
