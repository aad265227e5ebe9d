"""Our daemon in a world that goes wrong, against the truth; a boot of the virtual machine for each such world."""

from pathlib import Path
from types import ModuleType

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import robust_master, robust_slave, robust_stamps
from tests.vm.guest.daemons import parameters

pytestmark = [pytest.mark.vm, pytest.mark.timeout(900)]  # the first check of a world waits for the whole boot


def boot(module: ModuleType, pairs: int, results: Path) -> Boot:
    return Boot.of([module], Guest(vptp=parameters(pairs)), results)


@pytest.fixture(scope="module")
def slave_world(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return boot(robust_slave, 1, tmp_path_factory.mktemp("slave"))


@pytest.fixture(scope="module")
def master_world(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return boot(robust_master, 2, tmp_path_factory.mktemp("master"))


@pytest.fixture(scope="module")
def stamps_world(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return boot(robust_stamps, robust_stamps.PAIRS, tmp_path_factory.mktemp("stamps"))


@pytest.mark.parametrize("check", names_of([robust_slave]))
def test_a_slave(slave_world: Boot, check: str) -> None:
    slave_world.expect(check)


@pytest.mark.parametrize("check", names_of([robust_master]))
def test_a_master(master_world: Boot, check: str) -> None:
    master_world.expect(check)


@pytest.mark.parametrize("check", names_of([robust_stamps]))
def test_transmit_stamps(stamps_world: Boot, check: str) -> None:
    stamps_world.expect(check)
