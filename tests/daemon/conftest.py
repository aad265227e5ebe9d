"""What the tests of this folder share."""

from collections.abc import Iterator

import pytest

from tests.daemon.port_bench import Port


@pytest.fixture
def port() -> Iterator[Port]:
    """A port whose sockets are open."""
    port = Port()
    port.port_io.start()
    yield port
    port.port_io.close()
    port.shop.loop.close()
