"""What a fault does to the messages of a clock on their way in or out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeAlias

from msgspec.structs import replace

from ptpstack.wire.message import Message
from ptpstack.wire.messages import Announce

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
