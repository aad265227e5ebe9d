"""NTS as Wireshark sees it, which knows nothing of us: it decrypts by the TLS secrets that the tests keep alone."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from OpenSSL import SSL

from lab import namespaces
from lab.namespaces import Node
from lab.peers.newer_tshark import newer_tshark
from lab.peers.tshark import Capture, Mark, Tshark
from lab.pki import Authority
from lab.vm.newer import NewerDebianError
from ntp.nts import tls
from ntp.nts.aead import Algorithm
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.key_exchange import ExchangeRequest, Grant
from ntp.nts.key_exchange_child import exchange
from ntp.nts.messages import ErrorCode, error_records
from ntp.nts.records import Record, RecordType, encode

from .bed import OURS, THEIRS, OurServer, asked_with, wait_until
from .responder import Responder

pytestmark = [pytest.mark.peer, pytest.mark.namespaces]

ERROR = [(RecordType.ERROR, True, 2), (RecordType.NEXT_PROTOCOL, True, 0), (RecordType.END_OF_MESSAGE, True, 0)]
GCM_SIV, SIV_256, SIV_512 = Algorithm.AES_128_GCM_SIV, Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512
RECORD = ("nts-ke.type", "nts-ke.critical_bit", "nts-ke.body_length")
BODY = ("nts-ke.next_proto", "nts-ke.aead_algo", "nts-ke.cookie", "nts-ke.server", "nts-ke.port", "nts-ke.error")
NTPV4 = "0"
DISCARD = 9


class Seen(NamedTuple):
    """A message of NTS-KE by the fields of Wireshark: its records (type, critical, octets), then what they say."""

    frame: int
    records: list[tuple[int, bool, int]]
    said: dict[str, list[str]]


class Eye:
    """Captures in *node* while it lasts, with the secrets that land in ``secrets``."""

    def __init__(self, node: Node, folder: Path, program: list[str]) -> None:
        self.secrets = folder / "secrets"
        self.secrets.touch()
        self._node, self._end = node, os.urandom(16)
        wanted = f"tcp port 4460 or udp port 123 or udp port {DISCARD}"
        self._capture = Capture(node, "eth0", folder / "nts.pcapng", wanted)
        self._tshark = Tshark([*program, "-o", f"tls.keylog_file:{self.secrets}"])

    def close(self) -> None:
        """End when all that was sent is in the file: a datagram comes last."""
        with self._node.inside(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as end:
            end.sendto(self._end, (THEIRS, DISCARD))
        wait_until(lambda: self._end in self._capture.file.read_bytes())
        self._file = self._capture.stop()

    def messages(self) -> list[Seen]:
        frames = self._tshark.field_values(self._file, "frame.number", *RECORD, *BODY, display_filter="nts-ke")
        return [
            self._seen(int(number), *(field.split(",") if field else [] for field in fields))
            for number, *fields in frames
        ]

    def packets(self) -> list[tuple[str, ...]]:
        """Return mode, and whether it decrypts, of each NTP packet."""
        return self._tshark.field_values(self._file, "ntp.flags.mode", "ntp.nts.crypto_success", display_filter="ntp")

    def marks(self) -> list[Mark]:
        return self._tshark.marks(self._file, "nts-ke || ntp")

    @staticmethod
    def _seen(frame: int, types: list[str], critical: list[str], lengths: list[str], *bodies: list[str]) -> Seen:
        records = [
            (int(kind), is_critical in {"1", "True"}, int(length))
            for kind, is_critical, length in zip(types, critical, lengths, strict=True)
        ]
        said = {name.removeprefix("nts-ke."): body for name, body in zip(BODY, bodies, strict=True) if body}
        return Seen(frame, records, said)


@pytest.fixture(scope="session")
def wireshark() -> list[str]:
    try:
        return newer_tshark()
    except NewerDebianError as error:
        pytest.skip(f"no newer Debian: {error}")


@pytest.fixture
def eye(wireshark: list[str], nodes: tuple[Node, Node], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Eye:
    """Our client in this process, and servers made here, tell it their secrets."""
    made, new_context = Eye(nodes[0], tmp_path, wireshark), tls._context

    def telling(method: int) -> SSL.Context:
        context = new_context(method)
        context.set_keylog_callback(lambda _connection, line: append(made.secrets, line))
        return context

    monkeypatch.setattr(tls, "_context", telling)
    return made


def append(file: Path, line: bytes) -> None:
    with file.open("ab") as opened:
        opened.write(line + b"\n")


def ask(node: Node, authority: Authority, host: str, *algorithms: Algorithm) -> Grant:
    request = ExchangeRequest(host=host, ca_file=str(authority.file), algorithms=algorithms, timeout_s=20)
    return node.inside(lambda: exchange(request))


@contextlib.contextmanager
def server_that_says(node: Node, authority: Authority, *records: Record) -> Iterator[None]:
    """Answers one client with *records*, whatever it wants."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue(THEIRS))
    context.set_alpn_protocols(["ntske/1"])
    listener = node.inside(lambda: socket.create_server((THEIRS, 4460)))

    def serve() -> None:
        with listener, context.wrap_socket(listener.accept()[0], server_side=True) as connection:
            connection.recv(4096)
            connection.sendall(encode(records))
            with contextlib.suppress(OSError):  # the client hangs up first
                connection.unwrap()

    thread = threading.Thread(target=serve)
    thread.start()
    yield
    thread.join(20)
    assert not thread.is_alive()


