"""Digests against the vectors of others; what is refused, and that no error shows a secret."""

from __future__ import annotations

import hashlib

import pytest

from ntp.keys import Key, read_keys
from ptpstack.errors import ConfigError

RFC_4493_KEY = bytes.fromhex("2b7e151628aed2a6abf7158809cf4f3c")
RFC_4493_MESSAGE = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411"
RFC_4493 = {
    "": "bb1d6929e95937287fa37d129b756746",
    "6bc1bee22e409f96e93d7e117393172a": "070a16b46b4d4144f79bdd9dd04a287c",
    RFC_4493_MESSAGE: "dfa66747de9ae63030ca32611497c827",
}


@pytest.mark.parametrize(("message", "digest"), RFC_4493.items())
def test_aes_cmac_gives_the_digests_of_rfc_4493(message: str, digest: str) -> None:
    key = Key(1, "AES128", RFC_4493_KEY)
    assert key.digest(bytes.fromhex(message)).hex() == digest
    assert key.accepts(bytes.fromhex(digest), bytes.fromhex(message))
    assert key.version == 4


@pytest.mark.parametrize("kind", ["SHA256", "SHA384", "SHA512"])
def test_a_hash_is_taken_of_secret_and_packet_and_travels_in_version_3(kind: str) -> None:
    key = Key(1, kind, b"secret")
    assert key.digest(b"packet") == hashlib.new(kind.lower(), b"secretpacket").digest()
    assert key.version == 3
    assert not key.accepts(key.digest(b"packet")[:-1] + b"\0", b"packet!")


REFUSED = {
    "1 MD5 HEX:00112233": ("MD5 is refused", "forged"),
    "1 SHA1 HEX:00112233": ("SHA1 is refused", "too little"),
    "1 TIGER HEX:00112233": ("TIGER is no kind of key", "AES128"),
    "1 AES128 HEX:5ec2e7": ("wrong length", "16 octets"),
    "1 AES256 ASCII:5ec2e7": ("wrong length", "32 octets"),
    "0 SHA256 HEX:5ec2e7": ("a number from 1", ""),
    "1 SHA256 HEX:5ec2e7zz": ("cannot be read", "HEX"),
    "1 SHA256 BASE64:5ec2e7": ("cannot be read", "HEX"),
    "1 SHA256": ("this line is no key", "ID KIND"),
    "one SHA256 HEX:5ec2e7": ("this line is no key", "ID KIND"),
}


@pytest.mark.parametrize(("line", "refusal"), REFUSED.items())
def test_a_bad_line_is_refused_with_its_place_and_without_its_secret(line: str, refusal: tuple[str, str]) -> None:
    with pytest.raises(ConfigError) as caught:
        read_keys(f"# keys\n\n{line}\n", "/etc/ntp.keys")
    assert refusal[0] in str(caught.value)
    assert refusal[1] in caught.value.why
    assert "/etc/ntp.keys:3" in str(caught.value)
    assert "5ec2e7" not in str(caught.value)


def test_a_key_file_of_chrony_is_read() -> None:
    text = f"# comment\n1 AES128 HEX:{RFC_4493_KEY.hex()}\n; another\n20 SHA512 ASCII:word\n21 sha256 word\n"
    keys = read_keys(text, "ntp.keys")
    assert keys == {
        1: Key(1, "AES128", RFC_4493_KEY),
        20: Key(20, "SHA512", b"word"),
        21: Key(21, "SHA256", b"word"),
    }


def test_a_key_does_not_show_its_secret() -> None:
    assert "word" not in repr(Key(20, "SHA512", b"word"))
