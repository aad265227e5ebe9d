"""The daemon's keys of NTS sources, on its own loop, with a server of NTS-KE on the loopback."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from lab.pki import Authority
from ntp.nts.events import KeyEstablishmentFailed, KeysEstablished
from ntp.resolver import FamilyName, Resolved
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.loop import Loop, monotonic_now
from ptpstack.daemon.nts_keys import NamesAndKeys, NtsKeys
from ptpstack.daemon.nts_pool import host_and_place, places_of
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.events import Event
from ptpstack.time import SECOND
from tests.daemon.fakes import known_time

from .ke_process import KeServerProcess


class Recorder:
    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event) -> None:
        self.events.append(event)


class PlainNames:
    """Answers nothing, notes what is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._ours, self._theirs = os.pipe()

    def fileno(self) -> int:
        return self._ours

    def ask(self, name: str, port: int, family: FamilyName) -> None:
        del port, family
        self.asked.append(name)

    def forget(self, name: str) -> None:
        self.asked.remove(name)

    def network_came(self, name: str) -> None:
        self.asked.append(name)

    def lacks(self, _name: str) -> str:
        return "a plain name"

    def results(self) -> list[Resolved]:
        return []

    def close(self) -> None:
        os.close(self._ours)
        os.close(self._theirs)


class Bed:
    """Names and keys on a loop of their own, and what is answered."""

    def __init__(self, *configs: NtpSource, trust: TimeTrust | None = None) -> None:
        self.loop = Loop()
        self.recorder = Recorder()
        self.plain = PlainNames()
        self.trust = trust or known_time()
        self.all_keys = [NtsKeys(config, self.loop, self.recorder, self.trust) for config in configs]  # type: ignore[arg-type]
        self.keys = self.all_keys[0]
        self.names = NamesAndKeys(self.plain, self.all_keys, self.loop)
        self.answers: list[Resolved] = []
        self.loop.watch(self.names.fileno(), self._take)

    def _take(self) -> None:
        self.answers += self.names.results()

    def run_until(self, true: Callable[[], bool], within_s: float = 30) -> None:
        wake = self.loop.timer(lambda: None)
        end = time.monotonic() + within_s
        while not true():
            assert time.monotonic() < end, self.recorder.events
            wake.set(monotonic_now() + SECOND // 10)
            self.loop.run_once()

    def close(self) -> None:
        self.loop.unwatch(self.names.fileno())
        self.names.close()
        self.loop.close()


def test_keys_come_with_the_address_to_ask(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), ntp_port=1123) as server:
        bed = Bed(NtpSource(address="127.0.0.1", nts=True, nts_port=server.port, ca_file=str(authority.file)))
        bed.names.ask("127.0.0.1", 123, "any")
        bed.run_until(lambda: bool(bed.answers))
        bed.names.ask("127.0.0.1", 123, "any")  # as when the driver wants to know again
        bed.run_until(lambda: len(bed.answers) == 2)
        bed.close()
    for answer in bed.answers:
        assert [address.sockaddr for address in answer.addresses] == [("127.0.0.1", 1123)]
    assert [type(event) for event in bed.recorder.events] == [KeysEstablished]
    assert bed.keys.authenticator.cookies == 8


def test_a_server_that_is_not_there_is_told_and_asked_again_later() -> None:
    bed = Bed(NtpSource(address="127.0.0.1", nts=True, nts_port=1))
    begin = monotonic_now()
    bed.names.ask("127.0.0.1", 123, "any")
    assert bed.names.lacks("127.0.0.1") == "NTS keys are being established"
    bed.run_until(lambda: bool(bed.recorder.events))
    assert bed.names.lacks("127.0.0.1").startswith("it has no NTS keys: the server was not reached, ")
    assert bed.names.lacks("another") == "a plain name"
    due = bed.keys.authenticator.next_exchange()
    assert due is not None
    assert begin + 10 * SECOND <= due <= monotonic_now() + 13 * SECOND
    bed.close()
    (event,) = bed.recorder.events
    assert isinstance(event, KeyEstablishmentFailed)
    assert "Connection refused" in str(event)
    assert not bed.answers


