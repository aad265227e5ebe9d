"""A running port as a port under test, by an interface at the other end of its link, and by what it says of itself."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from hw.sockets import PortSocket
from hw.timestamping import Timestamping
from profiles.loader import Profile, TransportName
from ptpstack.conform.data_sets import DataSets
from ptpstack.conform.following import GRANDMASTER_CLASSES
from ptpstack.conform.port_under_test import (
    TESTERS,
    Heard,
    NotTestable,
    PortUnderTest,
    RoleName,
    interval_in_use,
    negotiates,
)
from ptpstack.conform.tester import PEER_DELAY
from ptpstack.daemon.transports import groups_of, open_port_socket
from ptpstack.engine.outputs import Destination
from ptpstack.errors import WireError
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.types import ClockIdentity, MessageType, PortIdentity

M = TypeVar("M", bound=Message)
POLL_S, STAMP_S = 0.002, 0.3
FAULT_S = 20.0
"""How long a port may be FAULTY for what the check before did to it."""

IN_ROLE: dict[RoleName, Callable[[PortUnderTest], bool]] = {
    "slave_only": lambda port: bool(port.default_ds()["slaveOnly"]),
    "grandmaster": lambda port: port.default_ds()["clockQuality"]["clockClass"] in GRANDMASTER_CLASSES,
    "master_only": lambda port: bool(port.port_ds()["masterOnly"]),
}
"""Whether a running port has a role by its own settings."""


class LivePort:
    """The port that *data_sets* tell of.

    *interface* is at the other end of its link ("": none, only its data sets are seen); only with *sends* are test
    frames sent from there. Where the profile works by unicast they go to *address*, and from *own_addresses*, which the
    port has in its table of masters: one for each master that is played ("": whichever the interface has).
    """

    link_delay_ns = None

    def __init__(
        self,
        profile: Profile,
        data_sets: DataSets,
        *,
        interface: str = "",
        address: str = "",
        own_addresses: Sequence[str] = (),
        sends: bool = False,
    ) -> None:
        self.profile = profile
        self._data_sets, self._address, self._sends = data_sets, address, sends
        self.epoch = 0
        self._until = float("-inf")
        self.held: list[tuple[PortIdentity, MessageType]] = []
        self.served: set[int] = set()
        self._identity: ClockIdentity | None = None
        self._heard: list[Heard[Any]] = []
        self._sockets: list[PortSocket] = []
        """By the place of the master that speaks there."""
        if interface:
            transport = data_sets.transport
            self._groups = groups_of(transport, profile.destination_mac)
            try:
                for own_address in own_addresses or ("",):
                    self._sockets.append(_open_socket(interface, transport, own_address))
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """Let go of the interface."""
        for port_socket in self._sockets:
            port_socket.close()

    # -- what it says of itself ------------------------------------------------------------------------------

    def port_ds(self) -> Mapping[str, Any]:
        """Return portDS."""
        return self._data_sets.port_ds()

    def default_ds(self) -> Mapping[str, Any]:
        """Return defaultDS."""
        return self._data_sets.default_ds()

    def parent_ds(self) -> Mapping[str, Any]:
        """Return parentDS."""
        return self._data_sets.parent_ds()

    @property
    def identity(self) -> ClockIdentity:
        """ClockIdentity; of a clock that nobody can ask that of the first message."""
        if self._identity is None:
            self._identity = ClockIdentity.from_text(self.default_ds()["clockIdentity"])
        return self._identity

    def _is_own(self, message: Message) -> bool:
        """Whether the port sent *message*, not somebody whom the tester plays."""
        sender = message.source_port_identity.clock_identity
        if self._identity is None:
            try:
                return sender == self.identity
            except NotTestable:
                if sender[:2] == TESTERS:
                    return False
                self._identity = sender
        return sender == self._identity

    def become(self, role: RoleName, masters: int = 1) -> None:
        """Wait until the port has got over the check before; other roles than its own cannot be asked for."""
        if self.port_ds().get("delayMechanism") == "COMMON_P2P":
            raise NotTestable(
                "its link is measured by the common mean link delay service, which the tester does not play"
            )
        if role != "ordinary" and not (role in IN_ROLE and IN_ROLE[role](self)):
            raise NotTestable(f"needs a clock that begins as {role.replace('_', ' ')}; --simulate can")
        if negotiates(self.profile) and masters > max(1, len(self._sockets)):
            raise NotTestable(
                f"needs {masters} masters, and by unicast each has an address of its own: --as ADDRESS for each"
            )
        self.epoch += 1
        if self._sockets:
            intervals = self.port_ds()["announceReceiptTimeout"] + 2
            self.run(intervals * 2.0 ** interval_in_use(self, "logAnnounceInterval"))
            self._recover()
        self.forget()

    def _recover(self) -> None:
        """Wait for a port that is FAULTY."""
        end = time.monotonic() + FAULT_S
        with contextlib.suppress(NotTestable):
            while self.port_ds()["portState"] == "FAULTY" and time.monotonic() < end:
                self.run(1.0)

    # -- its link -------------------------------------------------------------------------------------------------

    def _open(self) -> Sequence[PortSocket]:
        if not self._sockets:
            raise NotTestable("needs --interface: one at the other end of the port's link")
        return self._sockets

    def run(self, seconds: float) -> None:
        """Listen for *seconds*, less what was spent since the last time: so intervals of several calls are kept."""
        now = time.monotonic()
        begin = self._until if now - self._until < seconds else now
        self._until = end = begin + seconds
        while (left := end - time.monotonic()) > 0:
            self._listen()
            time.sleep(min(POLL_S, left))
        self._listen()

    def _listen(self) -> None:
        for place, port_socket in enumerate(self._open()):
            for frame in (*port_socket.receive_event(), *port_socket.receive_general()):
                try:
                    message = decode(frame.payload)
                except WireError:
                    continue
                if self._is_own(message):
                    self._heard.append(Heard(message, time.monotonic(), frame.stamp_ns, place))

    def send(self, message: Message | bytes, place: int = 0) -> int | None:
        """Send; return the stamp of an event message."""
        port_socket = self._open()[place]
        if not self._sends:
            raise NotTestable("sends test frames, which is done only with --send")
        peer = isinstance(message, PEER_DELAY)
        where = self._address or self._groups[Destination.PEER_DELAY if peer else Destination.PRIMARY]
        if isinstance(message, bytes) or not message.is_event:
            port_socket.send_general(message if isinstance(message, bytes) else encode(message), where)
            return None
        key = port_socket.send_event(encode(message), where)
        end = time.monotonic() + STAMP_S
        while time.monotonic() < end:
            for stamp in port_socket.transmit_stamps():
                if stamp.key == key:
                    return stamp.stamp_ns
            time.sleep(POLL_S / 4)
        return None

    def heard(self, kind: type[M], place: int = 0) -> Sequence[Heard[M]]:
        """Return the messages of a *kind* to a *place*."""
        self._open()
        return [heard for heard in self._heard if isinstance(heard.message, kind) and heard.place == place]

    def heard_below(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Nobody listens there."""
        raise NotTestable(f"needs a second interface to hear {kind.__name__} of another port; --simulate can")

    def forget(self) -> None:
        """Forget what was heard."""
        self._heard.clear()


def _open_socket(interface: str, transport: TransportName, own_address: str) -> PortSocket:
    return open_port_socket(
        interface,
        transport,
        timestamping=Timestamping.SOFTWARE,
        ttl=1,
        dscp_event=0,
        dscp_general=0,
        vlan_tag=None,
        one_step_sync=False,
        local_address=own_address,
    )
