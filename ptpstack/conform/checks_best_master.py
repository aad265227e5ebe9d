"""Who may be compared, and who wins (IEEE 1588-2019 9.3; ITU-T G.8275 for the alternate algorithm)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ptpstack.conform.dialect import clock_classes
from ptpstack.conform.following import begin, is_ignored, of_class, show_that_it_follows
from ptpstack.conform.port_under_test import TESTERS, NotTestable, PortUnderTest, check, require
from ptpstack.conform.tester import FIRST, SECOND_MASTER, Tester
from ptpstack.wire.message import Flag
from ptpstack.wire.messages import Announce
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

RECORDS = 5
"""foreignMasterDS holds so many at least (9.3.2.4.5)."""

FOLLOWING = ("UNCALIBRATED", "SLAVE")


@check
def a_good_master_is_followed(port: PortUnderTest) -> None:
    """Two Announces in four intervals qualify (9.3.2.5)."""
    tester = begin(port)
    tester.serve(4 * tester.announce_s, (FIRST, {}))
    require(tester.follows(), "it does not follow the best master after four Announces")


@check
def one_announce_in_four_intervals_never_qualifies(port: PortUnderTest) -> None:
    """FOREIGN_MASTER_THRESHOLD and FOREIGN_MASTER_TIME_WINDOW (9.3.2.4.5)."""
    tester = begin(port)
    for _ in range(4):
        tester.announce()
        for _ in range(5):
            tester.wait(tester.announce_s)
            require(not tester.follows(), "it follows a master that announces once in five intervals")
    show_that_it_follows(tester)


@check
def five_foreign_masters_are_held(port: PortUnderTest) -> None:
    """The best of several is found, though it is the last to be heard (9.3.2.4.5)."""
    senders = [
        PortIdentity(ClockIdentity(bytes((*TESTERS, 0xDD, 0xFF, 0xFE, 0, 0, n))), 1) for n in range(1, RECORDS + 1)
    ]
    tester = begin(port, *senders)
    masters = [
        (sender, of_class(clock_class))
        for clock_class, sender in zip(reversed(clock_classes(port.profile)), senders, strict=True)
    ]
    tester.serve(6 * tester.announce_s, *masters)
    require(tester.follows(senders[-1]), f"of {RECORDS} masters it does not follow the best")


@check
def steps_removed_255_is_ignored(port: PortUnderTest) -> None:
    """MaxStepsRemoved (9.3.2.5)."""
    is_ignored(port, steps_removed=255)


@check
def steps_removed_65535_is_ignored(port: PortUnderTest) -> None:
    """MaxStepsRemoved (9.3.2.5)."""
    is_ignored(port, steps_removed=65_535)


@check
def steps_removed_254_is_followed(port: PortUnderTest) -> None:
    """One step below the limit."""
    tester = begin(port)
    tester.serve(6 * tester.announce_s, (FIRST, {"steps_removed": 254}))
    require(tester.follows(), "it does not follow a master 254 steps away")


@check
def the_alternate_master_flag_is_ignored(port: PortUnderTest) -> None:
    """An alternate master is not compared (17.3.3)."""
    is_ignored(port, flag_field=Flag.PTP_TIMESCALE | Flag.ALTERNATE_MASTER)


@check
def its_own_announces_are_ignored(port: PortUnderTest) -> None:
    """SourcePortIdentity is the clock's own (9.3.2.5 a)."""
    tester = begin(port)
    before = port.parent_ds()["parentPortIdentity"]
    tester.serve(6 * tester.announce_s, (PortIdentity(port.identity, 7), {}))
    parent = port.parent_ds()["parentPortIdentity"]
    require(parent == before, f"{parent} is its parent by Announces that carry its own clockIdentity")
    show_that_it_follows(tester)


@check
def another_domain_is_ignored(port: PortUnderTest) -> None:
    """Domains are isolated (7.1)."""
    is_ignored(port, domain_number=(port.default_ds()["domainNumber"] + 1) % 128)


