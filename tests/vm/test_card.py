"""The virtual card, the commands on it, and the clocks of the host on each other and on pulses; in one boot."""

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, chosen, names_of
from tests.vm.guest import (
    batches,
    bed,
    clocks,
    host_clocks,
    ntp_hosts,
    peers,
    phc_command,
    port_clocks,
    ports,
    reload,
    telecom_grandmaster,
    time_sources,
)

CARD = (clocks, ports, batches, peers, reload, port_clocks)
MODULES = (
    clocks,
    ports,
    batches,
    peers,
    phc_command,
    host_clocks,
    telecom_grandmaster,
    time_sources,
    ntp_hosts,
    reload,
    port_clocks,
)

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3000)]  # the first waits for the whole boot


@pytest.fixture(scope="module")
def boot(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(chosen(request, MODULES), Guest(vptp=bed.PARAMETERS), tmp_path_factory.mktemp("card"))


@pytest.mark.parametrize("check", names_of(CARD))
def test_the_virtual_card(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([phc_command]))
def test_the_phc_command(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([host_clocks]))
def test_the_clocks_of_the_host(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([telecom_grandmaster]))
def test_a_telecom_grandmaster(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([time_sources]))
def test_the_system_clock_by_one_source_after_another(boot: Boot, check: str) -> None:
    boot.expect(check)


@pytest.mark.parametrize("check", names_of([ntp_hosts]))
def test_ntp_on_hosts_that_are_not_plain(boot: Boot, check: str) -> None:
    boot.expect(check)
