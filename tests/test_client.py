"""What applications read: bounds that hold, that grow when nobody writes, and that are never a lie."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ptpstack import client
from ptpstack.client import NO_UTC, REALTIME, SOFT, Clock, Publication, TimeUnknownError, file_name, unpack

SECOND_NS = 1_000_000_000
TAI_OFFSET_S = 37


class Host:
    """The clocks of a host, which only move when they are told to."""

    def __init__(self) -> None:
        self.realtime_ns = 1_700_000_000 * SECOND_NS
        self.monotonic_ns = 5_000 * SECOND_NS

    def clock_gettime_ns(self, clock_id: int) -> int:
        assert clock_id == time.CLOCK_REALTIME
        return self.realtime_ns

    def run(self, seconds: float) -> None:
        self.realtime_ns += round(seconds * SECOND_NS)
        self.monotonic_ns += round(seconds * SECOND_NS)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host()
    monkeypatch.setattr(client.time, "clock_gettime_ns", host.clock_gettime_ns)
    monkeypatch.setattr(client.time, "monotonic_ns", lambda: host.monotonic_ns)
    return host


def publication(host: Host, **fields: object) -> Publication:
    values: dict[str, object] = {
        "sequence": 1,
        "is_known": True,
        "is_against_reference": False,
        "kind": REALTIME,
        "phc_index": -1,
        "utc_offset_s": TAI_OFFSET_S,
        "monotonic_ns": host.monotonic_ns,
        "reading_ns": host.realtime_ns + TAI_OFFSET_S * SECOND_NS,
        "line_true_ns": 0,
        "line_local_ns": 0,
        "line_rate": 0,
        "bound_ns": 100.0,
        "growth_ppb": 10.0,
        "fresh_s": 5.0,
        "drift_ppb": 1000.0,
        "known_s": 600.0,
        "outside_probability": 1e-5,
    }
    return Publication(**values | fields)


def write(directory: Path, content: Publication, name: str = "system") -> Path:
    path = directory / file_name(name)
    path.write_bytes(content.packed())
    return path


def width_ns(clock: Clock) -> int:
    earliest, latest = clock.now()
    return latest - earliest


def test_utc_and_ptp_time_are_a_whole_number_of_seconds_apart(host: Host, tmp_path: Path) -> None:
    write(tmp_path, publication(host))
    clock = Clock("system", str(tmp_path))
    assert clock.now() == (host.realtime_ns - 101, host.realtime_ns + 101)
    assert clock.now_ptp() == tuple(bound + TAI_OFFSET_S * SECOND_NS for bound in clock.now())


@pytest.mark.parametrize(
    ("elapsed_s", "bound_ns"), [(0.0, 100), (1.0, 110), (5.0, 150), (6.0, 1150), (60.0, 55_150), (600.0, 595_150)]
)
def test_the_bound_grows_as_stated_and_faster_when_nobody_writes(
    host: Host, tmp_path: Path, elapsed_s: float, bound_ns: int
) -> None:
    write(tmp_path, publication(host))
    clock = Clock("system", str(tmp_path))
    host.run(elapsed_s)
    assert width_ns(clock) == 2 * (bound_ns + 1)


def test_after_a_while_a_dead_daemon_leaves_nothing_known(host: Host, tmp_path: Path) -> None:
    write(tmp_path, publication(host))
    clock = Clock("system", str(tmp_path))
    host.run(601)
    with pytest.raises(TimeUnknownError, match="last wrote 601 s ago"):
        clock.now()


@pytest.mark.parametrize("moved_ns", [37 * SECOND_NS, -SECOND_NS, 2_000_000])
def test_a_clock_that_was_moved_since_is_noticed(host: Host, tmp_path: Path, moved_ns: int) -> None:
    write(tmp_path, publication(host))
    clock = Clock("system", str(tmp_path))
    host.run(0.5)
    host.realtime_ns += moved_ns
    with pytest.raises(TimeUnknownError, match="was moved"):
        clock.now()


def test_what_the_daemon_does_not_know_nobody_knows(host: Host, tmp_path: Path) -> None:
    write(tmp_path, publication(host, is_known=False))
    with pytest.raises(TimeUnknownError, match="does not know"):
        Clock("system", str(tmp_path)).now()


def test_without_a_utc_offset_only_ptp_time_is_known(host: Host, tmp_path: Path) -> None:
    line = {"line_true_ns": host.realtime_ns, "line_local_ns": 10**18, "line_rate": 1 << 48, "reading_ns": 10**18}
    write(tmp_path, publication(host, kind=SOFT, utc_offset_s=NO_UTC, **line))
    clock = Clock("system", str(tmp_path))
    host.run(1.0)
    assert clock.now_ptp() == (10**18 + SECOND_NS - 111, 10**18 + SECOND_NS + 111)
    with pytest.raises(TimeUnknownError, match="how far UTC is"):
        clock.now()


def test_without_a_daemon_nothing_is_known(tmp_path: Path) -> None:
    with pytest.raises(TimeUnknownError, match="no daemon"):
        Clock(directory=str(tmp_path / "nowhere"))
    with pytest.raises(TimeUnknownError, match="no daemon"):
        Clock("system", str(tmp_path))


def test_another_files_content_is_refused(host: Host, tmp_path: Path) -> None:
    path = write(tmp_path, publication(host))
    path.write_bytes(b"x" * client.SIZE)
    with pytest.raises(TimeUnknownError, match="not of this program"):
        Clock("system", str(tmp_path))


def test_half_written_content_is_never_believed(host: Host) -> None:
    old, new = publication(host).packed(), publication(host, sequence=2, bound_ns=5.0).packed()
    for cut in range(12, client.SIZE):
        torn = new[:cut] + old[cut:]
        assert torn == new or unpack(torn) is None or torn[12:] in (old[12:], new[12:])


def test_a_clock_is_found_without_a_name_and_sees_what_is_written_later(host: Host, tmp_path: Path) -> None:
    path = write(tmp_path, publication(host), name="/dev/ptp0")
    clock = Clock(directory=str(tmp_path))
    with path.open("r+b") as file:
        file.write(publication(host, bound_ns=7.0).packed())
    assert width_ns(clock) == 16
    clock.close()