@check
def another_sdo_is_ignored(port: PortUnderTest) -> None:
    """So are standards organizations, by majorSdoId (7.1.4)."""
    is_ignored(port, major_sdo_id=(port.default_ds()["sdoId"] >> 8) ^ 1)


@check
def the_newest_announce_counts(port: PortUnderTest) -> None:
    """A master that degrades is left for one that did not (9.3.2.5 c)."""
    tester = begin(port, FIRST, SECOND_MASTER)
    _, second, _, fourth, _ = clock_classes(port.profile)
    worse = of_class(second)
    tester.serve(6 * tester.announce_s, (FIRST, {}), (SECOND_MASTER, worse))
    require(tester.follows(FIRST), "it does not follow the better of two")
    tester.serve(
        3 * tester.announce_s,
        (FIRST, {"grandmaster_clock_quality": ClockQuality(fourth, 0xFE, 0xFFFF)}),
        (SECOND_MASTER, worse),
    )
    require(tester.follows(SECOND_MASTER), "it stays with a master that has become the worse of two")


_ATTRIBUTES = ("priority1", "clockClass", "clockAccuracy", "offsetScaledLogVariance", "priority2")
"""In the order in which they decide; all that come before are equal, all that come after speak for the other."""


def _told(values: Sequence[int]) -> dict[str, Any]:
    priority1, clock_class, accuracy, variance, priority2 = values
    return {
        "grandmaster_priority1": priority1,
        "grandmaster_clock_quality": ClockQuality(clock_class, accuracy, variance),
        "grandmaster_priority2": priority2,
    }


@check
def the_data_sets_are_compared_in_order(port: PortUnderTest) -> None:
    """Figure 34: each attribute decides, against all that come after; the alternate algorithm knows no priority1."""
    low, high = (9, 6, 0x21, 0x4E5D, 127), (10, 7, 0x22, 0x4E5E, 128)
    for place, name in enumerate(_ATTRIBUTES):
        if name == "priority1" and port.profile.bmca not in ("default", "gptp"):
            continue
        better = (*low[: place + 1], *high[place + 1 :])
        worse = (*low[:place], high[place], *low[place + 1 :])
        tester = begin(port, FIRST, SECOND_MASTER)
        tester.serve(6 * tester.announce_s, (SECOND_MASTER, _told(better)), (FIRST, _told(worse)))
        require(tester.follows(SECOND_MASTER), f"{name} does not decide between two masters, or what comes after does")


@check
def the_identity_decides_between_equal_masters(port: PortUnderTest) -> None:
    """The last line of Figure 34."""
    tester = begin(port, FIRST, SECOND_MASTER)
    equal = {"grandmaster_clock_quality": ClockQuality(128, 0x21, 0x4E5D)}  # with up to 127 G.8275 does not compare it
    tester.serve(6 * tester.announce_s, (SECOND_MASTER, equal), (FIRST, equal))
    require(tester.follows(FIRST), "of two equal masters it does not follow that of the lower clockIdentity")


@check
def priority1_is_not_compared(port: PortUnderTest) -> None:
    """ITU-T G.8275: priority1 has no effect."""
    tester = begin(port, FIRST, SECOND_MASTER)
    tester.serve(
        6 * tester.announce_s,
        (SECOND_MASTER, {"grandmaster_priority1": 255}),
        (FIRST, {"grandmaster_priority1": 1, "grandmaster_clock_quality": ClockQuality(7, 0xFE, 0xFFFF)}),
    )
    require(tester.follows(SECOND_MASTER), "priority1 decides between two masters")


@check
def fewer_steps_are_nearer(port: PortUnderTest) -> None:
    """Figure 35: the same grandmaster by two paths."""
    tester = begin(port, FIRST, SECOND_MASTER)
    same = {"grandmaster_identity": FIRST.clock_identity}
    tester.serve(
        6 * tester.announce_s,
        (SECOND_MASTER, same | {"steps_removed": 1}),
        (FIRST, same | {"steps_removed": 4}),
    )
    require(tester.follows(SECOND_MASTER), "it follows the longer of two paths to one grandmaster")


