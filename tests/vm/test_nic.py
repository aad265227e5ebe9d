"""A real driver, igb or e1000e, on the card that this QEMU emulates, in one boot."""

import subprocess

import pytest

from lab.vm import Guest
from tests.vm.boot import Boot, names_of
from tests.vm.guest import nic

MODULES = (nic,)


def emulated_card() -> str:
    """The one with more of a clock: QEMU has igb from 8.0 on."""
    known = subprocess.run(["qemu-system-x86_64", "-device", "help"], check=True, capture_output=True, text=True).stdout
    return "igb" if '"igb"' in known else "e1000e"


@pytest.fixture(scope="module")
def boot(tmp_path_factory: pytest.TempPathFactory) -> Boot:
    return Boot.of(MODULES, Guest(vptp=None, nics=[emulated_card()]), tmp_path_factory.mktemp("nic"))


@pytest.mark.vm
@pytest.mark.timeout(900)  # the first waits for the whole boot
@pytest.mark.parametrize("check", names_of(MODULES))
def test_a_real_driver(boot: Boot, check: str) -> None:
    boot.expect(check)
