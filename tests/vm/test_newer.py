"""What this machine's Debian may be too old for, in one boot of a newer one: QEMU's igb under its driver, a new kernel.

Where that cannot be fetched, the driver is e1000e, which older QEMUs emulate.
"""

from collections.abc import Callable

import pytest

from lab.vm import Guest
from lab.vm.module import ModuleBuildError, build_vptp
from lab.vm.newer import NewerDebianError, newer_debian
from tests.vm.boot import Boot, chosen, names_of
from tests.vm.guest import bed, clocks, dpll, netlink_stamping, nic, ports, reload

MODULES = (nic, netlink_stamping, dpll, clocks, ports, reload)
KNOWN = (7, 3)
"""The newest series that the module has been made for; a later one may have changed its interfaces."""

pytestmark = [pytest.mark.vm, pytest.mark.timeout(3000)]  # the first waits for the whole boot


def give_up_on_newer() -> Callable[[], None] | None:
    """How the tests that need the newer Debian end where there is none, or where it is newer than we know."""
    try:
        kernel = newer_debian().kernel
        build_vptp(kernel)
    except NewerDebianError as error:
        reason = str(error)
        return lambda: pytest.skip(reason)
    except ModuleBuildError as error:
        if tuple(map(int, kernel.release.split(".")[:2])) <= KNOWN:
            raise
        reason = f"newer than {KNOWN}: {error}"
        return lambda: pytest.xfail(reason)
    return None


@pytest.fixture(scope="module")
def boot(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Boot, Callable[[], None] | None]:
    give_up = give_up_on_newer()
    newer, older = Guest(vptp=bed.PARAMETERS, nics=["igb"], newer=True), Guest(vptp=None, nics=["e1000e"])
    modules = chosen(request, MODULES if give_up is None else (nic,))
    return Boot.of(modules, newer if give_up is None else older, tmp_path_factory.mktemp("newer")), give_up


@pytest.mark.parametrize("check", names_of((nic,)))
def test_a_real_driver(boot: tuple[Boot, Callable[[], None] | None], check: str) -> None:
    boot[0].expect(check)


@pytest.mark.parametrize("check", names_of(MODULES[1:]))
def test_the_virtual_card_on_a_newer_kernel(boot: tuple[Boot, Callable[[], None] | None], check: str) -> None:
    if boot[1]:
        boot[1]()
    boot[0].expect(check)
