"""Stand-ins for sockets, clocks and instances: what they are told is kept, what they say is scripted."""

import os
import time
from collections.abc import Hashable, Sequence

from hw.sockets import PortSocket, Received, TransmitStamp
from hw.timestamping import SOFTWARE_STAMPS, Granted, Timestamping
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.engine.outputs import Measurement
from ptpstack.errors import HardwareError
from ptpstack.observe.recorder import Record, Recorder
from ptpstack.time import NANOSECOND, SECOND, LocalTime, TimeInterval, UtcTime
from ptpstack.wire.message import Message


class FakeSocket(PortSocket):
    """A port's sockets without a network. Pipes stand for the two descriptors."""

    stamps_as = SOFTWARE_STAMPS

    def __init__(self) -> None:
        self.interface = "fake0"
        self.granted = self.stamps_as
        self.sent_events: list[tuple[bytes, Hashable]] = []
        self.sent_generals: list[tuple[bytes, Hashable]] = []
        self.stamps: list[TransmitStamp] = []
        self.events: list[Received] = []
        self.generals: list[Received] = []
        self.fails_with: Exception | None = None
        self.fails_to_send_with: Exception | None = None
        self.closed = False
        self.found_stamping: Granted | HardwareError | None = None
        self._event_pipe, self._general_pipe = os.pipe(), os.pipe()

    def _frame(self, payload: bytes, destination: Hashable, *, event: bool) -> tuple[list[bytes], object]:
        raise NotImplementedError

    def _received(self, data: bytes, control: object, address: object) -> Received | None:
        raise NotImplementedError

    def event_fileno(self) -> int:
        return self._event_pipe[0]

    def general_fileno(self) -> int:
        return self._general_pipe[0]

    def _attempt(self) -> None:
        if self.fails_with is not None:
            raise self.fails_with

    def send_event(self, payload: bytes, destination: Hashable) -> int:
        self._attempt()
        self.sent_events.append((payload, destination))
        return len(self.sent_events) - 1

    def send_general(self, payload: bytes, destination: Hashable) -> None:
        self._attempt()
        if self.fails_to_send_with is not None:
            raise self.fails_to_send_with
        self.sent_generals.append((payload, destination))

    def transmit_stamps(self, most: int = 256) -> list[TransmitStamp]:
        self._attempt()
        stamps, self.stamps = self.stamps[:most], self.stamps[most:]
        return stamps

    def receive_event(self) -> list[Received]:
        self._attempt()
        frames, self.events = self.events, []
        os.read(self._event_pipe[0], 1)
        return frames

    def receive_general(self) -> list[Received]:
        self._attempt()
        frames, self.generals = self.generals, []
        os.read(self._general_pipe[0], 1)
        return frames

    def restore_stamping(self) -> Granted | None:
        found, self.found_stamping = self.found_stamping, None
        if isinstance(found, HardwareError):
            raise found
        return found

    def wake(self, *, general: bool = False) -> None:
        """Make a descriptor readable."""
        os.write((self._general_pipe if general else self._event_pipe)[1], b"x")

    def close(self) -> None:
        if not self.closed:
            for fd in (*self._event_pipe, *self._general_pipe):
                os.close(fd)
        self.closed = True


class FakeReceiver:
    """An instance as its sockets see it."""

    def __init__(self) -> None:
        self.received: list[tuple[int, Message, int | None, Hashable]] = []
        self.stamps: list[tuple[int, int, int | None]] = []
        self.links: list[tuple[int, bool]] = []
        self.answers: dict[bytes, bytes] = {}
        self.heads: frozenset[bytes] = frozenset()
        self.takes = True
        self.frames: list[Received] = []

    def answer(self, _port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        answers = [self.answers[frame.payload] for frame in frames if frame.payload in self.answers]
        return answers, [frame for frame in frames if frame.payload not in self.answers]

    def short_heads(self, _port_number: int) -> frozenset[bytes]:
        return self.heads

    def receive_octets(self, _port_number: int, frame: Received) -> bool:
        if self.takes:
            self.frames.append(frame)
        return self.takes

    def receive(self, port_number: int, message: Message, stamp_ns: int | None, source: Hashable) -> None:
        self.received.append((port_number, message, stamp_ns, source))

    def transmitted(self, port_number: int, context: int, stamp_ns: int | None) -> None:
        self.stamps.append((port_number, context, stamp_ns))

    def link_changed(self, port_number: int, *, up: bool) -> None:
        self.links.append((port_number, up))


class FakeClock:
    """A clock that does as told, or refuses."""

    name = "fake"
    stamping = Timestamping.SOFTWARE
    max_frequency_ppb = 100_000.0

    def __init__(self) -> None:
        self.now = LocalTime(1_000_000 * SECOND)
        self.set_to_ppb = 0.0
        self.steps: list[TimeInterval] = []
        self.refuses: str | None = None
        self.closed = False

    def _attempt(self, what: str) -> None:
        if self.refuses == what:
            raise HardwareError(f"cannot {what}", why="a test")

    def time(self) -> LocalTime:
        self._attempt("read")
        return self.now

    def local_time(self, stamp_ns: int) -> LocalTime:
        return LocalTime(stamp_ns * NANOSECOND)

    def frequency_ppb(self) -> float:
        return self.set_to_ppb

    def set_frequency(self, ppb: float) -> None:
        self._attempt("set")
        self.set_to_ppb = ppb

    def step(self, delta: TimeInterval) -> None:
        self._attempt("step")
        self.steps.append(delta)
        self.now += delta

    def close(self) -> None:
        self.closed = True


class FakeUser:
    """An instance as its clock sees it."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.steps: list[tuple[TimeInterval, LocalTime]] = []
        self.locked: list[bool] = []

    def clock_stepped(self, delta: TimeInterval, local: LocalTime) -> None:
        self.steps.append((delta, local))

    def servo_locked(self, *, locked: bool) -> None:
        self.locked.append(locked)


class FakeInstanceClock:
    """A clock driver as its instances see it."""

    def __init__(self) -> None:
        self.measurements: list[Measurement] = []
        self.left_by: list[str] = []

    def local_time(self, stamp_ns: int) -> LocalTime:
        return LocalTime(stamp_ns * NANOSECOND)

    def take(self, _user: object, measurement: Measurement) -> None:
        self.measurements.append(measurement)

    def parent_lost(self, name: str) -> None:
        self.left_by.append(name)


class Workshop:
    """A loop and a recorder whose events are kept."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.recorder = Recorder(monotonic_now, lambda: UtcTime(0))
        self.records: list[Record] = []
        self.recorder.add_sink(self.records.append)

    def run_for(self, seconds: float) -> None:
        timer = self.loop.timer(self.loop.stop)
        timer.set(monotonic_now() + round(seconds * SECOND))
        self.loop.run()
        timer.close()

    def events(self, kind: type) -> list:
        return [record.event for record in self.records if isinstance(record.event, kind)]


def known_time() -> TimeTrust:
    """A machine on which another program keeps the time."""
    return TimeTrust("", now_s=time.time, monotonic_s=time.monotonic, kernel_says_kept=lambda: True, files=())
