"""The packages of the virtual machine: installed where we may, else the skip says the command."""

import pytest

from lab.vm.packages import PackagesMissingError, install_missing


@pytest.fixture(scope="session", autouse=True)
def packages() -> None:
    try:
        install_missing()
    except PackagesMissingError as error:
        pytest.skip(str(error))
