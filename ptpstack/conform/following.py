"""How a check begins on a clock that is to follow the tester, and on which clocks that cannot be tried."""

from __future__ import annotations

from typing import Any

from ptpstack.conform.port_under_test import NotTestable, PortUnderTest, RoleName, is_gptp, require
from ptpstack.conform.tester import FIRST, GOOD, Tester
from ptpstack.wire.types import PortIdentity

LINK_MEASUREMENTS = 6
"""Of a new neighbour, before a gPTP port lets it be anything."""

GRANDMASTER_CLASSES = range(128)
"""A clock of such a class never follows (IEEE 1588-2019 Table 4)."""

PATIENCE_S = 24.0
"""For so long a client that has given up may wait until it asks again; whoever waits longer is not tried."""


def begin(port: PortUnderTest, *masters: PortIdentity, role: RoleName = "ordinary") -> Tester:
    """Begin with a clock that would follow anybody better; *masters* are played (FIRST if none is said)."""
    played = masters or (FIRST,)
    port.become(role, len(played))
    require_that_it_may_follow(port)
    tester = Tester(port, played)
    tester.wait(tester.announce_s / 2)
    if is_gptp(port.profile):
        tester.wait(LINK_MEASUREMENTS * tester.interval_s("logMinPdelayReqInterval"))
    if tester.negotiates:
        tester.wait_until_asked(PATIENCE_S)
    return tester


def begin_followed(port: PortUnderTest) -> Tester:
    """Begin with a clock that follows FIRST."""
    tester = begin(port)
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    if not tester.follows():
        raise NotTestable("the port does not follow the tester: is it a slave of somebody better?")
    return tester


def require_that_it_may_follow(port: PortUnderTest) -> None:
    """By its own settings; the tester's masters are better than the defaults, not than everybody."""
    default = port.default_ds()
    if port.port_ds().get("masterOnly"):
        raise NotTestable("the port is masterOnly, which follows nobody")
    clock_class = default["clockQuality"]["clockClass"]
    if clock_class in GRANDMASTER_CLASSES and not is_gptp(port.profile):
        raise NotTestable(f"a clock of class {clock_class} follows nobody")
    best = GOOD["grandmaster_priority1"]
    if port.profile.bmca in ("default", "gptp") and default["priority1"] < best:
        raise NotTestable(f"its priority1, {default['priority1']}, is better than that of the tester's masters, {best}")


def of_class(clock_class: int) -> dict[str, Any]:
    """Return what a grandmaster of this class announces."""
    return {"grandmaster_clock_quality": GOOD["grandmaster_clock_quality"]._replace(clock_class=clock_class)}


def is_ignored(port: PortUnderTest, **fields: Any) -> None:  # noqa: ANN401 (of an Announce)
    """Fail if a master with *fields* is followed, and show that without them it is."""
    tester = begin(port)
    tester.serve(6 * tester.announce_s, (FIRST, fields))
    require(not tester.follows(), f"it follows a master whose Announces have {fields}")
    show_that_it_follows(tester)


def show_that_it_follows(tester: Tester) -> None:
    """Who follows nobody at all ignores everything, and proves nothing by it."""
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    if not tester.follows():
        raise NotTestable("the port follows not even a good master: is it a slave of somebody better?")
