"""The sockets of one interface and transport, shared by the ports of all domains on it.

What lives here: frames in (decoded, routed by sdoId and domainNumber), frames out, sockets that come and go with the
interface. What does not: transmit stamps (``awaited_stamps``), what a message means (``core``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from hw.link import LinkChange
from hw.sockets import InterfaceDown, InterfaceGone, PortSocket, Received
from hw.sockets.frame_filter import GENERAL_BIT
from hw.timestamping import Timestamping
from profiles.loader import DestinationMacName, RefusedName, TransportName
from ptpstack.core.message_head import HEAD_SIZE
from ptpstack.daemon.attachment import Attachment, Receiver
from ptpstack.daemon.awaited_stamps import AwaitedStamps
from ptpstack.daemon.events import (
    DomainUnknown,
    FrameRefused,
    InterfaceLost,
    InternalError,
    LinkChanged,
    MalformedFrame,
    SendFailed,
    SocketOpened,
    StampingChanged,
)
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.prp_lan import PrpLan
from ptpstack.daemon.stamp_latency import StampLatency
from ptpstack.daemon.transports import groups_of
from ptpstack.engine.outputs import Destination, Send
from ptpstack.errors import HardwareError, WireError
from ptpstack.observe.recorder import Recorder
from ptpstack.time import SECOND, TimeInterval
from ptpstack.wire.message import Message, decode, encode
from ptpstack.wire.types import MessageType

REOPEN_INTERVAL: TimeInterval = SECOND
STAMPING_CHECK_INTERVAL: TimeInterval = SECOND
DOMAINS_TOLD = 8
"""Of so many domains that nobody here is of the first message is told."""


class PortIo:
    """The sockets of *interface* and *transport*; *open_socket* opens them, *link_is_up* asks the interface.

    Frames of the VLAN *vlan_id* are theirs, those of another are not; without a tag of its own a frame is of none (0).
    """

    def __init__(
        self,
        loop: Loop,
        recorder: Recorder,
        interface: str,
        transport: TransportName,
        destination_mac: DestinationMacName = "forwardable",
        *,
        open_socket: Callable[[], PortSocket],
        link_is_up: Callable[[], bool],
        vlan_id: int = 0,
    ) -> None:
        self.interface = interface
        self.transport = transport
        self._vlan_id = vlan_id
        self.counters: Counter[str] = Counter()
        self._domains_told: set[tuple[int, int]] = set()
        self.granted = ""
        self._loop = loop
        self._recorder = recorder
        self._open_socket = open_socket
        self._link_is_up = link_is_up
        self._groups = groups_of(transport, destination_mac)
        self._primary_group = self._groups[Destination.PRIMARY]
        self._prp_lan = PrpLan(interface, self.counters, recorder) if transport == "l2" else None
        self._attached: dict[tuple[int, int, int], Attachment] = {}
        """By majorSdoId, minorSdoId and domainNumber."""
        self._short_ways: dict[bytes, Attachment] = {}
        """By the first octets of a frame."""
        self._socket: PortSocket | None = None
        self._awaited = AwaitedStamps(loop, self.counters)
        self._reopen_timer = loop.timer(self._reopen)
        self._stamping_timer = loop.timer(self._check_stamping)

    @property
    def stamp_latency(self) -> StampLatency:
        """How long transmit stamps took."""
        return self._awaited.latency

    @property
    def is_open(self) -> bool:
        """Whether frames can be sent and received now."""
        return self._socket is not None

    def attach(
        self,
        receiver: Receiver,
        port_number: int,
        *,
        sdo_id: int,
        domain_number: int,
        refuses: Iterable[RefusedName] = (),
    ) -> Attachment:
        """Route the frames of a domain to *receiver*, but for what it *refuses*; return what :meth:`send` takes."""
        attachment = Attachment(receiver, port_number, frozenset(refuses))
        major_sdo_id, minor_sdo_id = divmod(sdo_id, 0x100)
        if self._attached.setdefault((major_sdo_id, minor_sdo_id, domain_number), attachment) is not attachment:
            raise ValueError(f"{self.interface}: two ports in domain {domain_number} of sdoId 0x{sdo_id:03X}")
        self._short_ways |= dict.fromkeys(receiver.short_heads(port_number), attachment)
        return attachment

    def start(self) -> None:
        """Open the sockets; a link that is down is waited for. Raises ``HardwareError`` for anything else."""
        if not self._link_is_up():
            self._lose("the link is down")
            return
        try:
            self._open()
        except InterfaceDown as error:
            self._lose(error.what)

    def close(self) -> None:
        """Close the sockets for good."""
        self._close_socket()
        for to_close in (self._awaited, self._reopen_timer, self._stamping_timer):
            to_close.close()

    # -- the interface comes and goes ------------------------------------------------------------------

    def take_link_change(self, change: LinkChange) -> None:
        """Follow what the link monitor saw of this interface."""
        reason = "the link is down" if change.exists else "the interface was removed"
        if change.up and self._socket is None:
            self._reopen()
        elif not change.up and self._socket is not None:
            self._lose(reason)
        elif not change.exists:
            self._recorder.record(InterfaceLost(interface=self.interface, reason=reason))

    def _open(self) -> None:
        port_socket = self._socket = self._open_socket()
        self.granted = str(port_socket.granted)
        self._loop.watch(port_socket.event_fileno(), self._on_event)
        self._loop.watch(port_socket.general_fileno(), self._on_general)
        self._recorder.record(SocketOpened(interface=self.interface, transport=self.transport, granted=self.granted))
        if port_socket.granted.timestamping is Timestamping.HARDWARE:
            self._stamping_timer.set(monotonic_now() + STAMPING_CHECK_INTERVAL)

    def _reopen(self) -> None:
        """Try to open what was lost; on failure try again later."""
        if self._socket is not None:
            return
        try:
            if not self._link_is_up():
                self._reopen_timer.set(monotonic_now() + REOPEN_INTERVAL)
                return
            self._open()
        except HardwareError:
            self._reopen_timer.set(monotonic_now() + REOPEN_INTERVAL)
            return
        self._reopen_timer.set(None)
        self._recorder.record(LinkChanged(interface=self.interface, up=True))
        self._tell_link(up=True)

    def _lose(self, reason: str) -> None:
        """Close the sockets and wait for the interface."""
        self._close_socket()
        self._reopen_timer.set(monotonic_now() + REOPEN_INTERVAL)
        self._recorder.record(InterfaceLost(interface=self.interface, reason=reason))
        self._tell_link(up=False)

    def _close_socket(self) -> None:
        if self._socket is not None:
            self._loop.unwatch(self._socket.event_fileno())
            self._loop.unwatch(self._socket.general_fileno())
            self._socket.close()
            self._socket = None
        self._stamping_timer.set(None)
        self._awaited.give_up_all()

    def _check_stamping(self) -> None:
        """Any program may set how the NIC stamps, and nobody tells: look, and set it again."""
        if self._socket is None:
            return
        self._stamping_timer.set(monotonic_now() + STAMPING_CHECK_INTERVAL)
        found: object
        try:
            found = self._socket.restore_stamping()
        except HardwareError as error:
            found, self.granted = error.what, "none"
        else:
            self.granted = str(self._socket.granted)
        if found is not None:
            self.counters["stamping changed by others"] += 1
            self._recorder.record(StampingChanged(interface=self.interface, found=str(found), granted=self.granted))

    def _tell_link(self, *, up: bool) -> None:
        for attachment in self._attached.values():
            attachment.receiver.link_changed(attachment.port_number, up=up)

    # -- receiving -------------------------------------------------------------------------------------

    def _on_event(self) -> None:
        if self._socket is None:
            return
        awaited = len(self._awaited)
        try:
            stamps = self._socket.transmit_stamps(awaited) if awaited else []
            frames = [] if stamps else self._socket.receive_event()
            if not frames and not awaited:  # a stamp that nobody waits for any more woke us
                stamps = self._socket.transmit_stamps()
        except HardwareError as error:
            self._take_error(error)
            return
        for stamp in stamps:
            self._awaited.came(stamp)
        if frames:  # else they come at the next call, as the descriptor stays readable
            for frame in self._answer(self._of_own_vlan(frames)):
                self._take_frame(frame)

    def _on_general(self) -> None:
        if self._socket is None:
            return
        try:
            frames = self._socket.receive_general()
        except HardwareError as error:
            self._take_error(error)
            return
        for frame in self._of_own_vlan(frames):
            self._take_frame(frame)

    def _take_error(self, error: HardwareError) -> None:
        if isinstance(error, InterfaceGone | InterfaceDown):
            self._lose(error.what)
        else:
            self.counters["socket error"] += 1  # such as an ICMP answer to a unicast frame

    def _of_own_vlan(self, frames: Sequence[Received]) -> Sequence[Received]:
        """Return the frames of the port's VLAN, or of the interface itself; others belong to another interface."""
        for frame in frames:
            if (frame.vlan_id or 0) != self._vlan_id:
                break
        else:
            return frames
        own = [frame for frame in frames if (frame.vlan_id or 0) == self._vlan_id]
        self.counters["other VLAN"] += len(frames) - len(own)
        for frame in frames:
            if frame.vlan_id:
                self._tell_refused(frame, {attachment.why_refused(frame) for attachment in self._attached.values()})
        return own

    def _tell_refused(self, frame: Received, reasons: Iterable[str]) -> None:
        for reason in filter(None, reasons):
            self.counters["refused"] += 1
            self._recorder.record(FrameRefused(interface=self.interface, source=str(frame.source), reason=reason))

    def _answer(self, frames: Sequence[Received]) -> Sequence[Received]:
        """Send what instances can answer at once; return the frames that are left."""
        for attachment in self._attached.values():
            if attachment.refuses and any(map(attachment.why_refused, frames)):
                continue  # the long way finds out which
            try:
                answers, frames = attachment.receiver.answer(attachment.port_number, frames)
            except Exception as error:  # noqa: BLE001 (as of _take_frame, which the frames meet next)
                self._take_defect(error)
                continue
            for answer in answers:
                self._send_answer(answer)
        return frames

    def _take_frame(self, frame: Received) -> None:
        attachment = self._short_ways.get(frame.payload[:HEAD_SIZE])
        if attachment is not None and not (attachment.refuses and attachment.why_refused(frame)):
            try:
                if attachment.receiver.receive_octets(attachment.port_number, frame):
                    return
            except Exception as error:  # noqa: BLE001 (whatever defect a frame meets, no peer may end the daemon)
                self._take_defect(error)
                return
        try:
            message = decode(frame.payload)
        except WireError as error:
            self.counters["malformed"] += 1
            self._recorder.record(
                MalformedFrame(
                    interface=self.interface,
                    source=str(frame.source),
                    length=len(frame.payload),
                    reason=str(error),
                )
            )
            return
        if self._prp_lan is not None:
            self._prp_lan.heard(frame.payload, str(frame.source))
        attachment = self._attached.get((message.major_sdo_id, message.minor_sdo_id, message.domain_number))
        if attachment is None:
            self.counters["other domain"] += 1
            self._tell_domain(message, frame)
            return
        if attachment.refuses and (reason := attachment.why_refused(frame)):
            self._tell_refused(frame, [reason])
            return
        try:
            attachment.receiver.receive(attachment.port_number, message, frame.stamp_ns, frame.source)
        except Exception as error:  # noqa: BLE001 (as above)
            self._take_defect(error)

    def _tell_domain(self, message: Message, frame: Received) -> None:
        domain = message.major_sdo_id << 8 | message.minor_sdo_id, message.domain_number
        if domain not in self._domains_told and len(self._domains_told) < DOMAINS_TOLD:
            self._domains_told.add(domain)
            self._recorder.record(DomainUnknown.of(message, self.interface, str(frame.source)))

    def _take_defect(self, error: Exception) -> None:
        self.counters["defect"] += 1
        self._recorder.record(InternalError.of(error))

    # -- sending ---------------------------------------------------------------------------------------

    def send(self, attachment: Attachment, send: Send) -> None:
        """Carry *send* out; one that fails is counted, told, and its stamp reported as lost."""
        if self._socket is None:
            self.counters["not sent"] += 1
            self._awaited.lost(attachment, send.context)
            return
        destination = self._groups[send.destination] if send.address is None else send.address
        try:
            payload = encode(send.message)
            if send.message.message_type & GENERAL_BIT:
                self._socket.send_general(payload, destination)
                return
            key = self._socket.send_event(payload, destination)
        except (HardwareError, ValueError) as error:
            self._not_sent(send.message.message_type, error)
            self._awaited.lost(attachment, send.context)
            return
        if send.context is not None:
            self._awaited.sent(key, attachment, send.context)

    def _send_answer(self, payload: bytes) -> None:
        if self._socket is None:
            self.counters["not sent"] += 1
            return
        try:
            self._socket.send_general(payload, self._primary_group)
        except HardwareError as error:
            self._not_sent(MessageType(payload[0] & 0x0F), error)

    def _not_sent(self, message_type: MessageType, error: Exception) -> None:
        self.counters["not sent"] += 1
        if isinstance(error, InterfaceGone | InterfaceDown):
            self._lose(error.what)
            return
        reason = getattr(error, "why", "") or str(error)
        self._recorder.record(SendFailed(interface=self.interface, message=message_type.name, reason=reason))
