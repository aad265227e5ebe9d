"""A PortIo on fake sockets, for the tests of what it receives and sends and of what becomes of its interface."""

from hw.sockets import InterfaceGone, Received
from ptpstack.daemon.port_io import PortIo
from ptpstack.engine.outputs import Send
from tests.daemon.fakes import FakeReceiver, FakeSocket, Workshop

SOURCE = "02:00:00:00:00:01"


class Port:
    """A PortIo on fake sockets with one attached instance in domain 0."""

    def __init__(self) -> None:
        self.shop = Workshop()
        self.sockets: list[FakeSocket] = []
        self.refusal: Exception | None = None
        self.link_up = True
        self.port_io = PortIo(
            self.shop.loop,
            self.shop.recorder,
            "fake0",
            "l2",
            open_socket=self.open_socket,
            link_is_up=self.ask_link,
        )
        self.receiver = FakeReceiver()
        self.attachment = self.port_io.attach(self.receiver, 7, sdo_id=0, domain_number=0)

    @property
    def socket(self) -> FakeSocket:
        return self.sockets[-1]

    def open_socket(self) -> FakeSocket:
        if self.refusal is not None:
            raise self.refusal
        self.sockets.append(FakeSocket())
        return self.socket

    def ask_link(self) -> bool:
        if isinstance(self.refusal, InterfaceGone):
            raise self.refusal
        return self.link_up

    def receive(self, payload: bytes, *, stamp_ns: int | None = 5, vlan_id: int | None = None) -> None:
        self.socket.events.append(Received(payload, stamp_ns, SOURCE, vlan_id))
        self.socket.wake()
        self.shop.run_for(0)

    def send(self, message: object, context: int | None = None, **options: object) -> None:
        self.port_io.send(self.attachment, Send(7, message, context=context, **options))
