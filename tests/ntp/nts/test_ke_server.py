"""The server of NTS-KE under those who take too long, come too often, or talk nonsense; and while files change."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab.pki import Authority
from ntp.nts.ke_server import KeServer, KeServerSettings, _Connection
from ntp.nts.key_exchange import ExchangeRequest, Grant
from ntp.nts.key_exchange_child import exchange
from ntp.nts.master_keys import PERIOD_ID_OCTETS, MasterKey, MasterKeyFile

from .ke_process import KeServerProcess


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


def ask(authority: Authority, server: KeServerProcess, host: str = "127.0.0.1") -> Grant:
    return exchange(ExchangeRequest(host=host, port=server.port, ca_file=str(authority.file), timeout_s=20))


def closed_by_peer(connection: socket.socket, within_s: float = 20) -> bool:
    connection.settimeout(within_s)
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def secure(server: KeServerProcess) -> ssl.SSLSocket:
    """Connect as a client of another TLS library would: the standard library's."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["ntske/1"])
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=20))


def test_a_client_that_says_nothing_is_dropped_and_others_are_served_meanwhile(
    authority: Authority, tmp_path: Path
) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), timeout_s=5.0) as server:
        silent = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(5)]
        assert ask(authority, server).cookies
        assert all(closed_by_peer(connection) for connection in silent)
        failed = server.wait_for("ClientFailed")
        assert failed["reason"] == "it took more than 5 s"
        for connection in silent:
            connection.close()


def test_a_client_that_drips_is_dropped_too_though_it_is_never_silent(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), timeout_s=1.0) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(b"\x16\x03\x01\x01\x00")
            dropped = False
            end = time.monotonic() + 20
            while not dropped and time.monotonic() < end:
                time.sleep(0.05)
                try:
                    connection.sendall(b"\0")
                except OSError:
                    dropped = True
        assert dropped
        server.wait_for("ClientFailed")


def test_one_client_cannot_take_all_places(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("127.0.0.1")
    with KeServerProcess(tmp_path, files, listen=("127.0.0.1",), max_connections_per_client=3, timeout_s=30) as server:
        open_connections = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(3)]
        with socket.create_connection(("127.0.0.1", server.port)) as one_too_many:
            assert closed_by_peer(one_too_many)
        full = server.wait_for("ServerFull")
        assert "max_connections_per_client" in full["limit"]
        with socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.2", 0)) as other:
            other.settimeout(0.5)
            with pytest.raises(TimeoutError):
                other.recv(1)
        for connection in open_connections:
            connection.close()
        end = time.monotonic() + 20
        while time.monotonic() < end:
            try:
                assert ask(authority, server).cookies
                break
            except OSError:
                time.sleep(0.1)


class Peer(asyncio.Transport):
    """A connection from *host*, of which only the end is seen."""

    def __init__(self, host: str) -> None:
        super().__init__({"peername": (host, 4460, 0, 0)})
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


def test_the_addresses_of_one_customer_are_one_client(authority: Authority, tmp_path: Path) -> None:
    """Who has IPv6 has 2**64 addresses at least."""
    certificate, private_key = authority.issue("127.0.0.1")
    settings = KeServerSettings(
        certificate_file=str(certificate),
        key_file=str(private_key),
        master_key_file=str(tmp_path / "master.json"),
        max_connections_per_client=2,
    )

    async def refused(*hosts: str) -> list[bool]:
        server = KeServer(settings, lambda _event: None)
        peers = [Peer(host) for host in hosts]
        connections = [_Connection(server) for _ in hosts]
        for connection, peer in zip(connections, peers, strict=True):
            connection.connection_made(peer)
        found = [peer.aborted for peer in peers]
        for connection in connections:
            connection.connection_lost(None)
        assert not server.connections
        return found

    assert asyncio.run(refused("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1")) == [
        False,
        False,
        True,
        False,
    ]
    assert asyncio.run(refused("192.0.2.1", "192.0.2.2", "192.0.2.3")) == [False] * 3
    assert asyncio.run(refused("fe80::1%eth0", "fe80::2%eth0", "fe80::3%eth0")) == [False] * 3


def test_there_is_a_limit_for_all_together(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), max_connections=2, timeout_s=30) as server:
        taken = [
            socket.create_connection(("127.0.0.1", server.port), source_address=(f"127.0.0.{last}", 0))
            for last in (2, 3)
        ]
        with socket.create_connection(("127.0.0.1", server.port), source_address=("127.0.0.4", 0)) as one_too_many:
            assert closed_by_peer(one_too_many)
        assert "max_connections" in server.wait_for("ServerFull")["limit"]
        for connection in taken:
            connection.close()


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + bytes(200_000), bytes(5)])
def test_nonsense_ends_a_connection_and_nothing_else(authority: Authority, tmp_path: Path, octets: bytes) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), timeout_s=5.0) as server:
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            try:
                connection.sendall(octets)
            except OSError:
                pass
            else:
                connection.settimeout(20)
                try:
                    while connection.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        server.wait_for("ClientFailed")
        assert ask(authority, server).cookies


