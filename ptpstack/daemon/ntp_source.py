"""One configured NTP source: its name looked up, and an association with each address that is asked.

What lives here: names and addresses over time. What does not: sockets and the clock (``ntp_driver.py``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import ClassVar, Protocol

from ntp.candidate import Absent
from ntp.client.association import Association, AssociationState
from ntp.client.events import SourceEvent
from ntp.ensemble import SourceOptions
from ntp.reference_identifier import reference_id_of
from ntp.resolver import FamilyName, Resolved
from ntp.selection import Verdict
from ntp.selection_reasons import USELESS, Reason
from ntp.transport import Address
from ptpstack.config.ntp_table import NtpSource
from ptpstack.events import Severity
from ptpstack.time import SECOND, MonotonicTime, TimeInterval


class Names(Protocol):
    """What looks names up off the loop (``ntp.resolver``)."""

    def fileno(self) -> int:
        """What becomes readable when an answer has come."""

    def ask(self, name: str, port: int, family: FamilyName) -> None:
        """Look *name* up."""

    def network_came(self, name: str) -> None:
        """Do not wait any longer because there was no network to ask for *name*."""

    def forget(self, name: str) -> None:
        """Nobody asks for *name* any more."""

    def lacks(self, name: str) -> str:
        """Return why there is no answer for *name* yet; empty: nothing is known here."""

    def results(self) -> list[Resolved]:
        """Return the answers that have come."""

    def close(self) -> None:
        """Look nothing up any more."""


REFRESH: TimeInterval = 14 * 86_400 * SECOND
"""A name is looked up again after so long even if its servers answer: pools ask for it."""

FIRST_RETRY: TimeInterval = 2 * SECOND
LAST_RETRY: TimeInterval = 600 * SECOND
REPLACE_AFTER: TimeInterval = 1800 * SECOND
"""So often at most a name is looked up again because its servers do not answer, or are of no use."""

REQUESTS_IN_VAIN = 8


class SourceResolved(SourceEvent, frozen=True, kw_only=True):
    """The addresses that are asked for a name are others than before."""

    addresses: tuple[str, ...]

    def __str__(self) -> str:
        return f"NTP source {self.source}: asks {', '.join(self.addresses)}"


class SourceReplaced(SourceEvent, frozen=True, kw_only=True):
    """An address is asked no more, since others of its name are."""

    severity: ClassVar[Severity] = Severity.NOTICE

    reason: str

    def __str__(self) -> str:
        return f"NTP source {self.source}: asked no more, others of its name are: {self.reason}"


class SourceNotResolved(SourceEvent, frozen=True, kw_only=True):
    """A name has no address now."""

    severity: ClassVar[Severity] = Severity.WARNING

    reason: str

    def __str__(self) -> str:
        return f"NTP source {self.source}: no address: {self.reason}; what is asked already is asked on"


class NetworkCame(SourceEvent, frozen=True, kw_only=True):
    """This machine has a new address, and the source was out of reach before."""

    def __str__(self) -> str:
        return f"NTP source {self.source}: asked again at once, for this machine has a new address"


@dataclass(slots=True)
class NtpSourceState:
    """What is known of *config*, of whose addresses *count* are asked."""

    config: NtpSource
    count: int
    addresses: dict[str, Address] = field(default_factory=dict)
    """Of each association, by the association's name."""

    ask_at: MonotonicTime | None = None
    _asked_at: MonotonicTime = field(default_factory=lambda: MonotonicTime(0))
    _retry: TimeInterval = FIRST_RETRY
    _reason: str = ""
    taken: str = ""
    """Which other source asks the servers that this name stands for."""

    def options_at(self, address: Address) -> SourceOptions:
        """Return what an operator wants of the server at *address*."""
        config = self.config
        return SourceOptions(
            prefer=config.prefer,
            trust=config.trust,
            require=config.require,
            noselect=config.noselect,
            reference_id=reference_id_of(address.host),
        )

    @property
    def authenticated(self) -> bool:
        """Whether replies prove where they come from."""
        return bool(self.config.nts or self.config.key)

    def absent(self) -> Absent:
        """Return what counts of the source while none of its addresses is asked."""
        config = self.config
        return Absent(
            name=self.name, authenticated=self.authenticated, require=config.require, noselect=config.noselect
        )

    @property
    def name(self) -> str:
        """What the source is called."""
        return self.config.address

    @property
    def lacks(self) -> str:
        """Why no address is asked."""
        if self.taken:
            return f"its servers are asked already, by {self.taken}, and have one vote each"
        return f"its name has no address ({self._reason})" if self._reason else "its name is being looked up"

    def resolved(self) -> SourceResolved:
        """Tell which addresses are asked."""
        return SourceResolved(source=self.name, addresses=tuple(address.host for address in self.addresses.values()))

    def asked(self, now: MonotonicTime) -> None:
        """Take in that the name is being looked up."""
        self.ask_at, self._asked_at = None, now

    def take(self, answer: Resolved, now: MonotonicTime) -> list[SourceEvent]:
        """Plan the next look-up by *answer*, and tell when the name has no address, and why; once for each reason."""
        if answer.addresses:
            self._retry, self._reason, self.ask_at = FIRST_RETRY, "", now + REFRESH
            return []
        self.ask_at = now + self._retry
        self._retry = min(2 * self._retry, LAST_RETRY)
        if answer.reason == self._reason:
            return []
        self._reason = answer.reason
        return [SourceNotResolved(source=self.name, reason=answer.reason)]

    def network_came(self, associations: Mapping[str, Association], now: MonotonicTime) -> None:
        """Look the name up again at once, if none of its addresses answers: another network said what they are."""
        if self.ask_at is not None and not any(associations[name].reachable for name in self.addresses):
            self._retry, self.ask_at = FIRST_RETRY, now

    def take_back(self, now: MonotonicTime) -> None:
        """Plan to look the name up again soon: nothing could be made of the answer."""
        self.ask_at = now + self._retry

    def is_due(
        self, associations: Mapping[str, Association], unused: Mapping[str, Verdict], now: MonotonicTime
    ) -> bool:
        """Tell whether to look the name up: as planned, or because others are needed, but not too often for that."""
        if self.ask_at is None:
            return False
        is_time = now - self._asked_at >= REPLACE_AFTER
        return self.ask_at <= now or (is_time and (self._is_tied(unused) or bool(self.given_up(associations, unused))))

    def wanted(self, unused: Mapping[str, Verdict]) -> int:
        """Return how many addresses to ask: twice as many while nobody can say which half of them is right.

        None of those that disagree may go before others have voted: the rest would be a majority.
        """
        return 2 * self.count if self._is_tied(unused) else self.count

    def _is_tied(self, unused: Mapping[str, Verdict]) -> bool:
        if self.config.nts:  # whose keys are for one server
            return False
        return any(name in unused and unused[name].reason is Reason.NO_MAJORITY for name in self.addresses)

    def others(self, answer: Resolved) -> list[Address]:
        """Return the addresses of *answer* that are not asked."""
        known = {address.host for address in self.addresses.values()}
        return [address for address in answer.addresses if address.host not in known]

    def replaced_by(
        self, answer: Resolved, associations: Mapping[str, Association], unused: Mapping[str, Verdict]
    ) -> dict[str, str]:
        """Return the associations that end with *answer*, and why: those given up, as far as there are others.

        With NTS so do those that ask another server than the one that the keys are for now.
        """
        others = len(self.others(answer)) + max(len(self.addresses) - self.wanted(unused), 0)
        ended = dict([*self.given_up(associations, unused).items()][:others])
        if self.config.nts and answer.addresses:
            hosts = {address.host for address in answer.addresses}
            elsewhere = (name for name, at in self.addresses.items() if at.host not in hosts)
            ended = dict.fromkeys(elsewhere, "of a server that the keys are not for") | ended
        return ended

    def association_name(self, address: Address) -> str:
        """Return a name that says the source and, where that is not the same, the address."""
        return self.name if address.host == self.name else f"{self.name} ({address.host})"

    def given_up(self, associations: Mapping[str, Association], unused: Mapping[str, Verdict]) -> dict[str, str]:
        """Return the associations whose address is worth replacing, and why: sent away, silent, or of no use."""
        given_up = {}
        for name in self.addresses:
            association = associations[name]
            if association.state is AssociationState.STOPPED:
                given_up[name] = f"sent away ({association.stopped_by})"
            elif association.requests >= REQUESTS_IN_VAIN and not association.reachable:
                given_up[name] = f"silent ({association.trouble})"
            elif name in unused and unused[name].reason in USELESS:
                given_up[name] = unused[name].text
        return given_up


def without_taken(
    source: NtpSourceState, answer: Resolved, sources: Iterable[NtpSourceState]
) -> tuple[Resolved, list[tuple[NtpSourceState, str]]]:
    """Return *answer* for *source* without servers that others of *sources* ask, so that none has two votes.

    One with a proof goes before: the second is which associations others are to let go for it.
    """
    taken, let_go = {}, []
    for other in sources:
        for name, address in other.addresses.items():
            if other is source or address not in answer.addresses:
                continue
            if source.authenticated and not other.authenticated:
                other.taken = source.name
                let_go.append((other, name))
            else:
                taken[address] = other.name
    free = tuple(address for address in answer.addresses if address not in taken)
    source.taken = "" if free or not taken else ", ".join(dict.fromkeys(taken.values()))
    return answer._replace(addresses=free), let_go
