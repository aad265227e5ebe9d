"""Key establishment as it runs: a child process asks a server process over TCP, both with what goes wrong there."""

from __future__ import annotations

import os
import select
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.pki import DAY, NOW, Authority
from ntp.child import exists_here
from ntp.nts import key_exchange_child
from ntp.nts.aead import Algorithm
from ntp.nts.cookies import CookieJar, SessionKeys
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.key_exchange import ExchangeRequest, Grant, KeyExchange
from ntp.nts.master_keys import MasterKeyFile

from .ke_process import KeServerProcess

NOW_S = int(NOW.timestamp())
ROOT = Path(__file__).parents[3]
PATHS = os.environ | {"PYTHONPATH": str(ROOT)}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ke"))


@pytest.fixture(scope="module")
def server(authority: Authority) -> Iterator[KeServerProcess]:
    with KeServerProcess(authority.folder, authority.issue("127.0.0.1", "localhost")) as process:
        yield process


def ask(request: ExchangeRequest) -> Grant:
    exchange = KeyExchange(request)
    try:
        end = time.monotonic() + exchange.give_up_after_s + 30
        while time.monotonic() < end:
            select.select([exchange], [], [], 1)
            if (grant := exchange.read()) is not None:
                return grant
    finally:
        exchange.close()
    raise AssertionError("the child is stuck")


def request(authority: Authority, port: int, **settings: object) -> ExchangeRequest:
    values: dict[str, object] = {"host": "127.0.0.1", "ca_file": str(authority.file), "port": port, "timeout_s": 20}
    return ExchangeRequest(**values | settings)  # type: ignore[arg-type]


def jar_of(server: KeServerProcess) -> CookieJar:
    jar = CookieJar(MasterKeyFile(Path(server.settings.master_key_file)).load(), os.urandom)
    jar.turn_to(int(time.time()))
    return jar


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_keys_in_the_cookies_are_those_of_the_client(
    authority: Authority, server: KeServerProcess, algorithm: Algorithm
) -> None:
    grant = ask(request(authority, server.port, algorithms=(algorithm,)))
    assert grant.algorithm == algorithm
    assert len(grant.cookies) == 8
    assert len(set(grant.cookies)) == 8
    jar = jar_of(server)
    assert {jar.open(cookie) for cookie in grant.cookies} == {SessionKeys(algorithm, grant.c2s, grant.s2c)}
    assert (grant.addresses, grant.port, grant.time_checked) == (("127.0.0.1",), 123, True)
    assert grant.valid_at(NOW_S)
    assert not grant.valid_at(NOW_S + 91 * 86_400)


def test_two_exchanges_have_nothing_in_common(authority: Authority, server: KeServerProcess) -> None:
    one, two = (ask(request(authority, server.port)) for _ in range(2))
    assert not {one.c2s, one.s2c, *one.cookies} & {two.c2s, two.s2c, *two.cookies}


