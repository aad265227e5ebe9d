"""Our daemon in worlds that go wrong, one after the other in one boot, against the truth."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, chosen, names_of
from tests.vm.guest import gptp_one_step, phase_writing, robust_master, robust_slave, robust_stamps, unicast_clients

WORLDS = (robust_slave, robust_master, gptp_one_step, robust_stamps, phase_writing, unicast_clients)

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3000)]  # the first waits for the whole boot


@pytest.fixture(scope="module")
def boot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(chosen(request, WORLDS), Guest(), tmp_path_factory.mktemp("robust"))


@pytest.mark.parametrize("check", names_of([robust_slave]))
def test_a_slave(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([robust_master, gptp_one_step]))
def test_a_master(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([robust_stamps]))
def test_transmit_stamps(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([phase_writing]))
def test_a_clock_that_takes_a_phase(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([unicast_clients]))
def test_a_unicast_grandmaster(boot: Boot, check: str) -> None:
    boot.expect(check)
