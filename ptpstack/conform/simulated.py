"""The engine as a port under test, in virtual time: the tester is the other end of a link of 500 ns.

*Faults* change what goes in or comes out, for proof that a check can fail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from profiles.loader import Profile
from ptpstack.config.load import from_dict
from ptpstack.config.resolve import ResolvedInstance, resolve
from ptpstack.conform.port_under_test import Heard, RoleName, is_gptp, negotiates
from ptpstack.conform.tester import SECOND_MASTER, has_static_roles
from ptpstack.core.instance import PtpInstance
from ptpstack.engine.outputs import Measurement, Output, Send
from ptpstack.errors import WireError
from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.settings import NOT_GRANDMASTER_CAPABLE
from ptpstack.observe.status import data_set
from ptpstack.servo.filters import MovingMedian
from ptpstack.time import NANOSECOND, SECOND, LocalTime, MonotonicTime, interval_from_seconds
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import AlternateTimeOffsetIndicator, IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.types import ClockIdentity, MessageType, PortIdentity

M = TypeVar("M", bound=Message)
ADDRESS = "192.0.2.{}"
"""Of the tester, by the place of the master that it plays there."""

LINK_DELAY = 500 * NANOSECOND
EPOCH = 1_000_000 * SECOND
IDENTITY = ClockIdentity.from_text("0000aa.fffe.000001")

ROLES: dict[RoleName, dict[str, Any]] = {
    "ordinary": {},
    "slave_only": {"slave_only": True},
    "grandmaster": {"clock_class": 6, "clock_accuracy": 0x21, "offset_scaled_log_variance": 0x4E5D},
    "master_only": {},
    "boundary": {},
    "choosy": {"acceptable_master": [{"identity": str(SECOND_MASTER.clock_identity)}]},
}


class Faults(Struct, frozen=True, kw_only=True):
    """What is wrong with a clock: messages changed, dropped or doubled on the way in or out, other settings."""

    incoming: Callable[[Message], Iterable[Message]] = lambda message: (message,)
    outgoing: Callable[[Message], Iterable[Message]] = lambda message: (message,)
    malformed: Callable[[bytes], Iterable[Message]] = lambda _octets: ()
    instance: dict[str, Any] = {}
    port: dict[str, Any] = {}


class SimulatedPort:
    """A clock of *profile* with one port, by the configuration's defaults."""

    epoch = 0

    def __init__(self, profile: Profile, faults: Faults | None = None) -> None:
        self.profile = profile
        self._faults = faults or Faults()
        self.become("ordinary")

    def become(self, role: RoleName, masters: int = 1) -> None:
        """Begin anew in *role*, where unicast is negotiated with a table of so many *masters*."""
        ports: list[dict[str, Any]] = [{"interface": "eth0"}]
        ports += [{"interface": "eth1"}] * (role == "boundary")
        of_role = ROLES[role]
        if is_gptp(self.profile) and role == "slave_only":
            of_role = {"priority1": NOT_GRANDMASTER_CAPABLE}
        if has_static_roles(self.profile):
            ports[0]["desired_state"] = "master"
        if role == "master_only":
            ports[0]["master_only"] = True
        if negotiates(self.profile):
            if role != "slave_only":
                ports[0] |= {"unicast_service": {}}
            if role != "master_only":
                ports[0] |= {"unicast_master": [{"address": ADDRESS.format(n)} for n in range(1, masters + 1)]}
        config = from_dict(
            {
                "instance": {
                    "main": {
                        "profile": self.profile.ident,
                        **({} if is_gptp(self.profile) else {"time_inaccuracy_ns": 100}),
                        "port": ports,
                        **of_role,
                    }
                }
            }
        )
        (resolved,) = resolve(config)
        self._instance = self._of_gptp(resolved) if is_gptp(self.profile) else self._of_1588(resolved)
        self.held: list[tuple[PortIdentity, MessageType]] = []
        self.served: set[int] = set()
        self._now = MonotonicTime(EPOCH)
        self._heard: list[Heard[Any]] = []
        self._heard_below: list[Heard[Any]] = []
        self._take(self._instance.start(self._now))

    def _of_1588(self, resolved: ResolvedInstance) -> PtpInstance:
        settings = replace(resolved.instance_settings(IDENTITY), **self._faults.instance)
        ports = [replace(port.settings, **self._faults.port) for port in resolved.ports]
        random = Random(1)  # noqa: S311 (repeatable, no secret)
        instance = PtpInstance(settings, ports, random=random.random, delay_filter=MovingMedian)
        instance.set_announce_tlvs(self._own_tlvs())
        return instance

    def _of_gptp(self, resolved: ResolvedInstance) -> GptpInstance:
        settings = replace(resolved.gptp_settings(IDENTITY), **self._faults.instance)
        ports = [replace(port.gptp, **self._faults.port) for port in resolved.ports if port.gptp is not None]
        return GptpInstance(settings, ports, delay_filter=MovingMedian)

    def _own_tlvs(self) -> tuple[Tlv, ...]:
        """Return what the daemon would have a grandmaster of the profile send."""
        local_time = AlternateTimeOffsetIndicator(1, 3563, 3600, 1_774_746_037, b"CET")
        match self.profile.announce_tlv:
            case "ieee_c37_238_2017":
                return (IeeeC37238(0, 100), local_time)
            case "ieee_c37_238_2011":
                return (IeeeC37238Of2011(3, 100), local_time)
        return ()

    @property
    def identity(self) -> ClockIdentity:
        """ClockIdentity."""
        return self._instance.default_ds.clock_identity

    @property
    def link_delay_ns(self) -> float:
        """The true delay of the link."""
        return LINK_DELAY / NANOSECOND

    def run(self, seconds: float) -> None:
        """Let virtual time pass."""
        end = self._now + interval_from_seconds(seconds)
        while (deadline := self._instance.next_deadline()) is not None and deadline <= end:
            self._now = max(self._now, deadline)
            self._take(self._instance.handle_deadline(self._now))
        self._now = end

    def send(self, message: Message | bytes, place: int = 0) -> int | None:
        """Send a message, whose stamps are those of perfect clocks; octets that are none are dropped by the codec."""
        left, address = self._now, ADDRESS.format(place + 1)
        if isinstance(message, bytes):
            octets = message
            try:
                message = decode(octets)
            except WireError:
                for each in self._faults.malformed(octets):
                    self._take(self._instance.receive(1, each, None, self._now, address))
                return None
        self._now = left + LINK_DELAY
        for each in self._faults.incoming(decode(encode(message))):
            stamp = LocalTime(int(self._now)) if each.is_event else None
            self._take(self._instance.receive(1, each, stamp, self._now, address))
        return int(left) // NANOSECOND if message.is_event else None

    def _take(self, outputs: Sequence[Output]) -> None:
        for output in outputs:
            if isinstance(output, Send):
                self._carry(output)
            elif isinstance(output, Measurement):
                self._take(self._instance.servo_locked(True, self._now))

    def _carry(self, send: Send) -> None:
        place = int(str(send.address).rpartition(".")[2]) - 1 if send.address else 0
        for message in self._faults.outgoing(decode(encode(send.message))):
            stamp_ns = int(self._now + LINK_DELAY) // NANOSECOND if message.is_event else None
            heard = self._heard if send.port_number == 1 else self._heard_below
            heard.append(Heard(message, int(self._now) / SECOND, stamp_ns, place))
        if send.context is not None:
            stamp = LocalTime(int(self._now))
            self._take(self._instance.transmitted(send.port_number, send.context, stamp, self._now))

    def heard(self, kind: type[M], place: int = 0) -> Sequence[Heard[M]]:
        """Return the messages of a *kind* to a *place*."""
        return [heard for heard in self._heard if isinstance(heard.message, kind) and heard.place == place]

    def heard_below(self, kind: type[M]) -> Sequence[Heard[M]]:
        """Return what the second port of a boundary clock has sent."""
        return [heard for heard in self._heard_below if isinstance(heard.message, kind)]

    def forget(self) -> None:
        """Forget what was heard."""
        self._heard.clear()

    def port_ds(self) -> dict[str, Any]:
        """Return portDS."""
        return data_set(self._instance.ports[1].port_ds)

    def default_ds(self) -> dict[str, Any]:
        """Return defaultDS."""
        return data_set(self._instance.default_ds)

    def parent_ds(self) -> dict[str, Any]:
        """Return parentDS."""
        return data_set(self._instance.parent_ds)
