"""Names are looked up beside the loop; what is an address already needs no looking up."""

from __future__ import annotations

import ctypes
import select
import socket
import threading

import pytest

from ntp.resolver import STACK_OCTETS, Resolved, Resolver, literal, look_up
from ntp.transport import Address

ONE, OTHER = Address(socket.AF_INET, ("192.0.2.1", 123)), Address(socket.AF_INET, ("192.0.2.2", 123))


def answers(resolver: Resolver) -> list[Resolved]:
    poll = select.poll()
    poll.register(resolver.fileno(), select.POLLIN)
    assert poll.poll(10_000)
    return resolver.results()


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.1", ONE),
        ("2001:db8::1", Address(socket.AF_INET6, ("2001:db8::1", 123, 0, 0))),
        ("ntp.example", None),
        ("1.2.3", None),
    ],
)
def test_an_address_is_known_as_such(text: str, address: Address | None) -> None:
    assert literal(text, 123) == address


def test_an_answer_comes_through_the_descriptor() -> None:
    resolver = Resolver(lambda _name, _port, _family: [ONE, OTHER])
    resolver.ask("ntp.example", 123)
    assert answers(resolver) == [Resolved("ntp.example", (ONE, OTHER))]
    assert resolver.results() == []
    resolver.close()


def test_an_address_is_answered_without_a_look_up() -> None:
    def never(_name: str, _port: int, _family: int) -> list[Address]:
        raise AssertionError("it was looked up")

    resolver = Resolver(never)
    resolver.ask("192.0.2.1", 123)
    assert answers(resolver) == [Resolved("192.0.2.1", (ONE,))]
    resolver.close()


def test_a_failure_says_why() -> None:
    def fails(_name: str, _port: int, _family: int) -> list[Address]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    resolver = Resolver(fails)
    resolver.ask("ntp.example", 123)
    assert answers(resolver) == [Resolved("ntp.example", (), "Temporary failure in name resolution")]
    resolver.close()


@pytest.mark.parametrize("name", ["ntp..example", "a" * 64 + ".example", "."])
def test_what_no_name_can_be_is_answered_too(name: str) -> None:
    resolver = Resolver()
    resolver.ask(name, 123)
    (answer,) = answers(resolver)
    assert answer.addresses == ()
    assert "no name of a host" in answer.reason
    resolver.close()


def stack_octets() -> int:
    """Return how large the stack of this thread is."""
    libc, attributes, size = ctypes.CDLL(None), ctypes.create_string_buffer(256), ctypes.c_size_t()
    libc.pthread_self.restype = ctypes.c_void_p
    assert not libc.pthread_getattr_np(ctypes.c_void_p(libc.pthread_self()), attributes)
    assert not libc.pthread_attr_getstacksize(attributes, ctypes.byref(size))
    libc.pthread_attr_destroy(attributes)
    return size.value


def test_a_look_up_takes_little_memory_of_a_process_that_locks_it() -> None:
    sizes: list[int] = []

    def look(_name: str, _port: int, _family: int) -> list[Address]:
        sizes.append(stack_octets())
        return [ONE]

    before = threading.stack_size()
    resolver = Resolver(look)
    resolver.ask("ntp.example", 123)
    assert answers(resolver)
    resolver.close()
    assert sizes[0] <= STACK_OCTETS + 65_536
    assert threading.stack_size() == before


def test_where_no_thread_can_be_had_that_is_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    resolver = Resolver()
    resolver.ask("ntp.example", 123)
    assert answers(resolver) == [Resolved("ntp.example", (), "can't start new thread")]
    resolver.close()


def test_an_answer_that_comes_too_late_is_dropped() -> None:
    let_go, gone = threading.Event(), threading.Event()

    def slow(_name: str, _port: int, _family: int) -> list[Address]:
        let_go.wait(10)
        gone.set()
        return [ONE]

    resolver = Resolver(slow)
    resolver.ask("ntp.example", 123)
    resolver.close()
    let_go.set()
    assert gone.wait(10)


def test_the_system_s_resolver_knows_localhost() -> None:
    assert look_up("localhost", 123, socket.AF_INET) == [Address(socket.AF_INET, ("127.0.0.1", 123))]
