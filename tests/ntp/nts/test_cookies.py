"""Cookies and the keys that seal them: over time, over a fleet, over a restart."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts.aead import KEY_OCTETS, Algorithm
from ntp.nts.cookies import KEY_ID_OCTETS, CookieJar, SessionKeys, cookie_octets
from ntp.nts.errors import AuthenticationError
from ntp.nts.events import (
    MasterKeyCreated,
    MasterKeyNotSaved,
    MasterKeyReplaced,
    MasterKeySaved,
    MasterKeyTurned,
    MasterKeyUnusable,
)
from ntp.nts.key_keeper import KeyKeeper
from ntp.nts.master_keys import PERIOD_ID_OCTETS, MasterKey, MasterKeyFile
from ptpstack.errors import ConfigError

DAY = 86_400
NOW = 20_000 * DAY + 5000
SECRET = bytes(range(32))
every_algorithm = st.sampled_from(Algorithm)


def keys(algorithm: Algorithm = Algorithm.AES_SIV_CMAC_256) -> SessionKeys:
    octets = KEY_OCTETS[algorithm]
    return SessionKeys(algorithm, b"\xc2" * octets, b"\x52" * octets)


def jar(now_s: int = NOW, secret: bytes = SECRET) -> CookieJar:
    found = CookieJar(MasterKey.new(secret, NOW), os.urandom)
    found.turn_to(now_s)
    return found


# ---- cookies


@pytest.mark.parametrize(("algorithm", "octets"), [(15, 96), (17, 160), (30, 64)])
def test_a_cookie_is_as_long_as_the_keys_in_it_ask_for_and_fits_a_field(algorithm: int, octets: int) -> None:
    cookie = jar().seal(keys(Algorithm(algorithm)))
    assert len(cookie) == cookie_octets(Algorithm(algorithm)) == octets
    assert octets % 4 == 0


@given(every_algorithm)
def test_a_cookie_opens_to_the_keys_that_were_sealed(algorithm: Algorithm) -> None:
    one = jar()
    assert one.open(one.seal(keys(algorithm))) == keys(algorithm)


def test_no_two_cookies_are_alike_nor_tell_the_keys() -> None:
    one = jar()
    cookies = {one.seal(keys()) for _ in range(100)}
    assert len(cookies) == 100
    assert not any(keys().c2s[:8] in cookie or keys().s2c[:8] in cookie for cookie in cookies)


def test_cookies_are_spread_over_the_lanes_of_a_period_whose_keys_differ() -> None:
    one = jar()
    cookies = [one.seal(keys()) for _ in range(2000)]
    assert len({cookie[:PERIOD_ID_OCTETS] for cookie in cookies}) == 1
    assert len({cookie[PERIOD_ID_OCTETS:KEY_ID_OCTETS] for cookie in cookies}) > 250
    key = MasterKey.new(SECRET, NOW).cookie_key()
    assert len({key.lane_secret(bytes([lane])) for lane in range(256)}) == 256


def test_ciphers_are_made_for_known_keys_alone() -> None:
    """Nobody who sends identifiers by chance makes the jar grow."""
    one = jar()
    for number in range(2000):
        with pytest.raises(AuthenticationError):
            one.open(number.to_bytes(KEY_ID_OCTETS, "big") + bytes(92))
    assert len(one._ciphers) <= 256


@given(st.integers(0, 95), st.integers(1, 255))
def test_a_cookie_of_which_anything_was_changed_does_not_open(at: int, change: int) -> None:
    one = jar()
    cookie = bytearray(one.seal(keys()))
    cookie[at] ^= change
    with pytest.raises(AuthenticationError):
        one.open(bytes(cookie))


@given(st.binary(max_size=200))
def test_what_never_was_a_cookie_does_not_open(octets: bytes) -> None:
    with pytest.raises(AuthenticationError):
        jar().open(octets)


# ---- the calendar


@pytest.mark.parametrize(("periods", "opens"), [(0, True), (1, True), (2, True), (3, False), (30, False)])
def test_a_cookie_opens_for_two_periods_more(periods: int, opens: bool) -> None:
    one = jar()
    cookie = one.seal(keys())
    one.turn_to(NOW + periods * DAY)
    if opens:
        assert one.open(cookie) == keys()
    else:
        with pytest.raises(AuthenticationError, match="forgotten"):
            one.open(cookie)


@pytest.mark.parametrize("ahead_s", [-DAY, -5000, 0, DAY])
def test_servers_with_the_same_secret_open_each_others_cookies_though_their_clocks_differ(ahead_s: int) -> None:
    assert jar(NOW + ahead_s).open(jar(NOW).seal(keys())) == keys()


def test_servers_stay_in_step_for_years_without_a_word() -> None:
    steady, woken = jar(), jar()
    for day in range(1000):
        steady.turn_to(NOW + day * DAY)
    woken.turn_to(NOW + 999 * DAY)
    assert woken.open(steady.seal(keys())) == keys()


def test_another_secret_opens_nothing() -> None:
    with pytest.raises(AuthenticationError):
        jar(secret=bytes(32)).open(jar().seal(keys()))


def test_turning_gives_the_master_key_to_keep_and_that_key_opens_no_older_cookies() -> None:
    one = jar()
    old = one.seal(keys())
    assert one.turn_to(NOW + 60) is None
    kept = one.turn_to(NOW + 3 * DAY)
    assert kept is not None
    restarted = CookieJar(kept, os.urandom)
    restarted.turn_to(NOW + 3 * DAY)
    assert restarted.open(one.seal(keys())) == keys()
    restarted.turn_to(NOW)  # a clock set back brings nothing back
    with pytest.raises(AuthenticationError):
        restarted.open(old)


def test_a_clock_set_back_still_seals_what_opens() -> None:
    one = jar(NOW + 10 * DAY)
    one.turn_to(NOW - 100 * DAY)
    assert one.open(one.seal(keys())) == keys()


def test_a_clock_a_century_ahead_does_not_spoil_the_keys() -> None:
    one = jar()
    with pytest.raises(ConfigError, match="too old to be brought up to date"):
        one.turn_to(NOW + 50_000 * DAY)
    assert one.open(one.seal(keys())) == keys()


def test_cookies_of_a_replaced_master_key_open_until_the_period_ends() -> None:
    one = jar()
    old = one.seal(keys())
    one.replace(MasterKey.new(bytes(32), NOW), NOW)
    assert one.open(old) == keys()
    assert jar(secret=bytes(32)).open(one.seal(keys())) == keys()
    one.turn_to(NOW + DAY)
    with pytest.raises(AuthenticationError):
        one.open(old)


# ---- the file


def keeper(path: Path, now_s: int = NOW, *, writes: bool = True) -> KeyKeeper:
    return KeyKeeper(path, now_s=now_s, random_octets=os.urandom, writes=writes)


def test_the_first_server_makes_the_file_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.json"
    assert [type(event) for event in keeper(path).events] == [MasterKeyCreated]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == ["master.json"]


def test_a_restart_and_a_second_server_with_the_same_file_open_the_cookies(tmp_path: Path) -> None:
    path, copy = tmp_path / "master.json", tmp_path / "copy.json"
    cookie = keeper(path).jar.seal(keys())
    copy.write_bytes(path.read_bytes())
    copy.chmod(0o600)
    assert keeper(path, NOW + DAY).jar.open(cookie) == keys()
    assert keeper(copy, NOW + 60, writes=False).jar.open(cookie) == keys()


def test_the_file_forgets_what_memory_forgets(tmp_path: Path) -> None:
    path = tmp_path / "master.json"
    first = keeper(path)
    before = path.read_text()
    assert first.refresh(NOW + 60) == []
    assert [type(event) for event in first.refresh(NOW + DAY)] == [MasterKeyTurned]
    assert json.loads(path.read_text())["period"] == json.loads(before)["period"] + 1
    assert json.loads(path.read_text())["secret"] != json.loads(before)["secret"]


def test_a_reader_never_writes_and_waits_for_no_writer(tmp_path: Path) -> None:
    path = tmp_path / "master.json"
    with pytest.raises(ConfigError, match="cannot be read"):
        keeper(path, writes=False)
    keeper(path)
    before = path.read_bytes()
    reader = keeper(path, writes=False)
    reader.refresh(NOW + 5 * DAY)
    assert path.read_bytes() == before


def test_a_file_that_is_dropped_is_used_from_then_on(tmp_path: Path) -> None:
    path, other = tmp_path / "master.json", tmp_path / "other.json"
    ours, theirs = keeper(path), keeper(other)
    old = ours.jar.seal(keys())
    other.replace(path)
    assert [type(event) for event in ours.refresh(NOW + 1)] == [MasterKeyReplaced]
    assert ours.jar.open(theirs.jar.seal(keys())) == keys()
    assert ours.jar.open(old) == keys()


def test_a_dropped_file_that_is_no_use_changes_nothing_and_is_complained_of_once(tmp_path: Path) -> None:
    path = tmp_path / "master.json"
    ours = keeper(path)
    cookie = ours.jar.seal(keys())
    path.write_text("{}")
    assert [type(event) for event in ours.refresh(NOW + 1)] == [MasterKeyUnusable]
    assert ours.refresh(NOW + 2) == []
    assert ours.jar.open(cookie) == keys()
    path.unlink()
    MasterKeyFile(path).save(MasterKey.new(SECRET, NOW))
    assert [type(event) for event in ours.refresh(NOW + 3)] == [MasterKeyReplaced]


class FullDisk:
    """A file system that takes nothing while :attr:`why` is an error number."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.why = 0
        write = os.fsync

        def fsync(fd: int) -> None:
            if self.why:
                raise OSError(self.why, os.strerror(self.why))
            write(fd)

        monkeypatch.setattr(os, "fsync", fsync)


