"""An instance gets its inputs with the time and its outputs carried out in order, its timer always set."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest

from hw.sockets import Received
from ptpstack.core.events import PortStateChanged
from ptpstack.core.port_states import PortEvent
from ptpstack.daemon.instance_driver import InstanceDriver
from ptpstack.daemon.loop import monotonic_now
from ptpstack.engine.outputs import Measurement, Output, Send
from ptpstack.engine.port_state import PortState
from ptpstack.events import Event
from ptpstack.time import MILLISECOND, NANOSECOND, SECOND, LocalTime, MonotonicTime, PtpTime
from ptpstack.wire import messages
from ptpstack.wire.types import NO_PORT
from tests.daemon.fakes import FakeInstanceClock, Workshop


class Said(Event, frozen=True):
    """An event with a word."""

    word: str


class ScriptedInstance:
    """Answers every input by what the test says, and keeps the inputs."""

    def __init__(self) -> None:
        self.inputs: list[tuple[object, ...]] = []
        self.answers: dict[str, list[Output]] = {}
        self.deadline: MonotonicTime | None = None
        self.default_ds = SimpleNamespace(sdo_id=0, domain_number=0)
        self.fails = False

    def __getattr__(self, name: str) -> Callable[..., list[Output]]:
        def method(*arguments: object) -> list[Output]:
            self.inputs.append((name, *arguments))
            return self.answers.get(name, [])

        return method

    def next_deadline(self) -> MonotonicTime | None:
        return self.deadline

    def handle_deadline(self, now: MonotonicTime) -> list[Output]:
        self.inputs.append(("handle_deadline", now))
        self.deadline = None
        if self.fails:
            raise RuntimeError("a defect")
        return []


class LosingPort:
    """Loses the stamp of every event message at once."""

    def attach(
        self, driver: InstanceDriver, port_number: int, *, sdo_id: int, domain_number: int, refuses: object = ()
    ) -> str:
        assert not refuses
        self.driver = driver
        return f"{port_number} in {sdo_id}/{domain_number}"

    def send(self, attachment: str, send: Send) -> None:
        assert attachment == "1 in 0/0"
        self.driver.transmitted(send.port_number, send.context, None)


class Bench:
    def __init__(self) -> None:
        self.shop = Workshop()
        self.instance = ScriptedInstance()
        self.clock = FakeInstanceClock()
        self.driver = InstanceDriver("main", self.instance, self.clock, self.shop.loop, self.shop.recorder)
        self.driver.attach(1, LosingPort())

    def names(self) -> list[object]:
        return [inputs[0] for inputs in self.instance.inputs]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def measurement() -> Measurement:
    return Measurement(
        port_number=1,
        parent_port_identity=NO_PORT,
        t1=PtpTime(0),
        t2=LocalTime(0),
        offset_from_master=0,
        mean_delay=0,
        log_sync_interval=0,
    )


def test_stamps_become_instants_of_the_clock_and_a_missing_one_stays_missing(bench: Bench) -> None:
    bench.driver.receive(1, messages.Sync(), 5, "someone")
    bench.driver.receive(1, messages.Sync(), None, "someone")
    bench.driver.transmitted(1, 9, 6)
    bench.driver.transmitted(1, 9, None)
    stamps = [arguments[3] for arguments in bench.instance.inputs]
    assert stamps == [LocalTime(5 * NANOSECOND), None, LocalTime(6 * NANOSECOND), None]


def test_outputs_go_where_they_belong(bench: Bench) -> None:
    bench.instance.answers["start"] = [Said("a"), measurement(), Said("b")]
    bench.driver.start()
    assert [(record.instance, record.event) for record in bench.shop.records] == [
        ("main", Said("a")),
        ("main", Said("b")),
    ]
    assert bench.clock.measurements == [measurement()]


def test_what_carrying_out_causes_is_carried_out_after_it(bench: Bench) -> None:
    bench.instance.answers["start"] = [Send(1, messages.Sync(), context=3), Said("after the send")]
    bench.instance.answers["transmitted"] = [Said("lost")]
    bench.driver.start()
    assert bench.names() == ["start", "transmitted"]
    assert [record.event for record in bench.shop.records] == [Said("after the send"), Said("lost")]


def test_the_timer_follows_every_input(bench: Bench) -> None:
    bench.instance.deadline = MonotonicTime(monotonic_now() + 5 * MILLISECOND)
    bench.driver.start()
    bench.instance.deadline = MonotonicTime(monotonic_now() + 10 * MILLISECOND)
    moved = bench.instance.deadline
    bench.driver.link_changed(1, up=True)
    bench.shop.run_for(0.03)
    (fired,) = [arguments[1] for arguments in bench.instance.inputs if arguments[0] == "handle_deadline"]
    assert fired >= moved


def test_a_defect_in_a_deadline_leaves_a_timer(bench: Bench) -> None:
    bench.instance.fails = True
    bench.instance.deadline = monotonic_now()
    bench.driver.start()
    with pytest.raises(RuntimeError, match="a defect"):
        bench.shop.run_for(0.01)
    assert bench.driver._timer.deadline is not None
    assert bench.driver._timer.deadline <= monotonic_now() + SECOND


def test_a_stopped_instance_has_no_timer(bench: Bench) -> None:
    bench.instance.deadline = monotonic_now()
    bench.driver.start()
    bench.driver.stop()
    bench.shop.run_for(0.01)
    assert "handle_deadline" not in bench.names()


@pytest.mark.parametrize(
    ("other_port", "left_by"), [(PortState.MASTER, ["main"]), (PortState.SLAVE, []), (PortState.UNCALIBRATED, [])]
)
def test_the_clock_hears_at_once_that_no_port_follows_a_parent_any_more(
    bench: Bench, other_port: PortState, left_by: list[str]
) -> None:
    bench.instance.ports = {
        1: SimpleNamespace(state=PortState.FAULTY),
        2: SimpleNamespace(state=other_port),
    }
    fault = PortStateChanged(
        port_number=1, old_state=PortState.SLAVE, new_state=PortState.FAULTY, cause=PortEvent.FAULT_DETECTED
    )
    bench.instance.answers["link_changed"] = [fault]
    bench.driver.link_changed(1, up=False)
    assert bench.clock.left_by == left_by


class Parrot:
    """Answers whatever is stamped and no Sync by the same octets, and keeps when it came."""

    def __init__(self) -> None:
        self.stamps: list[LocalTime] = []

    def answer(self, octets: bytes, stamp: LocalTime, _now: MonotonicTime) -> bytes | None:
        self.stamps.append(stamp)
        return None if octets == b"sync" else octets


def test_frames_that_have_an_answer_at_once_are_told_from_the_others(bench: Bench) -> None:
    parrot = Parrot()
    bench.instance.delay_responder = lambda _port_number: parrot
    frames = [Received(octets, stamp, "someone") for octets, stamp in ((b"a", 5), (b"sync", 6), (b"b", None))]
    assert bench.driver.answer(1, frames) == ([b"a"], frames[1:])
    assert parrot.stamps == [LocalTime(5 * NANOSECOND), LocalTime(6 * NANOSECOND)]
    bench.instance.delay_responder = lambda _port_number: None
    assert bench.driver.answer(1, frames) == ([], frames)
