"""Sources that come and go by files of a directory, on real sockets of the loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.ntp_source import NtpSourceState
from ptpstack.daemon.ntp_source_files import SourceFiles, SourceRefused, SourcesRead, read_sources
from tests.ntp.daemon.bench import Bench, LoopbackServer


@pytest.fixture
def server() -> Iterator[LoopbackServer]:
    made = LoopbackServer()
    yield made
    made.close()


def test_what_a_file_says_is_asked_and_what_it_says_no_more_is_not(server: LoopbackServer, tmp_path: Path) -> None:
    bench = Bench(server.address)
    other = LoopbackServer()
    bench.ntp.names._lookup = lambda name, *_: [(other if name == "dhcp.example" else server).address]  # type: ignore[attr-defined]
    bench.ntp.files = SourceFiles(
        str(tmp_path),
        bench.ntp,
        [bench.source.config],
        state_of=lambda source: "refused here" if source.key else NtpSourceState(source, 1),
        recorder=bench.recorder,
    )
    bench.ntp.start()
    bench.run_until(lambda: bench.ntp.associations)
    file = tmp_path / "dhcp.toml"
    file.write_text(
        '[[source]]\naddress = "dhcp.example"\n[[source]]\naddress = "ntp.example"\n'
        '[[source]]\naddress = "with.key"\nkey = 3\n'
    )
    bench.ntp.files.read()
    bench.run_until(lambda: len(bench.ntp.associations) == 2)
    bench.run_until(lambda: bench.ntp.as_dict()["sources"]["dhcp.example (127.0.0.1)"]["samples"] > 2)
    bench.ntp.files.read()
    file.write_text("")
    bench.ntp.files.read()
    left = set(bench.ntp.associations)
    bench.ntp.stop()
    other.close()
    assert left == {"ntp.example (127.0.0.1)"}
    assert [(event.added, event.removed) for event in bench.events(SourcesRead)] == [
        (("dhcp.example",), ()),
        ((), ("dhcp.example",)),
    ]
    refused = {event.why for event in bench.events(SourceRefused)}
    assert refused == {"ntp.example is asked already", "with.key: refused here"}


def test_a_source_that_is_described_otherwise_begins_anew(server: LoopbackServer, tmp_path: Path) -> None:
    bench = Bench(server.address)
    files = SourceFiles(
        str(tmp_path), bench.ntp, [], state_of=lambda source: NtpSourceState(source, 1), recorder=bench.recorder
    )
    (tmp_path / "a.toml").write_text('[[source]]\naddress = "a.example"\n')
    bench.ntp.start()
    files.read()
    (tmp_path / "a.toml").write_text('[[source]]\naddress = "a.example"\nprefer = true\n')
    files.read()
    bench.ntp.stop()
    assert bench.events(SourcesRead)[-1].added == bench.events(SourcesRead)[-1].removed == ("a.example",)


def test_a_file_that_is_wrong_is_told_and_the_others_count(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("[[source]\n")
    (tmp_path / "b.toml").write_text('[[source]]\naddress = "b.example"\n')
    (tmp_path / "c.toml").write_text('[[source]]\nadress = "c.example"\n')
    (tmp_path / "d.toml").write_bytes(b"\xff")
    (tmp_path / "readme.txt").write_text("no file of sources")
    found = list(read_sources(str(tmp_path)))
    assert [type(one) for one in found] == [SourceRefused, tuple, SourceRefused, SourceRefused]
    assert found[1] == (str(tmp_path / "b.toml"), NtpSource(address="b.example"))
    assert list(read_sources(str(tmp_path / "none"))) == []


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ("nts = true\nkey = 5", "is one proof too many"),
        ("nts = true\nport = 124", "is the server's to say"),
        ("min_poll = 5\nmax_poll = 4", "5 is above max_poll, 4"),
    ],
)
def test_what_cannot_all_be_true_is_refused_with_its_place(lines: str, why: str, tmp_path: Path) -> None:
    file = tmp_path / "a.toml"
    file.write_text(f'[[source]]\naddress = "a.example"\n{lines}\n[[source]]\naddress = "b.example"\n')
    refused, found = read_sources(str(tmp_path))
    assert isinstance(refused, SourceRefused)
    assert refused.where == str(file)
    assert why in refused.why
    assert found == (str(file), NtpSource(address="b.example"))
