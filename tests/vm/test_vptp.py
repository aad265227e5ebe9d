"""The virtual PTP card, checked in one boot of the virtual machine; each check is reported as a test of its own."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import bed, clocks, peers, ports, reload

MODULES = (clocks, ports, peers, reload)


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(MODULES, Guest(vptp=bed.PARAMETERS), tmp_path_factory.mktemp("vptp"))


@pytest.mark.vm
@pytest.mark.timeout(900)  # the first waits for the whole boot
@pytest.mark.parametrize("check", names_of(MODULES))
def test_the_virtual_card(boot: Boot, check: str) -> None:
    boot.expect(check)
