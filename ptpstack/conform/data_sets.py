"""What a running clock says of itself: by the control socket of our daemon, or nothing but what its profile says."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from profiles.loader import Profile, TransportName
from ptpstack.conform.port_under_test import NotTestable, member_of
from ptpstack.errors import ConfigError

STATUS_S = 0.05
ATTRIBUTES = {
    "logAnnounceInterval": "log_announce_interval",
    "logSyncInterval": "log_sync_interval",
    "logMinDelayReqInterval": "log_min_delay_req_interval",
    "logMinPdelayReqInterval": "log_min_pdelay_req_interval",
    "announceReceiptTimeout": "announce_receipt_timeout",
    "meanLinkDelayThresh": "mean_link_delay_thresh_ns",
}
"""What of portDS a profile has a value for."""


class DataSets(Protocol):
    """The data sets of one port, members by their standard names."""

    @property
    def transport(self) -> TransportName:
        """What its messages are carried by."""

    def port_ds(self) -> Mapping[str, Any]:
        """Return portDS."""

    def default_ds(self) -> Mapping[str, Any]:
        """Return defaultDS."""

    def parent_ds(self) -> Mapping[str, Any]:
        """Return parentDS."""


class StatusDataSets:
    """Those of port *number* of *instance*, as *status* tells them. Raises ``ConfigError`` for another profile."""

    def __init__(self, profile: Profile, status: Callable[[], Mapping[str, Any]], instance: str, number: int) -> None:
        self._ask, self._instance, self._number = status, instance, number
        self._asked_at, self._answer = float("-inf"), dict[str, Any]()
        if self._of_instance()["profile"] != profile.ident:
            raise ConfigError(
                f"instance {instance} is of profile {self._of_instance()['profile']}",
                where="conform",
                next_step=f"ask for that profile instead of {profile.ident}",
            )

    def _of_instance(self) -> dict[str, Any]:
        if time.monotonic() - self._asked_at > STATUS_S:
            self._answer, self._asked_at = dict(self._ask()), time.monotonic()
        try:
            return dict(self._answer["instances"][self._instance])
        except KeyError as error:
            names = ", ".join(self._answer.get("instances", {}))
            raise ConfigError(f"no instance {self._instance}", where="conform", why=f"there are {names}") from error

    def _port(self) -> dict[str, Any]:
        ports = self._of_instance()["ports"]
        if not 1 <= self._number <= len(ports):
            raise ConfigError(f"no port {self._number}", where=f"instance {self._instance}")
        return dict(ports[self._number - 1])

    @property
    def transport(self) -> TransportName:
        """What its messages are carried by."""
        transport: TransportName = self._port()["transport"]
        return transport

    def port_ds(self) -> Mapping[str, Any]:
        """Return portDS."""
        return dict(self._port()["portDS"])

    def default_ds(self) -> Mapping[str, Any]:
        """Return defaultDS."""
        return dict(self._of_instance()["defaultDS"])

    def parent_ds(self) -> Mapping[str, Any]:
        """Return parentDS."""
        return dict(self._of_instance()["parentDS"])


class AssumedDataSets:
    """The defaults of *profile* for a clock that nobody can ask, with *changes*: portDS and defaultDS members."""

    def __init__(self, profile: Profile, transport: TransportName | None, changes: Mapping[str, int]) -> None:
        if transport is not None and transport not in profile.transports:
            raise ConfigError(
                f"{profile.ident} knows no transport {transport}",
                where="conform",
                next_step=f"choose from {', '.join(profile.transports)}",
            )
        self.transport: TransportName = transport or profile.transports[0]
        unknown = set(changes) - {"domainNumber", *ATTRIBUTES}
        if unknown:
            raise ConfigError(
                f"no member {', '.join(sorted(unknown))} is assumed of a clock",
                where="conform",
                next_step=f"choose from domainNumber, {', '.join(ATTRIBUTES)}",
            )
        attributes = profile.attributes
        found = {name: attributes[of].default for name, of in ATTRIBUTES.items() if of in attributes} | dict(changes)
        self._port_ds = _Untold({member_of(profile, name): found[name] for name in ATTRIBUTES if name in found})
        domain = changes.get("domainNumber", attributes["domain_number"].default)
        self._default_ds = _Untold({"sdoId": profile.sdo_id, "domainNumber": domain})

    def port_ds(self) -> Mapping[str, Any]:
        """Return the intervals of portDS."""
        return self._port_ds

    def default_ds(self) -> Mapping[str, Any]:
        """Return the domain."""
        return self._default_ds

    def parent_ds(self) -> Mapping[str, Any]:
        """Return nothing."""
        return _Untold()


class _Untold(dict[str, Any]):
    """Members that are not there cannot be asked for."""

    def __missing__(self, key: str) -> Any:  # noqa: ANN401 (as of a dictionary)
        raise NotTestable(f"needs {key} of the clock's data sets, which --against tells")
