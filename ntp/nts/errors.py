"""What can go wrong with NTS, typed by what a client does about it."""

from __future__ import annotations

from enum import Enum

from ptpstack.errors import PtpstackError


class AuthenticationError(PtpstackError):
    """Octets that the holder of the key did not write, or that somebody changed. Says no more, on purpose."""


class Cause(Enum):
    """Why keys could not be established."""

    UNREACHABLE = "the server was not reached"
    TIMEOUT = "the server took too long"
    TLS = "no TLS connection came about"
    CERTIFICATE = "the certificate does not prove who the server is"
    REFUSED = "the server refused"
    ASKED_ALREADY = "the pool gave a server that is asked already"
    MALFORMED = "the server's response is not NTS-KE"
    NO_COMMON_ALGORITHM = "there is no algorithm that both sides know"
    LOCAL = "this machine could not ask"


class KeyEstablishmentError(PtpstackError):
    """Keys could not be established, because of *cause*; the client backs off and tries again."""

    def __init__(self, cause: Cause, *, where: str = "", why: str = "", next_step: str = "") -> None:
        self.cause = cause
        super().__init__(cause.value, where=where, why=why, next_step=next_step or _NEXT_STEPS[cause])


_NEXT_STEPS = {
    Cause.UNREACHABLE: "check the name and that TCP port 4460 is open on the way",
    Cause.TIMEOUT: "check that TCP port 4460 is open on the way; a firewall may drop it without a word",
    Cause.TLS: "try `openssl s_client -alpn ntske/1 -tls1_3 -connect SERVER:4460`",
    Cause.CERTIFICATE: "name the issuer's certificate as `ca_file`, or ask for the name that the certificate has",
    Cause.REFUSED: "ask the server's keeper: its log says why",
    Cause.ASKED_ALREADY: "another address of the pool is tried next; where it has no more servers, lower `count`",
    Cause.MALFORMED: "check that an NTS server listens at this port, and report it to the server's keeper",
    Cause.NO_COMMON_ALGORITHM: "offer algorithm 15, which every NTS server must know",
    Cause.LOCAL: "see the reason, and report it if it is no fault of this machine",
}