def test_a_turned_key_that_cannot_be_saved_is_told_once_and_saved_as_soon_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "master.json"
    ours, disk = keeper(path), FullDisk(monkeypatch)
    before = path.read_bytes()
    disk.why = errno.ENOSPC
    turned, failed = ours.refresh(NOW + DAY)
    assert isinstance(turned, MasterKeyTurned)
    assert isinstance(failed, MasterKeyNotSaved)
    assert "No space left on device" in failed.error
    assert "make room" in failed.error
    assert ours.refresh(NOW + DAY + 1) == []
    assert [type(event) for event in ours.refresh(NOW + 2 * DAY)] == [MasterKeyTurned]
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["master.json"]
    disk.why = 0
    assert [type(event) for event in ours.refresh(NOW + 2 * DAY + 1)] == [MasterKeySaved]
    assert json.loads(path.read_text())["period"] == json.loads(before)["period"] + 2
    assert ours.refresh(NOW + 2 * DAY + 2) == []


def test_cookies_outlive_a_restart_though_the_turned_key_could_not_be_saved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "master.json"
    ours, disk = keeper(path), FullDisk(monkeypatch)
    disk.why = errno.EROFS
    ours.refresh(NOW + DAY)
    cookie = ours.jar.seal(keys())
    restarted = keeper(path, NOW + DAY + 60)
    assert restarted.jar.open(cookie) == keys()
    assert [type(event) for event in restarted.events] == [MasterKeyTurned, MasterKeyNotSaved]
    disk.why = 0
    assert [type(event) for event in restarted.refresh(NOW + DAY + 61)] == [MasterKeySaved]


