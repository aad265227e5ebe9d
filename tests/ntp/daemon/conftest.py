"""A server on the loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ntp.daemon.bench import LoopbackServer


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    made = LoopbackServer()
    yield made
    made.close()
