"""SyncE in the daemon: frames in and out, a DPLL that locks and goes away, inputs that come and go."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from ptpstack.daemon.events import Unavailable
from ptpstack.daemon.synce_driver import FrequencyLockChanged, SyncEDriver
from ptpstack.errors import HardwareError
from ptpstack.synce.clock import FrequencyLock, SyncEClock
from ptpstack.synce.esmc_port import EsmcPort
from ptpstack.synce.quality_level import QualityLevel, quality_levels
from ptpstack.synce.selection import CommandError, FrequencySource, Selection
from ptpstack.wire.esmc import EsmcPdu, decode, encode
from ptpstack.wire.types import ClockIdentity
from tests.daemon.fakes import Workshop

LEVELS = quality_levels(1)
PRC = LEVELS.named("PRC")


class FakeSocket:
    def __init__(self) -> None:
        self.sent: list[EsmcPdu | None] = []
        self.waiting: list[bytes] = []
        self._pipe = os.pipe()
        self.fails = False

    def fileno(self) -> int:
        return self._pipe[0]

    def send(self, payload: bytes) -> None:
        if self.fails:
            raise HardwareError("cannot send", why="no buffer")
        self.sent.append(decode(payload))

    def receive(self) -> list[bytes]:
        os.read(self._pipe[0], 1)
        waiting, self.waiting = self.waiting, []
        return waiting

    def hear(self, pdu: EsmcPdu) -> None:
        self.waiting.append(encode(pdu))
        os.write(self._pipe[1], b"x")

    def close(self) -> None:
        for end in self._pipe:
            os.close(end)


class FakeDpll:
    def __init__(self) -> None:
        self.selected: list[str | None] = []
        self.lock = FrequencyLock.UNLOCKED
        self.fails = False
        self._pipe = os.pipe()
        self.device: Any = type("Device", (), {"clock_id": "00aa"})

    def fileno(self) -> int:
        return self._pipe[0]

    def select(self, name: str | None) -> None:
        self.selected.append(name)

    def look(self) -> FrequencyLock:
        if self.fails:
            raise HardwareError("gone", why="the driver was removed")
        return self.lock

    def change(self, lock: FrequencyLock) -> None:
        self.lock = lock
        os.write(self._pipe[1], b"x")

    def as_dict(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        for end in self._pipe:
            os.close(end)


class Bench:
    def __init__(self, *, has_dpll: bool = True) -> None:
        self.shop = Workshop()
        self.socket, self.dpll = FakeSocket(), FakeDpll()
        self.level: QualityLevel | None = None
        self.told: list[str] = []
        sources = [FrequencySource("eth0", 1), FrequencySource("gnss", 2)]
        selection = Selection(sources, LEVELS, LEVELS.named("EEC1"), wait_to_restore=0, hold_off=0)
        self.has_dpll = has_dpll
        self.driver = SyncEDriver(
            SyncEClock(ClockIdentity(), [EsmcPort("eth0", LEVELS, extends=False)], selection),
            open_socket=lambda _name: self.socket,
            link_is_up=lambda _name: True,
            inputs={"gnss": lambda: (self.level, "no pulses")},
            open_dpll=self.open_dpll,
            assumed_lock=FrequencyLock.UNKNOWN,
            on_lock=self.told.append,
            loop=self.shop.loop,
            recorder=self.shop.recorder,
        )
        self.driver.start()

    def open_dpll(self) -> FakeDpll:
        if not self.has_dpll:
            raise HardwareError("no DPLL", why="there is none")
        return self.dpll


@pytest.fixture
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.driver.stop()
    bench.shop.loop.close()


def test_what_is_heard_selects_the_pin_and_the_lock_makes_the_category(bench: Bench) -> None:
    bench.socket.hear(EsmcPdu(PRC.ssm))
    bench.shop.run_for(0)
    assert bench.dpll.selected[-1] == "eth0"
    assert bench.driver.frequency() == "none"
    bench.dpll.change(FrequencyLock.LOCKED)
    bench.shop.run_for(0)
    assert bench.driver.frequency() == "category_1"
    assert bench.shop.events(FrequencyLockChanged)[-1].quality_level == "QL-PRC"
    assert bench.told == ["SyncE: the DPLL is locked, source eth0: QL-PRC leaves this machine"]
    assert bench.socket.sent[-1] == EsmcPdu(0xF, is_event=bench.socket.sent[-1].is_event)


def test_an_input_is_used_while_it_is_there(bench: Bench) -> None:
    bench.level = PRC
    bench.driver._on_check()
    assert bench.dpll.selected[-1] == "gnss"
    bench.dpll.change(FrequencyLock.LOCKED)
    bench.shop.run_for(0)
    assert bench.socket.sent[-1] == EsmcPdu(PRC.ssm, is_event=True)
    bench.level = None
    bench.driver._on_check()
    assert bench.dpll.selected[-1] is None
    assert bench.driver.as_dict()["sources"]["gnss"]["reason"] == "no pulses"


def test_without_a_dpll_it_is_told_once_and_the_own_level_sent() -> None:
    bench = Bench(has_dpll=False)
    bench.socket.hear(EsmcPdu(PRC.ssm))
    bench.shop.run_for(0)
    (event,) = bench.shop.events(Unavailable)
    assert "there is none" in str(event)
    assert bench.driver.frequency() == "none"
    assert bench.driver.as_dict()["frequencyAssistance"].startswith("none: there is none")
    bench.driver.stop()
    bench.shop.loop.close()


def test_a_dpll_that_goes_away_takes_the_frequency_along(bench: Bench) -> None:
    bench.socket.hear(EsmcPdu(PRC.ssm))
    bench.shop.run_for(0)
    bench.dpll.change(FrequencyLock.LOCKED)
    bench.shop.run_for(0)
    bench.dpll.fails = True
    bench.dpll.change(FrequencyLock.LOCKED)
    bench.shop.run_for(0)
    assert bench.driver.clock.lock is FrequencyLock.UNKNOWN
    assert "the driver was removed" in str(bench.shop.events(Unavailable)[-1])


def test_a_command_that_is_none_says_which_there_are(bench: Bench) -> None:
    with pytest.raises(CommandError, match="no command") as caught:
        bench.driver.command("explode", "eth0")
    assert "forced-switch" in str(caught.value)