def test_a_long_request_over_good_tls_is_answered_with_an_error(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1")) as server, secure(server) as connection:
        connection.sendall(b"\x40\x01\xff\xff" + bytes(16_000))
        answer = b""
        while octets := connection.recv(4096):
            answer += octets
        assert answer == bytes.fromhex("800200020001 80010000 80000000")
        assert "longer than 1024" in server.wait_for("ClientServed")["refused_because"]


def test_another_tls_library_is_served_in_octets_as_in_rfc_8915(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1")) as server, secure(server) as connection:
        assert connection.version() == "TLSv1.3"
        assert connection.selected_alpn_protocol() == "ntske/1"
        connection.sendall(bytes.fromhex("800100020000 80040002000f 80000000"))
        answer = b""
        while octets := connection.recv(4096):
            answer += octets
        assert answer.startswith(bytes.fromhex("800100020000 80040002000f 00050060"))
        assert answer.endswith(bytes.fromhex("80000000"))
        assert len(answer) == 12 + 8 * 100 + 4


# ---- files that change


def test_a_renewed_certificate_is_shown_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("127.0.0.1")
    with KeServerProcess(tmp_path, (certificate, key)) as server:
        before = ask(authority, server)
        renewed = authority.issue("127.0.0.1", "127.0.0.9", file="renewed", end=authority.end)
        shutil.move(renewed[1], key)
        shutil.move(renewed[0], certificate)
        server.wait_for("CertificateLoaded")
        after = ask(authority, server)
        assert after.certificates_end_s > before.certificates_end_s


def test_half_a_renewal_is_told_and_the_old_certificate_goes_on(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("127.0.0.1")
    with KeServerProcess(tmp_path, (certificate, key)) as server:
        shutil.copy(authority.issue("127.0.0.1", file="renewed")[0], certificate)
        unusable = server.wait_for("CertificateUnusable")
        assert str(key) in unusable["error"]
        assert ask(authority, server).cookies


def test_a_dropped_master_key_is_used_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1")) as server:
        file = MasterKeyFile(Path(server.settings.master_key_file))
        dropped = MasterKey.new(bytes(32), int(time.time()))
        file.save(dropped)
        server.wait_for("MasterKeyReplaced")
        sealing, _ = dropped.cookie_keys(int(time.time()))
        assert {cookie[:PERIOD_ID_OCTETS] for cookie in ask(authority, server).cookies} == {sealing.period_id}


def test_two_servers_of_a_fleet_open_each_others_cookies(authority: Authority, tmp_path: Path) -> None:
    files = authority.issue("127.0.0.1")
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir(), two.mkdir()
    with KeServerProcess(one, files) as first:
        shutil.copy2(one / "master.json", two / "master.json")
        with KeServerProcess(two, files) as second:
            grants = [ask(authority, server) for server in (first, second)]
    assert len({cookie[:PERIOD_ID_OCTETS] for grant in grants for cookie in grant.cookies}) == 1


def ends_with(folder: Path, **settings: object) -> str:
    """Return what a server says that cannot begin."""
    process = KeServerProcess(folder, (folder / "missing.pem", folder / "missing.key"), **settings)
    done = subprocess.run(
        [sys.executable, "-m", "ntp.nts.ke_server", str(process._file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_a_server_that_cannot_begin_says_why_in_a_sentence(authority: Authority, tmp_path: Path) -> None:
    assert "missing.pem: the certificate cannot be used (No such file" in ends_with(tmp_path)
    for path in authority.issue("127.0.0.1", file="missing"):
        path.rename(tmp_path / path.name)
    assert "/nowhere/master.json: cannot be written" in ends_with(tmp_path, master_key_file="/nowhere/master.json")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = ends_with(tmp_path, port=taken.getsockname()[1])
    assert "cannot listen" in said
    assert "ss -ltnp" in said


def test_settings_that_are_wrong_are_named(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{"certificate_file": 5}')
    done = subprocess.run(
        [sys.executable, "-m", "ntp.nts.ke_server", file],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 1
    assert "certificate_file" in done.stderr


def test_without_addresses_it_listens_on_all_families_that_there_are(authority: Authority, tmp_path: Path) -> None:
    with KeServerProcess(tmp_path, authority.issue("127.0.0.1"), listen=()) as server:
        (listening,) = (event for event in server.events if event["event"] == "ServerListening")
        addresses = {address.partition(" ")[0] for address in listening["addresses"]}
        assert ask(authority, server).cookies
    assert "0.0.0.0" in addresses
    assert addresses <= {"0.0.0.0", "::"}