def test_a_server_out_of_reach_is_asked_again_when_a_network_comes() -> None:
    bed = Bed(NtpSource(address="127.0.0.1", nts=True, nts_port=1))
    bed.names.ask("127.0.0.1", 123, "any")
    bed.run_until(lambda: bool(bed.recorder.events))
    assert bed.keys._exchange is None
    bed.names.network_came("127.0.0.1")
    assert bed.keys._exchange is not None
    bed.close()


def test_other_names_are_looked_up_as_ever() -> None:
    bed = Bed(NtpSource(address="nts.test", nts=True))
    bed.names.ask("plain.test", 123, "any")
    bed.close()
    assert bed.plain.asked == ["plain.test"]


def test_certificates_are_judged_by_the_floor_until_the_clock_is_trusted_and_again_then(tmp_path: Path) -> None:
    """A machine without a battery: the keys come, with word of what is open, and stay when the time is known."""
    authority = Authority(tmp_path / "pki")
    now_s = time.time()
    trust = TimeTrust(
        "",
        now_s=lambda: now_s,
        monotonic_s=time.monotonic,
        kernel_says_kept=lambda: False,
        files=(),
        rtc=tmp_path / "none",
    )
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), ntp_port=1123) as server:
        config = NtpSource(address="127.0.0.1", nts=True, nts_port=server.port, ca_file=str(authority.file))
        bed = Bed(config, trust=trust)
        bed.names.ask("127.0.0.1", 123, "any")
        bed.run_until(lambda: bool(bed.answers))
        trust.clock_became(locked=True, lost=False, by="ntp", why="the servo is LOCKED")
        bed.keys._look()
        bed.close()
    (established,) = bed.recorder.events
    assert isinstance(established, KeysEstablished)
    assert not established.time_checked
    assert bed.keys.authenticator.cookies == 8
    assert trust.window_s() is None


def test_the_sources_of_a_pool_never_ask_the_same_server(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "pki")
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1")) as server:
        pool = NtpSource(address="127.0.0.1", nts=True, nts_port=server.port, ca_file=str(authority.file), pool=True)
        first, second = places_of(pool, 2)
        bed = Bed(first, second)
        bed.names.ask(first.address, 123, "any")
        bed.run_until(lambda: bool(bed.answers))
        bed.names.ask(second.address, 123, "any")
        bed.run_until(lambda: len(bed.recorder.events) == 2)
        assert bed.all_keys[0].authenticator.cookies == 8
        assert bed.all_keys[1].authenticator.cookies == 0
        bed.names.forget(first.address)
        bed.names.forget(second.address)
        another = NtsKeys(second, bed.loop, bed.recorder, bed.trust)  # type: ignore[arg-type]
        bed.names.add(another)
        bed.names.ask(second.address, 123, "any")
        bed.run_until(lambda: len(bed.answers) == 2)
        bed.close()
    established, failed, _ = bed.recorder.events
    assert isinstance(established, KeysEstablished)
    assert isinstance(failed, KeyEstablishmentFailed)
    assert "asked already" in str(failed)
    assert [answer.name for answer in bed.answers] == ["127.0.0.1#1", "127.0.0.1#2"]


def test_a_pool_is_as_many_sources_as_servers_are_asked_and_others_are_one() -> None:
    pool = NtpSource(address="pool.test", nts=True, pool=True, ca_file="/ca.pem")
    places = places_of(pool, 3)
    assert [place.address for place in places] == ["pool.test#1", "pool.test#2", "pool.test#3"]
    assert [(place.count, place.ca_file) for place in places] == [(1, "/ca.pem")] * 3
    assert [host_and_place(place.address) for place in places] == [("pool.test", number) for number in range(3)]
    assert places_of(pool, 1) == [pool]
    plain = NtpSource(address="pool.test", pool=True)
    assert places_of(plain, 3) == [plain]
    assert host_and_place("pool.test") == ("pool.test", 0)
