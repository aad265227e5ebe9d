"""A running port as a port under test: its status by the control socket, its link by an interface at the other end."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from hw.sockets import PortSocket
from hw.timestamping import Timestamping
from profiles.loader import Profile
from ptpstack.conform.port_under_test import Heard, NotTestable, RoleName
from ptpstack.daemon.transports import GROUPS, open_port_socket
from ptpstack.engine.outputs import Destination
from ptpstack.errors import ConfigError, WireError
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.messages import PdelayReq, PdelayResp, PdelayRespFollowUp
from ptpstack.wire.types import ClockIdentity

M = TypeVar("M", bound=Message)
POLL_S, STAMP_S, STATUS_S = 0.002, 0.3, 0.05
FAULT_S = 20.0
"""How long a port may be FAULTY for what the check before did to it."""

PEER_DELAY = (PdelayReq, PdelayResp, PdelayRespFollowUp)


class LivePort:
    """Port *number* of *instance* of the daemon that *status* asks.

    *interface* is at the other end of its link ("": none, only its status is seen); only with *sends* are test frames
    sent from there.
    """

    link_delay_ns = None

    def __init__(
        self,
        profile: Profile,
        status: Callable[[], Mapping[str, Any]],
        *,
        instance: str = "main",
        number: int = 1,
        interface: str = "",
        sends: bool = False,
    ) -> None:
        self.profile = profile
        self._ask = status
        self._instance, self._number = instance, number
        self._interface, self._sends = interface, sends
        self.epoch = 0
        self._heard: list[Heard[Any]] = []
        self._asked_at, self._answer = float("-inf"), dict[str, Any]()
        self._socket: PortSocket | None = None
        if self._of_instance()["profile"] != profile.ident:
            raise ConfigError(
                f"instance {instance} is of profile {self._of_instance()['profile']}",
                where="conform",
                next_step=f"ask for that profile instead of {profile.ident}",
            )
        if interface:
            transport = self._port()["transport"]
            self._groups = GROUPS[transport]
            self._socket = open_port_socket(
                interface,
                transport,
                timestamping=Timestamping.SOFTWARE,
                ttl=1,
                dscp_event=0,
                dscp_general=0,
                vlan_tag=None,
                one_step_sync=False,
            )

    def close(self) -> None:
        """Let go of the interface."""
        if self._socket is not None:
            self._socket.close()

    # -- what it says of itself ------------------------------------------------------------------------------

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

    def port_ds(self) -> dict[str, Any]:
        """Return portDS."""
        return dict(self._port()["portDS"])

    def default_ds(self) -> dict[str, Any]:
        """Return defaultDS."""
        return dict(self._of_instance()["defaultDS"])

    def parent_ds(self) -> dict[str, Any]:
        """Return parentDS."""
        return dict(self._of_instance()["parentDS"])

    @property
    def identity(self) -> ClockIdentity:
        """ClockIdentity."""
        return ClockIdentity.from_text(self.default_ds()["clockIdentity"])

    def become(self, role: RoleName) -> None:
        """Wait until the port has got over the check before; other roles than its own cannot be asked for."""
        if role != "ordinary":
            raise NotTestable("needs a clock that begins in another role; --simulate can")
        self.epoch += 1
        if self._socket is not None:
            port_ds = self.port_ds()
            self.run((port_ds["announceReceiptTimeout"] + 2) * 2.0 ** port_ds["logAnnounceInterval"])
            end = time.monotonic() + FAULT_S
            while self.port_ds()["portState"] == "FAULTY" and time.monotonic() < end:
                self.run(1.0)
        self.forget()

    # -- its link -------------------------------------------------------------------------------------------------

    def _open(self) -> PortSocket:
        if self._socket is None:
            raise NotTestable("needs --interface: one at the other end of the port's link")
        return self._socket

    def run(self, seconds: float) -> None:
        """Listen for *seconds*."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._listen()
            time.sleep(min(POLL_S, left))
        self._listen()

    def _listen(self) -> None:
        port_socket, own = self._open(), self.identity
        for frame in (*port_socket.receive_event(), *port_socket.receive_general()):
            try:
                message = decode(frame.payload)
            except WireError:
                continue
            if message.source_port_identity.clock_identity == own:
                self._heard.append(Heard(message, time.monotonic(), frame.stamp_ns))

    def send(self, message: Message | bytes) -> int | None:
        """Send; return the stamp of an event message."""
        port_socket = self._open()
        if not self._sends:
            raise NotTestable("sends test frames, which is done only with --send")
        peer = isinstance(message, PEER_DELAY)
        group = self._groups[Destination.PEER_DELAY if peer else Destination.PRIMARY]
        if isinstance(message, bytes) or not message.is_event:
            port_socket.send_general(message if isinstance(message, bytes) else encode(message), group)
            return None
        key = port_socket.send_event(encode(message), group)
        end = time.monotonic() + STAMP_S
        while time.monotonic() < end:
            for stamp in port_socket.transmit_stamps():
                if stamp.key == key:
                    return stamp.stamp_ns
            time.sleep(POLL_S / 4)
        return None

    def heard(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Return the messages of a *kind*."""
        self._open()
        return [heard for heard in self._heard if isinstance(heard.message, kind)]

    def heard_below(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Nobody listens there."""
        raise NotTestable(f"needs a second interface to hear {kind.__name__} of another port; --simulate can")

    def forget(self) -> None:
        """Forget what was heard."""
        self._heard.clear()
