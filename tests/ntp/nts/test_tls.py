"""TLS for NTS-KE without sockets: who is believed, and what is said when somebody is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from OpenSSL import SSL

from lab.pki import DAY, NOW, Authority
from ntp.nts.certificates import Validity, Window
from ntp.nts.errors import Cause, KeyEstablishmentError
from ntp.nts.tls import MOST_OCTETS, TlsChannel, client_context, server_context
from ptpstack.errors import ConfigError

NOW_S = int(NOW.timestamp())
DAY_S = 86_400


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("trusted"))


def meet(client: TlsChannel, server: TlsChannel) -> bytes:
    """Carry octets to and fro until nobody has any more; return what the client was told."""
    told = b""
    while True:
        to_server, to_client = client.octets_to_send(), server.octets_to_send()
        if not to_server and not to_client:
            return told
        if to_server:
            server.receive(to_server)
        if to_client:
            told += client.receive(to_client)


def connect(
    authority: Authority, files: tuple[Path, Path], host: str, window: Window | None = None
) -> tuple[TlsChannel, TlsChannel, Validity]:
    client = TlsChannel(client_context(str(authority.file), check_time=window is None), host)
    server = TlsChannel(server_context(*files))
    meet(client, server)
    assert client.established
    assert server.established
    return client, server, client.check_server(host, window)


def test_both_ends_export_the_same_and_hear_each_other(authority: Authority) -> None:
    client, server, _ = connect(authority, authority.issue("ntp.test"), "ntp.test")
    exported = [end.export(b"EXPORTER-network-time-security", 32, bytes(5)) for end in (client, server)]
    assert exported[0] == exported[1]
    server.send(b"cookies")
    server.close()
    assert meet(client, server) == b"cookies"


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["ntp.test"], "ntp.test"),
        (["ntp.test"], "NTP.Test."),
        (["other.test", "ntp.test"], "ntp.test"),
        (["*.ntp.test"], "a.ntp.test"),
        (["xn--zrich-kva.test"], "zürich.test"),
        (["192.0.2.1"], "192.0.2.1"),
        (["2001:db8::1"], "2001:DB8:0::1"),
    ],
)
def test_a_name_or_address_in_the_certificate_is_believed(authority: Authority, names: list[str], host: str) -> None:
    _, _, validity = connect(authority, authority.issue(*names), host)
    assert validity.begins_s <= NOW_S <= validity.ends_s


@pytest.mark.parametrize(
    ("names", "host"),
    [
        (["ntp.test"], "other.test"),
        (["ntp.test"], "a.ntp.test"),
        (["*.ntp.test"], "ntp.test"),
        (["*.ntp.test"], "a.b.ntp.test"),
        (["*.test"], "ntp.test.evil"),
        (["192.0.2.1"], "192.0.2.2"),
        (["ntp.test"], "192.0.2.1"),
        (["*.0.2.1"], "192.0.2.1"),
    ],
)
def test_another_name_is_not(authority: Authority, names: list[str], host: str) -> None:
    with pytest.raises(KeyEstablishmentError, match=f"not for {host}") as caught:
        connect(authority, authority.issue(*names), host)
    assert caught.value.cause is Cause.CERTIFICATE
    assert names[0] in caught.value.why


def test_an_asterisk_does_not_stand_for_all_of_a_top_level_domain(authority: Authority) -> None:
    with pytest.raises(KeyEstablishmentError, match="not for ntp"):
        connect(authority, authority.issue("*.test"), "ntp.test")


def test_an_authority_that_is_not_trusted_is_named_with_the_reason(authority: Authority, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger")
    with pytest.raises(KeyEstablishmentError, match="unable to get local issuer certificate") as caught:
        connect(authority, stranger.issue("ntp.test"), "ntp.test")
    assert caught.value.cause is Cause.CERTIFICATE
    assert "ca_file" in caught.value.next_step


@pytest.mark.parametrize(("begin", "end", "why"), [(-20, -10, "expired"), (10, 20, "not yet valid")])
def test_a_certificate_of_another_time_is_refused_with_its_dates(
    authority: Authority, begin: int, end: int, why: str
) -> None:
    files = authority.issue("ntp.test", begin=NOW + begin * DAY, end=NOW + end * DAY)
    with pytest.raises(KeyEstablishmentError, match=why) as caught:
        connect(authority, files, "ntp.test")
    assert f"{NOW + begin * DAY:%Y-%m-%d}" in caught.value.why


@pytest.mark.parametrize(
    ("earliest", "latest", "why"),
    [(-400, 400, None), (-15, -15, None), (-9, 400, "it ended on"), (-400, -21, "it begins on")],
)
def test_while_the_clock_is_not_set_a_certificate_must_fit_what_is_known_of_the_time(
    authority: Authority, earliest: int, latest: int, why: str | None
) -> None:
    """One that ended ten days ago by the true time: the window decides, and the server's days are given."""
    files = authority.issue("ntp.test", begin=NOW - 20 * DAY, end=NOW - 10 * DAY)
    window = Window(NOW_S + earliest * DAY_S, NOW_S + latest * DAY_S)
    if why is None:
        _, _, validity = connect(authority, files, "ntp.test", window)
        assert validity == Validity(NOW_S - 20 * DAY_S, NOW_S - 10 * DAY_S)
    else:
        with pytest.raises(KeyEstablishmentError, match=why):
            connect(authority, files, "ntp.test", window)


