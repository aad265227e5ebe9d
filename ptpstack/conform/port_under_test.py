"""What a check knows of the port that it is tried on: messages to and from its link, and what it says of itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from profiles.loader import Profile
from ptpstack.wire.message import Message
from ptpstack.wire.types import ClockIdentity, MessageType, PortIdentity

M = TypeVar("M", bound=Message)
RoleName: TypeAlias = Literal["ordinary", "slave_only", "grandmaster", "master_only", "boundary", "choosy"]
"""A choosy clock has SECOND_MASTER alone in its acceptable master table."""


TESTERS = b"\x02\xcf"
"""The first octets of the clocks that the tester plays: locally administered."""


class Heard(NamedTuple, Generic[M]):
    """A message of the port, and when: by the clock of the tester, in ns and in s.

    By unicast it came to the master in that *place*, which has an address of its own; else all are 0.
    """

    message: M
    at_s: float
    stamp_ns: int | None
    place: int = 0


class Failed(Exception):  # noqa: N818 (an outcome, no error)
    """The port does not do what is required; says what it did."""


class NotTestable(Exception):  # noqa: N818 (an outcome, no error)
    """The check cannot be tried on this port, and why."""


class PortUnderTest(Protocol):
    """A port of a clock of *profile*, and the tester at the other end of its link."""

    profile: Profile
    epoch: int
    """Another one for each check where the clock remembers those before: the tester's masters are others then."""
    held: list[tuple[PortIdentity, MessageType]]
    """What the port was asked for by unicast and may still be sending, and under which name."""
    served: set[int]
    """The places where the port was granted Announces by unicast, and need not ask again."""

    @property
    def identity(self) -> ClockIdentity:
        """ClockIdentity of the clock."""

    @property
    def link_delay_ns(self) -> float | None:
        """The true delay of the link; None where nobody knows."""

    def become(self, role: RoleName, masters: int = 1) -> None:
        """Let the clock begin anew in *role*, by unicast with so many masters, each in a place of its own.

        Raises :class:`NotTestable` where that cannot be asked for.
        """

    def run(self, seconds: float) -> None:
        """Let time pass."""

    def send(self, message: Message | bytes, place: int = 0) -> int | None:
        """Send a message from a *place*, or octets that are none; return when it left, in ns, of event messages."""

    def heard(self, kind: type[M], place: int = 0) -> Sequence[Heard[M]]:
        """Return the messages of a *kind* that the port has sent to a *place* since it began, or :meth:`forget`."""

    def heard_below(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Return what a boundary clock sent by its second port. Raises :class:`NotTestable` where nobody listens."""

    def forget(self) -> None:
        """Forget what was heard."""

    def port_ds(self) -> Mapping[str, Any]:
        """Return portDS, members by their standard names."""

    def default_ds(self) -> Mapping[str, Any]:
        """Return defaultDS."""

    def parent_ds(self) -> Mapping[str, Any]:
        """Return parentDS."""


def negotiates(profile: Profile) -> bool:
    """Whether clocks of *profile* send nothing but what was granted to somebody (16.1)."""
    return "multicast" not in profile.communications


def is_gptp(profile: Profile) -> bool:
    """Whether clocks of *profile* work by IEEE 802.1AS."""
    return profile.bmca == "gptp"


def interval_in_use(port: PortUnderTest, attribute: str) -> int:
    """Return what is in use of an interval of portDS, named as in IEEE 1588 (``logAnnounceInterval``)."""
    return int(port.port_ds()[member_of(port.profile, attribute)])


def member_of(profile: Profile, attribute: str) -> str:
    """Return the name of a member of portDS that IEEE 1588 calls *attribute*."""
    if is_gptp(profile) and attribute.startswith("log"):
        return attribute.replace("logMin", "log").replace("log", "currentLog")
    return attribute


Check: TypeAlias = Callable[[PortUnderTest], None]
"""Raises :class:`Failed` or :class:`NotTestable`; returns if the requirement is fulfilled."""

CHECKS: dict[str, Check] = {}
"""Every registered check by its name."""


def check(function: Check) -> Check:
    """Register a check under the name of its function."""
    CHECKS[function.__name__] = function
    return function


def require(fulfilled: object, otherwise: str) -> None:
    """Fail with what was found instead, unless *fulfilled*."""
    if not fulfilled:
        raise Failed(otherwise)
