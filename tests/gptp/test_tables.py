"""Every figure as a table: each state can be reached, each way in has its action, and none comes from nowhere."""

import importlib
import pkgutil
from enum import Enum

import pytest

import ptpstack.gptp
from ptpstack.gptp.machine import Machine


def machines() -> list[type[Machine]]:
    for module in pkgutil.iter_modules(ptpstack.gptp.__path__, "ptpstack.gptp."):
        importlib.import_module(module.name)
    found: list[type[Machine]] = []
    waiting = [Machine]
    while waiting:
        kind = waiting.pop()
        subclasses = kind.__subclasses__()
        waiting += subclasses
        if hasattr(kind, "ROWS") and not subclasses:
            found.append(kind)
    return sorted(found, key=lambda kind: kind.__name__)


MACHINES = machines()


def states_of(machine: type[Machine]) -> type[Enum]:
    return type(machine.ROWS[0][2])


BEYOND_THE_STANDARD = {"DefaultTime", "HotStandbySystem", "InstanceSync", "OperationalIntervals", "SyncWatch"}


def test_every_figure_of_the_standard_has_its_class() -> None:
    assert {machine.__name__ for machine in MACHINES} - BEYOND_THE_STANDARD == {
        "AnnounceIntervalSetting",
        "ClockMasterSyncOffset",
        "ClockMasterSyncReceive",
        "ClockMasterSyncSend",
        "ClockSlaveSync",
        "GptpCapableIntervalSetting",
        "GptpCapableReceive",
        "GptpCapableTransmit",
        "LinkDelayIntervalSetting",
        "MdPdelayReq",
        "MdPdelayResp",
        "MdSyncReceive",
        "MdSyncSend",
        "OneStepTxOperSetting",
        "PortAnnounceInformation",
        "PortAnnounceInformationExt",
        "PortAnnounceReceive",
        "PortAnnounceTransmit",
        "PortStateSelection",
        "PortStateSettingExt",
        "PortSyncSyncReceive",
        "PortSyncSyncSend",
        "SiteSyncSync",
        "SyncIntervalSetting",
    }


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
class TestEachFigure:
    def test_every_state_is_reached_or_is_where_it_begins(self, machine: type[Machine]) -> None:
        reached = {target for _, _, target in machine.ROWS}
        first = next(iter(states_of(machine)))
        assert set(states_of(machine)) - reached <= {first}

    def test_every_state_can_be_left(self, machine: type[Machine]) -> None:
        left: set[Enum] = set()
        for origin, _, target in machine.ROWS:
            if origin is None:
                left |= set(states_of(machine)) - {target}
            else:
                left |= set(origin) if isinstance(origin, tuple) else {origin}
        assert left == set(states_of(machine))

    def test_what_is_done_belongs_to_a_state_of_the_figure(self, machine: type[Machine]) -> None:
        assert set(machine.ENTRY) <= set(states_of(machine))