def test_certificates_that_never_are_valid_together_are_refused(tmp_path: Path) -> None:
    old = Authority(tmp_path / "old", begin=NOW - 900 * DAY, end=NOW - 800 * DAY)
    with pytest.raises(KeyEstablishmentError, match="never valid at the same time"):
        connect(old, old.issue("ntp.test"), "ntp.test", Window(0, NOW_S + 9000 * DAY_S))


# ---- peers that are something else


def plain(method: int, **settings: object) -> SSL.Context:
    context = SSL.Context(method)
    for name, value in settings.items():
        getattr(context, name)(value)
    return context


def other_server(files: tuple[Path, Path], **settings: object) -> TlsChannel:
    context = plain(SSL.TLS_SERVER_METHOD, **settings)
    context.use_certificate_chain_file(str(files[0]))
    context.use_privatekey_file(str(files[1]))
    return TlsChannel(context)


def test_a_server_of_tls_1_2_is_not_spoken_to(authority: Authority) -> None:
    server = other_server(authority.issue("ntp.test"), set_max_proto_version=SSL.TLS1_2_VERSION)
    client = TlsChannel(client_context(str(authority.file)), "ntp.test")
    with pytest.raises(KeyEstablishmentError) as caught:
        meet(client, server)
    assert caught.value.cause is Cause.TLS


def test_a_web_server_is_not_spoken_to(authority: Authority) -> None:
    server = other_server(authority.issue("ntp.test"))
    client = TlsChannel(client_context(str(authority.file)), "ntp.test")
    with pytest.raises(KeyEstablishmentError, match="does not speak ntske/1"):
        meet(client, server)
    assert not client.established


@pytest.mark.parametrize("alpn", [None, [b"h2"]])
def test_a_client_of_something_else_is_not_answered(authority: Authority, alpn: list[bytes] | None) -> None:
    context = plain(SSL.TLS_CLIENT_METHOD, **({"set_alpn_protos": alpn} if alpn else {}))
    server = TlsChannel(server_context(*authority.issue("ntp.test")))
    client = SSL.Connection(context, None)
    client.set_connect_state()
    with pytest.raises(SSL.WantReadError):
        client.do_handshake()
    server.receive(client.bio_read(65_536))
    client.bio_write(server.octets_to_send())
    client.do_handshake()
    last = client.bio_read(65_536)
    with pytest.raises(KeyEstablishmentError, match="does not speak ntske/1"):
        server.receive(last)


@pytest.mark.parametrize("octets", [b"\0" * 100, b"GET / HTTP/1.1\r\n\r\n", b"SSH-2.0-OpenSSH_9\r\n" * 10])
def test_what_is_no_tls_ends_the_connection(authority: Authority, octets: bytes) -> None:
    server = TlsChannel(server_context(*authority.issue("ntp.test")))
    with pytest.raises(KeyEstablishmentError) as caught:
        server.receive(octets)
    assert caught.value.cause is Cause.TLS


def test_a_peer_that_talks_without_end_is_cut_off(authority: Authority) -> None:
    server = TlsChannel(server_context(*authority.issue("ntp.test")))
    hello = b"\x16\x03\x01\x40\x00\x01\x00\xff\xff"  # the begin of a long ClientHello
    server.receive(hello)
    with pytest.raises(KeyEstablishmentError):
        server.receive(bytes(MOST_OCTETS))


# ---- files


def test_files_that_are_no_use_are_named_with_the_reason(authority: Authority, tmp_path: Path) -> None:
    certificate, key = authority.issue("ntp.test")
    _, other_key = authority.issue("ntp.test", file="other")
    with pytest.raises(ConfigError, match="the certificate cannot be used") as caught:
        server_context(tmp_path / "missing.pem", key)
    assert "No such file" in caught.value.why
    with pytest.raises(ConfigError, match="the private key cannot be used") as caught:
        server_context(certificate, other_key)
    assert caught.value.where == str(other_key)
    with pytest.raises(ConfigError, match="the trusted certificates cannot be used"):
        client_context(str(key))
