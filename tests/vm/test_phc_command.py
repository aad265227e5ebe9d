"""`ptpstack phc` and the time of day for a PPS, on real clocks in one boot of the virtual machine."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import bed, phc_command

MODULES = (phc_command,)


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(MODULES, Guest(vptp=bed.PARAMETERS), tmp_path_factory.mktemp("phc"))


@pytest.mark.vm
@pytest.mark.timeout(900)  # the first waits for the whole boot
@pytest.mark.parametrize("check", names_of(MODULES))
def test_the_command_on_a_card_whose_truth_is_known(boot: Boot, check: str) -> None:
    boot.expect(check)
