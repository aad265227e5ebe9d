"""Our daemon in a world that goes wrong, against the truth; a boot of the virtual machine for each such world."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import robust_master, robust_slave, robust_stamps
from tests.vm.guest.daemons import parameters

PAIRS_OF_PORTS = {robust_slave: 1, robust_master: 2, robust_stamps: robust_stamps.PAIRS}
CHECKS = [pytest.param(module, name, id=name) for module in PAIRS_OF_PORTS for name in names_of([module])]


@pytest.fixture(scope="module")
def boot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    guest = Guest(vptp=parameters(PAIRS_OF_PORTS[request.param]))
    return Boot.of([request.param], guest, tmp_path_factory.mktemp("robust"))


@pytest.mark.vm
@pytest.mark.timeout(900)  # the first of each module waits for the whole boot
@pytest.mark.parametrize(("boot", "check"), CHECKS, indirect=["boot"])
def test_the_daemon(boot: Boot, check: str) -> None:
    boot.expect(check)
