"""What a fault does to the messages of a clock on their way in or out."""

import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from msgspec.structs import replace

from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce
from ptpstack.wire.types import PortIdentity

Change: TypeAlias = Callable[[Message], Iterable[Message]]


def changed(kind: type[Message], when: Callable[[Any], bool] = lambda _m: True, **fields: Any) -> Change:
    """Messages of a kind get other fields; a field may be made of the message by a function."""

    def change(message: Message) -> Iterator[Message]:
        if isinstance(message, kind) and when(message):
            made = {name: value(message) if callable(value) else value for name, value in fields.items()}
            message = replace(message, **made)
        yield message

    return change


def dropped(kind: type[Message], when: Callable[[Any], bool] = lambda _m: True) -> Change:
    return lambda message: () if isinstance(message, kind) and when(message) else (message,)


def only_the_first(kind: type[Message], number: int) -> Change:
    seen: Counter[type[Message]] = Counter()

    def change(message: Message) -> Iterable[Message]:
        seen[type(message)] += 1
        return () if isinstance(message, kind) and seen[kind] > number else (message,)

    return change


def doubled(message: Message) -> Iterator[Message]:
    """Each Announce counts twice."""
    if isinstance(message, Announce):
        yield replace(message, sequence_id=2 * message.sequence_id)
        yield replace(message, sequence_id=2 * message.sequence_id + 1)
    else:
        yield message


def beside(kind: type[Message], another: Callable[[Any], Message]) -> Change:
    return lambda message: (message, another(message)) if isinstance(message, kind) else (message,)


def numbered(make: Callable[[int], Message]) -> Callable[[Any], Message]:
    count = iter(range(1 << 16))
    return lambda _message: make(next(count))


def every_second(kind: type[Message]) -> Change:
    return dropped(kind, lambda message: message.sequence_id % 2)


def thrice(kind: type[Message]) -> Change:
    return lambda message: (message,) * (3 if isinstance(message, kind) else 1)


def every(kind: type[Message], number: int, when: Callable[[Any], bool] = lambda _m: True) -> Change:
    """Of the messages of a kind the first goes on, and after it each of that *number*."""
    count = itertools.count()
    return dropped(kind, lambda message: when(message) and next(count) % number)


def of_the_first_senders(kind: type[Message], number: int) -> Change:
    """Messages of a kind are heard of so many senders: those that came first."""
    senders: set[PortIdentity] = set()

    def change(message: Message) -> Iterable[Message]:
        if isinstance(message, kind) and (len(senders) < number):
            senders.add(message.source_port_identity)
        return () if isinstance(message, kind) and message.source_port_identity not in senders else (message,)

    return change


def twice(kind: type[Message]) -> Change:
    return beside(kind, lambda message: message)
