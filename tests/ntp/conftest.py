"""Programs of a newer Debian than this machine's."""

from __future__ import annotations

import pytest

from lab.peers.newer_ntp import NewerNtp, newer_ntp
from lab.vm.newer import NewerDebianError


@pytest.fixture(scope="session")
def newer() -> NewerNtp:
    try:
        return newer_ntp()
    except NewerDebianError as error:
        pytest.skip(f"no newer Debian: {error}")
