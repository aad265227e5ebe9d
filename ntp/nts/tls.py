"""TLS 1.3 without a socket, for NTS-KE: octets in, octets out, and the exporter that the standard library lacks.

What lives here: contexts, one connection as ``TlsChannel``, and errors in words. What does not: sockets and time limits
(``key_exchange_child``, ``ke_server``), and NTS-KE itself (``establishment``).
"""

from __future__ import annotations

import contextlib
import ipaddress
from pathlib import Path

from cryptography import x509
from OpenSSL import SSL, crypto

from ntp.nts.certificates import Validity, Window, check_name, to_ascii
from ntp.nts.errors import Cause, KeyEstablishmentError
from ptpstack.errors import ConfigError

ALPN = b"ntske/1"
MOST_OCTETS = 131_072
"""Octets that a peer may send in one connection: the longest chains of certificates take a fifth of it."""

_NO_CHECK_TIME = 0x20_0000
"""X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL has no name for."""


def client_context(ca_file: str | None = None, *, check_time: bool = True) -> SSL.Context:
    """Return what clients share: trust in the authorities of *ca_file*, or of the system.

    Without *check_time* the caller judges when certificates are valid. Raises ``ConfigError``.
    """
    context = _context(SSL.TLS_CLIENT_METHOD)
    if ca_file is None:
        context.set_default_verify_paths()
    else:
        try:
            context.load_verify_locations(ca_file)
        except SSL.Error as error:
            raise _unusable("the trusted certificates", ca_file, error) from None
    if not check_time:
        store = context.get_cert_store()
        assert store is not None
        store.set_flags(_NO_CHECK_TIME)
    context.set_verify(SSL.VERIFY_PEER)
    context.set_alpn_protos([ALPN])
    return context


def server_context(certificate_file: Path, key_file: Path) -> SSL.Context:
    """Return what the connections of a server share. Raises ``ConfigError`` naming the file that is no use."""
    context = _context(SSL.TLS_SERVER_METHOD)
    try:
        context.use_certificate_chain_file(str(certificate_file))
    except SSL.Error as error:
        raise _unusable("the certificate", str(certificate_file), error) from None
    try:
        context.use_privatekey_file(str(key_file))
        context.check_privatekey()
    except SSL.Error as error:
        raise _unusable("the private key", str(key_file), error) from None
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_options(SSL.OP_NO_TICKET)
    context.set_alpn_select_callback(
        lambda _connection, offered: ALPN if ALPN in offered else SSL.NO_OVERLAPPING_PROTOCOLS
    )
    return context


class TlsChannel:
    """One TLS connection: what comes from the socket goes to :meth:`receive`, :meth:`octets_to_send` to the socket."""

    def __init__(self, context: SSL.Context, host: str | None = None) -> None:
        """Begin as the client of *host*, or as a server."""
        self._connection = SSL.Connection(context, None)
        self._context = context
        self._received = 0
        self.established = False
        if host is None:
            self._connection.set_accept_state()
        else:
            self._connection.set_connect_state()
            if not _is_address(host):
                self._connection.set_tlsext_host_name(to_ascii(host).encode("ascii"))
        self._handshake()

    def receive(self, octets: bytes) -> bytes:
        """Take in what the socket gave; return what the peer said, empty for now or for good.

        Raises ``KeyEstablishmentError`` when the connection cannot come about or go on.
        """
        self._received += len(octets)
        if self._received > MOST_OCTETS:
            raise KeyEstablishmentError(Cause.TLS, why=f"the peer sent more than {MOST_OCTETS} octets")
        self._connection.bio_write(octets)
        if not self.established:
            self._handshake()
        return self._read() if self.established else b""

    def send(self, octets: bytes) -> None:
        """Say *octets* to the peer, when the connection stands."""
        self._connection.sendall(octets)

    def close(self) -> None:
        """Say that no more will be said (``close_notify``)."""
        with contextlib.suppress(SSL.Error):  # the peer may have gone already
            self._connection.shutdown()

    def octets_to_send(self) -> bytes:
        """Return what is to go into the socket now."""
        octets = b""
        try:
            while True:
                octets += self._connection.bio_read(65_536)
        except SSL.WantReadError:
            return octets

    def export(self, label: bytes, length: int, context: bytes) -> bytes:
        """Return keying material that only both ends can compute (RFC 8446 7.5)."""
        return self._connection.export_keying_material(label, length, context)

    def check_server(self, host: str, window: Window | None) -> Validity:
        """Return when the server's certificates are valid. Raises ``KeyEstablishmentError`` if it is not *host*."""
        chain = self._connection.get_verified_chain(as_cryptography=True)
        if not chain:
            raise KeyEstablishmentError(Cause.CERTIFICATE, why="the server showed none")
        check_name(chain[0], host)
        validity = Validity.of(chain)
        if window is not None:
            validity.check(window)
        return validity

    def _handshake(self) -> None:
        try:
            self._connection.do_handshake()
        except SSL.WantReadError:
            return
        except SSL.Error as error:
            raise self._failure(error) from None
        if self._connection.get_alpn_proto_negotiated() != ALPN:
            raise KeyEstablishmentError(Cause.TLS, why="the peer does not speak ntske/1 (ALPN)")
        self.established = True

    def _read(self) -> bytes:
        octets = b""
        try:
            while True:
                octets += self._connection.recv(65_536)
        except (SSL.WantReadError, SSL.ZeroReturnError):
            return octets
        except SSL.Error as error:
            raise self._failure(error) from None

    def _failure(self, error: SSL.Error) -> KeyEstablishmentError:
        why = _reason(error)
        if "certificate verify failed" in why:
            return KeyEstablishmentError(Cause.CERTIFICATE, why=self._why_not_verified())
        return KeyEstablishmentError(Cause.TLS, why=why)

    def _why_not_verified(self) -> str:
        """Ask OpenSSL again, in the way in which it gives the reason."""
        chain, store = self._connection.get_peer_cert_chain(), self._context.get_cert_store()
        if not chain or store is None:
            return "the server showed none"
        try:
            crypto.X509StoreContext(store, chain[0], chain[1:]).verify_certificate()
        except crypto.X509StoreContextError as error:
            return f"{error.args[0]}: {_dates(error.certificate.to_cryptography())}"
        return "it was not issued for a server"


def _context(method: int) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_3_VERSION)
    return context


def _dates(certificate: x509.Certificate) -> str:
    name = certificate.subject.rfc4514_string() or "the server's"
    return f"{name}, from {certificate.not_valid_before_utc:%Y-%m-%d} to {certificate.not_valid_after_utc:%Y-%m-%d}"


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _reason(error: SSL.Error) -> str:
    if isinstance(error, SSL.SysCallError):
        return "the peer closed the connection"
    reasons = [entry[2] for entry in error.args[0] if entry[2]] if error.args else []
    return "; ".join(reasons) or "OpenSSL does not say why"


def _unusable(what: str, file: str, error: SSL.Error) -> ConfigError:
    why = _reason(error)
    try:
        with Path(file).open("rb"):
            pass
    except OSError as cause:
        why = str(cause.strerror)
    return ConfigError(
        f"{what} cannot be used",
        where=file,
        why=why,
        next_step="give a PEM file that the user of this process can read",
    )