@check
def the_sender_decides_between_equal_paths(port: PortUnderTest) -> None:
    """Figure 35: the lower sourcePortIdentity."""
    tester = begin(port, FIRST, SECOND_MASTER)
    same = {"grandmaster_identity": FIRST.clock_identity, "steps_removed": 2}
    tester.serve(6 * tester.announce_s, (SECOND_MASTER, same), (FIRST, same))
    require(tester.follows(FIRST), "of two equal paths it does not follow that of the lower sourcePortIdentity")


def _a_little_better_than(port: PortUnderTest) -> dict[str, Any]:
    """Return what a grandmaster announces that no attribute makes worse than the port's clock, and one better."""
    default = port.default_ds()
    quality = default["clockQuality"]
    values = [
        default["priority1"],
        quality["clockClass"],
        quality["clockAccuracy"],
        quality["offsetScaledLogVariance"],
        default["priority2"],
    ]
    for place in (3, 4, 2, 0):
        if values[place] > 0 and not (place == 0 and port.profile.bmca != "default"):
            values[place] -= 1
            return _told(values)
    raise NotTestable("no grandmaster is better than this clock")


@check
def a_clock_of_class_6_becomes_passive(port: PortUnderTest) -> None:
    """Figure 33, P1: it never follows, and gives way to a better one."""
    port.become("grandmaster")
    if port.port_ds().get("masterOnly"):
        raise NotTestable("the port is masterOnly, which is never PASSIVE")
    tester = Tester(port)
    tester.serve(tester.timeout_s + 4 * tester.announce_s, (FIRST, _a_little_better_than(port)))
    state = port.port_ds()["portState"]
    require(state == "PASSIVE", f"beside a better grandmaster it is {state}, not PASSIVE")


@check
def a_clock_of_class_6_stays_master_beside_a_worse_one(port: PortUnderTest) -> None:
    """Figure 33, M1."""
    port.become("grandmaster")
    tester = Tester(port)
    worse = {"grandmaster_priority1": 255, "grandmaster_clock_quality": ClockQuality(248, 0xFE, 0xFFFF)}
    tester.serve(tester.timeout_s + 4 * tester.announce_s, (FIRST, worse))
    state = port.port_ds()["portState"]
    require(state == "MASTER", f"beside a worse master it is {state}, not MASTER")


@check
def a_slave_only_clock_never_announces(port: PortUnderTest) -> None:
    """9.2.2.1."""
    port.become("slave_only")
    tester = Tester(port)
    tester.settle_as_master()
    require(not port.heard(Announce), "a slave-only clock sends Announces")
    require(port.default_ds()["clockQuality"]["clockClass"] == 255, "a slave-only clock is not of class 255")


@check
def a_master_only_port_never_follows(port: PortUnderTest) -> None:
    """MasterOnly (9.2.2.2; ITU-T G.8275: masterOnly of a port)."""
    port.become("master_only")
    tester = Tester(port)
    tester.serve(8 * tester.announce_s, (FIRST, {}))
    require(port.port_ds()["portState"] not in FOLLOWING, "a masterOnly port follows a master")


@check
def a_silent_master_is_left_after_the_announce_timeout(port: PortUnderTest) -> None:
    """announceReceiptTimeout, and up to one interval more (9.2.6.12)."""
    tester = begin(port)
    tester.serve(6 * tester.announce_s, (FIRST, {}))
    require(tester.follows(), "it does not follow the best master")
    intervals = port.port_ds()["announceReceiptTimeout"]
    silent: tuple[PortIdentity, dict[str, Any]] = (FIRST, {})
    tester.serve((intervals - 1.5) * tester.announce_s, silent, announces=False)
    require(tester.follows(), f"it leaves its master before {intervals} announce intervals are over")
    tester.serve(3 * tester.announce_s, silent, announces=False)
    require(not tester.follows(), f"it stays with a master that is silent for {intervals + 1.5:g} announce intervals")
