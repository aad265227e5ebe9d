"""Our server and those who ask it, once for each file: a file names the programs that it ``NEEDS``."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from lab import namespaces
from lab.namespaces import Network

from .bed import Bed


@pytest.fixture(scope="module")
def bed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    for program in request.module.NEEDS:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if why := namespaces.why_unavailable():
        pytest.skip(why)
    with Network() as net:
        made = Bed(net, tmp_path_factory.mktemp("server"))
        try:
            yield made
        finally:
            made.daemon.stop()