def say(node: Node, secrets: Path, octets: bytes) -> bytes:
    """Say *octets* to our server as a client of another TLS library would, and return all that it answers."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_alpn_protocols(["ntske/1"])
    context.keylog_filename = str(secrets)
    connected = node.inside(lambda: socket.create_connection((OURS, 4460), timeout=20))
    answer = b""
    with context.wrap_socket(connected) as connection:
        connection.sendall(octets)
        while more := connection.recv(4096):
            answer += more
    return answer


@pytest.mark.parametrize("algorithm", [GCM_SIV, SIV_256, SIV_512])
def test_every_field_of_request_and_response_and_the_keys_that_come_of_them(
    nodes: tuple[Node, Node], authority: Authority, our_server: OurServer, eye: Eye, algorithm: Algorithm
) -> None:
    offered = (algorithm, *({GCM_SIV, SIV_256, SIV_512} - {algorithm}))
    with Responder(nodes[0], our_server.master_key_file):
        grant = ask(nodes[1], authority, OURS, *offered)
        client = asked_with(grant, nodes[1], OURS, enough=4)
    eye.close()
    request, response = eye.messages()
    says_compliant = [(RecordType.COMPLIANT_128GCMSIV_EXPORT, False, 0)]
    assert request.records == [
        (RecordType.NEXT_PROTOCOL, True, 2),
        (RecordType.AEAD_ALGORITHM, True, 6),
        *says_compliant,
        (RecordType.END_OF_MESSAGE, True, 0),
    ]
    assert request.said == {"next_proto": [NTPV4], "aead_algo": [str(int(offer)) for offer in offered]}
    (octets,) = {len(cookie) for cookie in grant.cookies}
    assert response.records == [
        (RecordType.NEXT_PROTOCOL, True, 2),
        (RecordType.AEAD_ALGORITHM, True, 2),
        *(says_compliant if algorithm == GCM_SIV else []),
        *[(RecordType.NEW_COOKIE, False, octets)] * 8,
        (RecordType.END_OF_MESSAGE, True, 0),
    ]
    cookies = [cookie.hex() for cookie in grant.cookies]
    assert response.said == {"next_proto": [NTPV4], "aead_algo": [str(int(algorithm))], "cookie": cookies}
    decrypted = eye.packets()
    assert len(client.samples) >= 4
    assert {mode for mode, _ in decrypted} == {"3", "4"}
    assert {success for _, success in decrypted} <= {"1", "True"}
    assert eye.marks() == []


def test_our_server_names_another_for_the_time(
    nodes: tuple[Node, Node], authority: Authority, tmp_path: Path, eye: Eye
) -> None:
    server = OurServer(nodes[0], tmp_path / "ours", authority.issue(OURS), ntp_server="10.0.0.99", ntp_port=4123)
    grant = ask(nodes[1], authority, OURS, SIV_256)
    namespaces.stop([server.process])
    eye.close()
    _, response = eye.messages()
    assert response.records[2:4] == [(RecordType.NTPV4_SERVER, True, 9), (RecordType.NTPV4_PORT, True, 2)]
    assert (response.said["server"], response.said["port"]) == (["10.0.0.99"], ["4123"])
    assert (grant.addresses, grant.port) == (("10.0.0.99",), 4123)
    assert eye.marks() == []


def test_our_server_says_what_is_wrong_with_a_request(
    nodes: tuple[Node, Node], our_server: OurServer, eye: Eye
) -> None:
    unknown = Record(99, critical=True)
    protocol = Record(RecordType.NEXT_PROTOCOL, b"\0\0", critical=True)
    answers = [
        say(nodes[1], eye.secrets, encode(records))
        for records in ([unknown, protocol], [protocol], [protocol, protocol])
    ]
    eye.close()
    assert "ServerListening" in our_server.log.read_text()
    assert answers[0] == encode(error_records(ErrorCode.UNRECOGNIZED_CRITICAL_RECORD))
    seen = [message for message in eye.messages() if message.records == ERROR]
    assert [message.said for message in seen] == [{"error": [code]} for code in ("0", "1", "1")]
    marked = {mark.frame for mark in eye.marks()}
    assert marked.isdisjoint(message.frame for message in seen)
    assert len(marked) == 1  # the request that names its protocol twice


def test_our_client_understands_the_error_that_a_server_answers(
    nodes: tuple[Node, Node], authority: Authority, eye: Eye
) -> None:
    refusal = error_records(ErrorCode.INTERNAL_SERVER_ERROR)
    with server_that_says(nodes[1], authority, *refusal), pytest.raises(KeyEstablishmentError) as raised:
        ask(nodes[0], authority, THEIRS, SIV_256)
    eye.close()
    _, response = eye.messages()
    assert raised.value.cause == Cause.REFUSED
    assert "internal server error" in str(raised.value)
    assert response.records == ERROR
    assert response.said == {"error": ["2"]}
    assert eye.marks() == []