def test_the_ntp_server_that_is_named_is_looked_up(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("127.0.0.1", file="named")
    with KeServerProcess(tmp_path, files, ntp_server="localhost", ntp_port=1123) as named:
        grant = ask(request(authority, named.port))
    assert grant.addresses[0] == "127.0.0.1"
    assert grant.port == 1123


# ---- whom to trust


def test_the_systems_authorities_do_not_vouch_for_ours(authority: Authority, server: KeServerProcess) -> None:
    with pytest.raises(KeyEstablishmentError, match="issuer certificate") as caught:
        ask(request(authority, server.port, ca_file=None))
    assert caught.value.cause is Cause.CERTIFICATE
    assert caught.value.where == f"NTS-KE 127.0.0.1:{server.port}"


def test_an_authority_file_that_cannot_be_read_is_this_machines_fault(
    authority: Authority, server: KeServerProcess
) -> None:
    with pytest.raises(KeyEstablishmentError, match="No such file") as caught:
        ask(request(authority, server.port, ca_file="/missing/ca.pem"))
    assert caught.value.cause is Cause.LOCAL
    assert "/missing/ca.pem" in str(caught.value)


def test_an_unset_clock_takes_certificates_on_trust_within_its_window_and_says_so(
    authority: Authority, tmp_path: Path
) -> None:
    files = authority.issue("127.0.0.1", begin=NOW - 20 * DAY, end=NOW - 10 * DAY, file="old")
    with KeServerProcess(tmp_path, files) as old:
        with pytest.raises(KeyEstablishmentError, match="expired"):
            ask(request(authority, old.port))
        window = {"earliest_s": NOW_S - 300 * 86_400, "latest_s": NOW_S + 300 * 86_400}
        grant = ask(request(authority, old.port, **window))
        assert not grant.time_checked
        assert not grant.valid_at(NOW_S)
        with pytest.raises(KeyEstablishmentError, match="it ended on"):
            ask(request(authority, old.port, **window | {"earliest_s": NOW_S}))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_a_user_that_does_not_exist_is_told(authority: Authority, server: KeServerProcess) -> None:
    with pytest.raises(KeyEstablishmentError, match="root cannot become nobody-at-all"):
        ask(request(authority, server.port, user="nobody-at-all"))


@pytest.mark.skipif(not exists_here(65_534), reason="this user namespace has no other user")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_the_child_of_root_is_somebody_without_rights_while_it_speaks(authority: Authority) -> None:
    said: list[str] = []

    def look(connection: socket.socket) -> None:
        connection.recv(1)
        (inode,) = {
            line.split()[9]
            for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
            if int(line.split()[2].rpartition(":")[2], 16) == connection.getsockname()[1]
        }
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if any(str(fd.readlink()) == f"socket:[{inode}]" for fd in (process / "fd").iterdir()):
                    said.append((process / "status").read_text())
            except OSError:
                continue

    with peer(look) as port, pytest.raises(KeyEstablishmentError):
        ask(request(authority, port))
    (status,) = said
    values = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert "0" not in values["Uid"].split()
    assert values["CapEff"] == "0" * 16
    assert values["NoNewPrivs"] == "1"


# ---- servers that are something else


@contextmanager
def peer(behave: Callable[[socket.socket], None]) -> Iterator[int]:
    """A TCP server of one connection that behaves as told."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            try:
                behave(connection)
            except OSError:
                return

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


def stall(connection: socket.socket) -> None:
    while connection.recv(65_536):
        pass


def drip(connection: socket.socket) -> None:
    """Begin a long TLS record and go on for ever, an octet at a time."""
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        connection.sendall(b"\0")
        time.sleep(0.05)


@pytest.mark.parametrize("behave", [stall, drip])
def test_a_server_that_stalls_is_given_up_in_time(
    authority: Authority, behave: Callable[[socket.socket], None]
) -> None:
    with peer(behave) as port, pytest.raises(KeyEstablishmentError) as caught:
        ask(request(authority, port, timeout_s=3))
    assert caught.value.cause in (Cause.TIMEOUT, Cause.TLS)


@pytest.mark.parametrize(
    ("octets", "cause"),
    [(b"", Cause.TLS), (b"HTTP/1.1 400 Bad Request\r\n\r\n", Cause.TLS), (bytes(1 << 20), Cause.TLS)],
)
def test_a_server_of_something_else_is_told_apart(authority: Authority, octets: bytes, cause: Cause) -> None:
    def behave(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(octets)

    with peer(behave) as port, pytest.raises(KeyEstablishmentError) as caught:
        ask(request(authority, port))
    assert caught.value.cause is cause


def test_a_port_where_nobody_listens_is_unreachable(authority: Authority) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(KeyEstablishmentError, match="Connection refused") as caught:
        ask(request(authority, port))
    assert caught.value.cause is Cause.UNREACHABLE


def test_a_name_that_nobody_knows_is_unreachable(authority: Authority) -> None:
    with pytest.raises(KeyEstablishmentError, match=r"nowhere\.invalid") as caught:
        ask(request(authority, 4460, host="nowhere.invalid"))
    assert caught.value.cause is Cause.UNREACHABLE


@contextmanager
def tls_peer(authority: Authority, said: bytes) -> Iterator[int]:
    """A server of TLS 1.3 and ntske/1 that answers every request with the same octets."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1", file="peer"))
    context.set_alpn_protocols(["ntske/1"])

    def behave(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secure:
            secure.recv(1024)
            secure.sendall(said)

    with peer(behave) as port:
        yield port


@pytest.mark.parametrize(
    ("said", "cause"),
    [
        (b"\x80\x02\x00\x02\x00\x02\x80\x00\x00\x00", Cause.REFUSED),
        (b"\x40\x01\xff\xff" + bytes(65_535) + bytes(1 << 20), Cause.MALFORMED),
        (b"\x80\x01\x00\x02", Cause.MALFORMED),
    ],
)
def test_a_server_that_says_nonsense_over_good_tls_is_given_up(authority: Authority, said: bytes, cause: Cause) -> None:
    with tls_peer(authority, said) as port, pytest.raises(KeyEstablishmentError) as caught:
        ask(request(authority, port))
    assert caught.value.cause is cause


# ---- the child itself


def test_a_child_that_dies_without_a_word_is_told(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ntp.child._START", "raise SystemExit(3)")
    with pytest.raises(KeyEstablishmentError, match="ended without an answer, code 3") as caught:
        ask(request(authority, 4460))
    assert caught.value.cause is Cause.LOCAL


def test_an_exchange_that_is_closed_leaves_no_process(authority: Authority) -> None:
    with peer(stall) as port:
        exchange = KeyExchange(request(authority, port))
        child = exchange._child
        assert exchange.read() is None
        exchange.close()
    assert child.returncode is not None
    assert not Path(f"/proc/{child.pid}").exists()


def test_secrets_do_not_stand_in_the_arguments_or_environment_of_the_child(authority: Authority) -> None:
    with peer(stall) as port:
        exchange = KeyExchange(request(authority, port))
        arguments = subprocess.list2cmdline(exchange._child.args)
        exchange.close()
    assert "127.0.0.1" not in arguments


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may schedule in real time")
def test_the_child_of_a_real_time_process_is_an_ordinary_one(tmp_path: Path) -> None:
    """Else it would hold up, for as long as it computes, the clock that its parent steers."""
    script = tmp_path / "parent.py"
    script.write_text(
        """
import os, select, sys, time
os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
from ntp import child
from ntp.nts import key_exchange
child._START = "import os; print(os.sched_getscheduler(0), flush=True)"
exchange = key_exchange.KeyExchange(key_exchange.ExchangeRequest(host="127.0.0.1"))
select.select([exchange], [], [], 20)
print(os.sched_getscheduler(0), os.read(exchange.fileno(), 10).decode().strip())
"""
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False, cwd=ROOT, env=PATHS)
    if "Operation not permitted" in done.stderr:
        pytest.skip("this kernel has no real-time scheduling for us")
    assert done.stdout.split() == [str(os.SCHED_FIFO), str(os.SCHED_OTHER)], done.stderr


def test_an_exchange_begins_with_the_address_that_it_is_told(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that each source of a pool asks another server."""
    hosts = ["127.0.0.1", "127.0.0.2", "127.0.0.3"]
    monkeypatch.setattr(key_exchange_child, "_resolve", lambda _host: list(hosts))
    certificate = authority.issue("pool.test", file="pool")
    with KeServerProcess(tmp_path, certificate, listen=("127.0.0.1", "127.0.0.2"), port=_free_port()) as pool:
        reached = [
            key_exchange_child.exchange(request(authority, pool.port, host="pool.test", first=first)).addresses[0]
            for first in range(5)
        ]
    first, second, _ = hosts
    assert reached == [first, second, first, first, second]  # nobody is at the third


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
