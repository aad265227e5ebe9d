"""The layouts of the usual NTS requests: an identifier, a cookie, perhaps placeholders for more, and a proof.

There are a few dozen; the length and what begins the fields tell which. Of those of one layout many are read at once,
by arrays and by one ``Struct``. What does not live here: whether they are authentic, and the replies (``nts``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from struct import Struct
from typing import Final

import numpy as np
import numpy.typing as npt

from ntp.nts.aead import NONCE_OCTETS, TAG_OCTETS, Algorithm
from ntp.nts.cookies import KEY_ID_OCTETS, cookie_octets
from ntp.nts.cookies import NONCE_OCTETS as COOKIE_NONCE_OCTETS
from ntp.nts.fields import MOST_COOKIES, UNIQUE_IDENTIFIER_OCTETS
from ntp.server.datagrams import Octets
from ntp.server.special import ARE_REQUESTS, IS_REQUEST
from ntp.wire.extension_field import FRAME, FieldType
from ntp.wire.packet import HEADER

_AUTHENTICATOR = Struct(">HHHH")
IDENTIFIER_END: Final = HEADER.size + FRAME.size + UNIQUE_IDENTIFIER_OCTETS
_IDENTIFIER_HEAD: Final = FRAME.pack(FieldType.NTS_UNIQUE_IDENTIFIER, FRAME.size + UNIQUE_IDENTIFIER_OCTETS)
_WORD = np.dtype(np.uint32)


@dataclass(frozen=True)
class Layout:
    """A usual request for *algorithm* that asks for so many cookies: where its parts are, and what stands between."""

    algorithm: Algorithm
    cookies: int

    @cached_property
    def octets(self) -> int:
        """How long the request is, and its reply."""
        return self.proof_at + _AUTHENTICATOR.size + NONCE_OCTETS[self.algorithm] + TAG_OCTETS

    @property
    def proof_at(self) -> int:
        """Where the proof begins: it covers all before."""
        return IDENTIFIER_END + self.cookies * self._cookie_field_octets

    @cached_property
    def cookie_parts(self) -> Struct:
        """Reads key, nonce and secret of the cookie."""
        sealed = self._cookie_field_octets - FRAME.size - KEY_ID_OCTETS - COOKIE_NONCE_OCTETS
        parts = f">{IDENTIFIER_END + FRAME.size}x{KEY_ID_OCTETS}s{COOKIE_NONCE_OCTETS}s{sealed}s"
        return Struct(f"{parts}{self.octets - IDENTIFIER_END - self._cookie_field_octets}x")

    @cached_property
    def proof_parts(self) -> Struct:
        """Reads what the proof covers, its nonce, and its tag: nothing is encrypted."""
        return Struct(f">{self.proof_at}s{_AUTHENTICATOR.size}x{NONCE_OCTETS[self.algorithm]}s{TAG_OCTETS}s")

    @cached_property
    def _heads(self) -> list[tuple[int, bytes]]:
        """What begins the fields, and for the proof tells the lengths of its parts, and where."""
        placeholder = FRAME.pack(FieldType.NTS_COOKIE_PLACEHOLDER, self._cookie_field_octets)
        heads = [_IDENTIFIER_HEAD, self.cookie_head, *[placeholder] * (self.cookies - 1), self._proof_head(TAG_OCTETS)]
        at = [HEADER.size, *range(IDENTIFIER_END, self.proof_at + 1, self._cookie_field_octets)]
        return list(zip(at, heads, strict=True))

    @cached_property
    def _words(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint32]]:
        """The same by words: where they are in a request, and they."""
        at = [word for begin, head in self._heads for word in range(begin, begin + len(head), _WORD.itemsize)]
        return np.array(at, np.intp) // _WORD.itemsize, np.frombuffer(b"".join(head for _, head in self._heads), _WORD)

    def fits(self, request: bytes) -> bool:
        """Tell whether *request*, which is as long, has this layout and is one."""
        return IS_REQUEST[request[0]] != 0 and all(request.startswith(head, at) for at, head in self._heads)

    def fitting(self, requests: Octets) -> npt.NDArray[np.bool_]:
        """Tell of each row of *requests* what :meth:`fits` does."""
        at, words = self._words
        mask: npt.NDArray[np.bool_] = (requests.view(_WORD).take(at, axis=1) == words).all(axis=1)
        mask &= ARE_REQUESTS[requests[:, 0]]
        return mask

    @cached_property
    def cookie_head(self) -> bytes:
        """What begins a cookie's field, in the reply too."""
        return FRAME.pack(FieldType.NTS_COOKIE, self._cookie_field_octets)

    @cached_property
    def reply_sealed_at(self) -> int:
        """Where in the reply its cookies are, sealed."""
        return IDENTIFIER_END + _AUTHENTICATOR.size + NONCE_OCTETS[self.algorithm]

    @cached_property
    def reply_proof_head(self) -> bytes:
        """What begins the reply's proof, in which the cookies are."""
        return self._proof_head(self.cookies * self._cookie_field_octets + TAG_OCTETS)

    @property
    def _cookie_field_octets(self) -> int:
        return FRAME.size + cookie_octets(self.algorithm)

    def _proof_head(self, sealed_octets: int) -> bytes:
        nonce_octets = NONCE_OCTETS[self.algorithm]
        octets = _AUTHENTICATOR.size + nonce_octets + sealed_octets
        return _AUTHENTICATOR.pack(FieldType.NTS_AUTHENTICATOR, octets, nonce_octets, sealed_octets)


def layouts() -> Iterator[Layout]:
    """Yield those of the usual requests."""
    for algorithm in Algorithm:
        for cookies in range(1, MOST_COOKIES + 1):
            yield Layout(algorithm, cookies)
