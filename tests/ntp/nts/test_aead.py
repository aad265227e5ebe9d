"""The AEAD algorithms against the vectors of their RFCs, and RFC 5297 written out once more."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CTR
from cryptography.hazmat.primitives.cmac import CMAC
from hypothesis import given
from hypothesis import strategies as st

from ntp.nts import aead
from ntp.nts.aead import KEY_OCTETS, NONCE_OCTETS, TAG_OCTETS, Aead, Algorithm
from ntp.nts.errors import AuthenticationError
from ptpstack.errors import ConfigError

every_algorithm = st.sampled_from(Algorithm)


def cmac(key: bytes, octets: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(octets)
    return mac.finalize()


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def doubled(octets: bytes) -> bytes:
    value = int.from_bytes(octets, "big") << 1
    return ((value & (1 << 128) - 1) ^ (0x87 if value >> 128 else 0)).to_bytes(16, "big")


def siv(key: bytes, plaintext: bytes, *components: bytes) -> bytes:
    """RFC 5297 2.4 and 2.6 in its own words: S2V, then CTR."""
    k1, k2 = key[: len(key) // 2], key[len(key) // 2 :]
    d = cmac(k1, bytes(16))
    for component in components:
        d = xor(doubled(d), cmac(k1, component))
    if len(plaintext) >= 16:
        t = plaintext[:-16] + xor(plaintext[-16:], d)
    else:
        t = xor(doubled(d), (plaintext + b"\x80").ljust(16, b"\0"))
    v = cmac(k1, t)
    q = (int.from_bytes(v, "big") & ~(1 << 63 | 1 << 31)).to_bytes(16, "big")
    return v + Cipher(AES(k2), CTR(q)).encryptor().update(plaintext)


def test_the_words_of_rfc_5297_give_its_own_vectors() -> None:
    a1 = siv(
        bytes.fromhex("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"),
        bytes.fromhex("112233445566778899aabbccddee"),
        bytes.fromhex("101112131415161718191a1b1c1d1e1f2021222324252627"),
    )
    assert a1.hex() == "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c"


@pytest.mark.parametrize("algorithm", [Algorithm.AES_SIV_CMAC_256, Algorithm.AES_SIV_CMAC_512])
@given(
    plaintext=st.binary(max_size=70), associated_data=st.binary(max_size=70), nonce=st.binary(min_size=16, max_size=16)
)
def test_siv_takes_associated_data_then_nonce(
    algorithm: Algorithm, plaintext: bytes, associated_data: bytes, nonce: bytes
) -> None:
    key = bytes(range(KEY_OCTETS[algorithm]))
    assert Aead(algorithm, key).seal(nonce, plaintext, associated_data) == siv(key, plaintext, associated_data, nonce)


@pytest.mark.parametrize(
    ("plaintext", "associated_data", "ciphertext"),
    [
        ("", "", "dc20e2d83f25705bb49e439eca56de25"),
        ("0100000000000000", "", "b5d839330ac7b786578782fff6013b815b287c22493a364c"),
        ("0200000000000000", "01", "1e6daba35669f4273b0a1a2560969cdf790d99759abd1508"),
    ],
)
def test_gcm_siv_gives_the_vectors_of_rfc_8452(plaintext: str, associated_data: str, ciphertext: str) -> None:
    cipher = Aead(Algorithm.AES_128_GCM_SIV, bytes.fromhex("01000000000000000000000000000000"))
    nonce = bytes.fromhex("030000000000000000000000")
    assert cipher.seal(nonce, bytes.fromhex(plaintext), bytes.fromhex(associated_data)).hex() == ciphertext


@given(every_algorithm, st.binary(max_size=300), st.binary(max_size=300))
def test_what_was_sealed_opens_and_is_longer_by_the_tag(
    algorithm: Algorithm, plaintext: bytes, associated_data: bytes
) -> None:
    cipher, nonce = Aead(algorithm, bytes(KEY_OCTETS[algorithm])), bytes(NONCE_OCTETS[algorithm])
    sealed = cipher.seal(nonce, plaintext, associated_data)
    assert len(sealed) == len(plaintext) + TAG_OCTETS
    assert cipher.open(nonce, sealed, associated_data) == plaintext


@given(every_algorithm, st.data())
def test_whatever_is_changed_does_not_open(algorithm: Algorithm, data: st.DataObject) -> None:
    cipher = Aead(algorithm, bytes(KEY_OCTETS[algorithm]))
    nonce = bytes(NONCE_OCTETS[algorithm])
    parts = [bytearray(nonce), bytearray(cipher.seal(nonce, b"fields", b"header")), bytearray(b"header")]
    part = data.draw(st.sampled_from(parts))
    part[data.draw(st.integers(0, len(part) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(AuthenticationError):
        cipher.open(*(bytes(part) for part in parts))


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(("nonce", "ciphertext"), [(0, 16), (1, 16), (7, 16), (300, 16), (16, 0), (12, 0), (16, 15)])
def test_impossible_lengths_do_not_open_and_do_not_crash(algorithm: Algorithm, nonce: int, ciphertext: int) -> None:
    with pytest.raises(AuthenticationError):
        Aead(algorithm, bytes(KEY_OCTETS[algorithm])).open(bytes(nonce), bytes(ciphertext), b"header")


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_key_of_another_length_is_not_taken(algorithm: Algorithm) -> None:
    with pytest.raises(ValueError, match="takes a key of"):
        Aead(algorithm, bytes(48))


def test_algorithms_that_openssl_does_not_have_are_not_offered(monkeypatch: pytest.MonkeyPatch) -> None:
    assert aead.usable((Algorithm.AES_SIV_CMAC_256,)) == (Algorithm.AES_SIV_CMAC_256,)
    monkeypatch.setattr(aead, "_works", lambda algorithm: algorithm is Algorithm.AES_SIV_CMAC_512)
    assert aead.usable() == (Algorithm.AES_SIV_CMAC_512,)
    with pytest.raises(ConfigError, match="no algorithm can be used"):
        aead.usable((Algorithm.AES_128_GCM_SIV,))
