"""What scenes beside other programs share: whether they can be played here, playing them at once, and small measures.

What lives here: no scene and no claim; those are the tests.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import pytest

from lab.namespaces import Node, why_unavailable

T = TypeVar("T")
Key = TypeVar("Key")

PTP4L_AND_TSHARK = ("ptp4l", "pmc", "tshark", "dumpcap")


def need(programs: Sequence[str] = PTP4L_AND_TSHARK) -> None:
    """Skip the test where one of *programs* is missing, or this process cannot make namespaces."""
    missing = [program for program in programs if shutil.which(program) is None]
    if why := f"not installed: {', '.join(missing)}" if missing else why_unavailable():
        pytest.skip(why)


def play(scenes: Mapping[Key, Callable[[Path], T]], factory: pytest.TempPathFactory) -> dict[Key, T]:
    """Play all *scenes* at the same time, each with a folder of its own; skip where that cannot be."""
    need()
    with ThreadPoolExecutor(len(scenes)) as pool:
        runs = {key: pool.submit(scene, factory.mktemp(str(key))) for key, scene in scenes.items()}
        return {key: run.result() for key, run in runs.items()}


def address(node: Node, interface: str) -> str:
    """Return the MAC address of an interface of *node*."""
    return str(node.netlink(lambda ip: next(iter(ip.get_links(ifname=interface))).get("address")))


def rms(values: Sequence[float]) -> float:
    """Return the root of the mean square."""
    return math.sqrt(sum(value * value for value in values) / len(values))
