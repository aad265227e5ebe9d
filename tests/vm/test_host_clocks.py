"""Clocks of the host on each other and on pulses, in one boot of the virtual machine, against the truth."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import bed, host_clocks

MODULES = (host_clocks,)


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(MODULES, Guest(vptp=bed.PARAMETERS), tmp_path_factory.mktemp("host_clocks"))


@pytest.mark.vm
@pytest.mark.timeout(900)  # the first waits for the whole boot
@pytest.mark.parametrize("check", names_of(MODULES))
def test_the_clocks_of_the_host(boot: Boot, check: str) -> None:
    boot.expect(check)