def test_a_file_dropped_over_one_that_could_not_be_saved_is_not_overwritten_by_the_key_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "master.json", tmp_path / "other.json"
    ours, theirs, disk = keeper(path), keeper(other, NOW + DAY), FullDisk(monkeypatch)
    disk.why = errno.ENOSPC
    ours.refresh(NOW + DAY)
    dropped = other.read_bytes()
    other.replace(path)
    disk.why = 0
    assert [type(event) for event in ours.refresh(NOW + DAY + 1)] == [MasterKeyReplaced]
    assert path.read_bytes() == dropped
    assert ours.jar.open(theirs.jar.seal(keys())) == keys()


GOOD = {"period": 19_998, "rotation_s": DAY, "secret": SECRET.hex()}


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "null", '"x"', json.dumps(GOOD | {"secret": "00"}), json.dumps(GOOD | {"secret": 5}),
     json.dumps(GOOD | {"rotation_s": 0}), json.dumps(GOOD | {"period": "x"}), json.dumps({"period": 1})],
)  # fmt: skip
def test_a_file_that_is_no_master_key_is_refused_by_name_and_not_by_content(tmp_path: Path, content: str) -> None:
    path = tmp_path / "master.json"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is no master key") as caught:
        MasterKeyFile(path).load()
    assert str(path) in str(caught.value)
    assert SECRET.hex()[:16] not in str(caught.value)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "master.json"
    MasterKeyFile(path).save(MasterKey.new(SECRET, NOW))
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="can be read by others"):
        MasterKeyFile(path).load()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written") as caught:
        keeper(tmp_path / "missing" / "master.json")
    assert "missing" in str(caught.value)


def test_secrets_do_not_show_in_what_is_printed() -> None:
    shown = repr(MasterKey.new(SECRET, NOW)) + repr(keys()) + repr(MasterKey.new(SECRET, NOW).cookie_key())
    assert SECRET.hex() not in shown
    assert "xc2" not in shown
    assert "secret" not in shown
