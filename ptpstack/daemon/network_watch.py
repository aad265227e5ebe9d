"""A network that comes back: told when the machine has a new address, and what follows it, routes and name servers."""

from __future__ import annotations

from collections.abc import Callable

from hw.address_watch import AddressWatch
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.time import SECOND, TimeInterval

SETTLES_WITHIN: TimeInterval = 2 * SECOND


class NetworkWatch:
    """Calls *came* when this machine got an address; where netlink is refused, never."""

    def __init__(self, came: Callable[[], None], loop: Loop, settles_within: TimeInterval = SETTLES_WITHIN) -> None:
        self._addresses = AddressWatch()
        self._loop = loop
        self._timer = loop.timer(came)
        self._settles_within = settles_within
        if self._addresses.fileno() >= 0:
            loop.watch(self._addresses.fileno(), self._look)

    def stop(self) -> None:
        """Watch no more."""
        self._timer.close()
        if self._addresses.fileno() >= 0:
            self._loop.unwatch(self._addresses.fileno())
        self._addresses.close()

    def _look(self) -> None:
        if self._addresses.read():
            self._timer.set(monotonic_now() + self._settles_within)
