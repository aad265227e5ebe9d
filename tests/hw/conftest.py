"""A machine of its own for a test: a network namespace."""

from collections.abc import Iterator

import pytest

from lab import namespaces


@pytest.fixture
def node() -> Iterator[namespaces.Node]:
    """An empty network namespace, with loopback up."""
    if why := namespaces.why_unavailable():
        pytest.skip(f"this kernel gives no network namespaces: {why}")
    with namespaces.Network() as network:
        yield network.node("node")
