"""A client's and a server's side of NTS that share keys, as after a key establishment."""

from __future__ import annotations

import os
import random

from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, PREFERRED, Algorithm
from ntp.nts.authenticator import NtsAuthenticator
from ntp.nts.cookies import CookieJar, SessionKeys
from ntp.nts.fields import Cookie, CookiePlaceholder, UniqueIdentifier, seal
from ntp.nts.key_exchange import Grant
from ntp.nts.master_keys import MasterKey
from ntp.nts.server_side import ServerSide, VerifiedRequest
from ntp.wire.packet import Leap, Mode, Packet, decode, encode, encode_without_mac
from ptpstack.time import SECOND, MonotonicTime

NOW_S = 20_000 * 86_400
SIV_256 = Algorithm.AES_SIV_CMAC_256


def at(seconds: float) -> MonotonicTime:
    return MonotonicTime(round(seconds * SECOND))


def new_jar() -> CookieJar:
    jar = CookieJar(MasterKey.new(os.urandom(32), NOW_S), os.urandom)
    jar.turn_to(NOW_S)
    return jar


def new_grant(jar: CookieJar, algorithm: Algorithm = SIV_256, cookies: int = 8, **others: object) -> Grant:
    octets = KEY_OCTETS[algorithm]
    keys = SessionKeys(algorithm, os.urandom(octets), os.urandom(octets))
    values: dict[str, object] = {
        "addresses": ("192.0.2.1",),
        "port": 123,
        "certificates_begin_s": NOW_S - 100,
        "certificates_end_s": NOW_S + 100,
        "time_checked": True,
    }
    return Grant(
        algorithm=algorithm,
        c2s=keys.c2s,
        s2c=keys.s2c,
        cookies=tuple(jar.seal(keys) for _ in range(cookies)),
        **values | others,  # type: ignore[arg-type]
    )


def reply_header(request: bytes, **fields: object) -> bytes:
    values: dict[str, object] = {
        "leap": Leap.NONE,
        "mode": Mode.SERVER,
        "stratum": 1,
        "reference_id": b"TEST",
        "origin_timestamp": decode(request[:48]).transmit_timestamp,
        "receive_timestamp": 5 << 32,
        "transmit_timestamp": 6 << 32,
    }
    return encode(Packet(**values | fields))  # type: ignore[arg-type]


class Pair:
    """Both sides; ``exchange`` lets one request and its reply pass."""

    def __init__(self, algorithm: Algorithm = SIV_256, cookies: int = 8, jar: CookieJar | None = None) -> None:
        self.jar = jar or new_jar()
        self.server = ServerSide(self.jar, os.urandom)
        self.client = NtsAuthenticator(
            "ntp.test", random_octets=os.urandom, random=random.Random(7).random, algorithms=PREFERRED
        )
        self.client.begin_exchange(at(0))
        self.client.granted(new_grant(self.jar, algorithm, cookies), at(0))
        self.sent: list[bytes] = []

    def request(self) -> bytes:
        octets = self.client.protect(Packet(precision=32, transmit_timestamp=len(self.sent) + 1))
        assert octets is not None
        self.sent.append(octets)
        return octets

    def request_and_refill(self) -> bytes:
        """Return a request, and let its reply come."""
        octets = self.request()
        reply = self.reply(octets)
        assert self.client.check(decode(reply), reply) is None
        return octets

    def crafted(self, placeholders: int) -> bytes:
        """Return a request that asks for more cookies than a client may."""
        session = self.client._session
        assert session is not None
        cookie, identifier = session.cookies.popleft(), os.urandom(32)
        self.client._open_identifier = identifier
        fields = [UniqueIdentifier(identifier), Cookie(cookie), *[CookiePlaceholder(bytes(len(cookie)))] * placeholders]
        packet = Packet(precision=32, transmit_timestamp=1, extension_fields=tuple(fields))
        return seal(encode_without_mac(packet), (), session.c2s, os.urandom(NONCE_OCTETS[session.c2s.algorithm]))

    def reply(self, request: bytes) -> bytes:
        verified = self.server.verify(request)
        assert isinstance(verified, VerifiedRequest), verified
        return self.server.reply(verified, reply_header(request))

    def exchange(self) -> None:
        reply = self.reply(self.request())
        assert self.client.check(decode(reply), reply) is None
