"""Why a table is not a configuration: every unknown key, wrong type and value out of range, from the model itself.

msgspec stops at its first error. This walk runs only after it refused a table, and goes on to the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from msgspec import inspect

from ptpstack.config.model import ALIASES, TABLES, Config, written
from ptpstack.config.problems import Path, Problem, nearest
from ptpstack.config.source import Source


def structure_problems(source: Source) -> Iterator[Problem]:
    """Yield every way in which *source* does not have the structure of :class:`Config`."""
    yield from _check(source.table, inspect.type_info(Config), (), source)


def _check(value: object, kind: inspect.Type, path: Path, source: Source) -> Iterator[Problem]:
    while isinstance(kind, inspect.Metadata):
        kind = kind.type
    if isinstance(kind, inspect.StructType):
        yield from _check_struct(value, kind, path, source)
    elif isinstance(kind, inspect.DictType):
        yield from _check_names(value, kind, path, source)
    elif isinstance(kind, inspect.VarTupleType):
        yield from _check_array(value, kind, path, source)
    elif (what_why := _leaf_problem(value, kind, str(path[-1]))) is not None:
        what, why = what_why
        hint = nearest(value, map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ""
        yield source.problem(path, what, why=why, next_step=hint)


def _check_struct(value: object, kind: inspect.StructType, path: Path, source: Source) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield source.problem(path, f"{_show(value)} is not a table")
        return
    fields = {field.name: field for field in kind.fields}
    for key, item in value.items():
        if key in fields:
            yield from _check(item, fields[key].type, (*path, key), source)
        elif key in ALIASES and ALIASES[key] in fields:
            yield source.problem((*path, key), f"is another name of {ALIASES[key]}, which is given too")
        else:
            yield source.problem((*path, key), "unknown key", next_step=_where_it_belongs(key, list(fields)))
    for field in kind.fields:
        if field.required and field.name not in value:
            yield source.problem((*path, field.name), "is missing")


def _check_names(value: object, kind: inspect.DictType, path: Path, source: Source) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield source.problem(
            path, f"{_show(value)} is not a table", next_step=f"write [{path[-1]}.NAME] with a name you choose"
        )
        return
    for name, item in value.items():
        if isinstance(item, dict):
            yield from _check(item, kind.value_type, (*path, name), source)
        else:
            yield source.problem(
                (*path, name), "is not a table", next_step=f"write [{path[-1]}.NAME] with a name you choose"
            )


def _check_array(value: object, kind: inspect.VarTupleType, path: Path, source: Source) -> Iterator[Problem]:
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _check(item, kind.item_type, (*path, index), source)
    else:
        header = ".".join(map(str, path))
        yield source.problem(path, "is not an array of tables", next_step=f"write [[{header}]], with two brackets")


def _where_it_belongs(key: str, here: list[str]) -> str:
    snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    for header, table in TABLES.items():
        if snake_case not in here and snake_case in table.__struct_fields__:
            return f"it belongs in {header}"
    if hint := nearest(snake_case, [*here, *(alias for alias, name in ALIASES.items() if name in here)]):
        return hint
    return f"the keys here are {', '.join(here)}"


def _leaf_problem(value: object, kind: inspect.Type, key: str) -> tuple[str, str] | None:
    """Return what is wrong with a plain value, and what is allowed; ``None`` if nothing."""
    match kind:
        case inspect.LiteralType():
            allowed = ", ".join(map(str, kind.values))
            return None if value in kind.values else (f"{_show(value)} is not a choice", f"choices: {allowed}")
        case inspect.BoolType():
            return None if isinstance(value, bool) else (f"{_show(value)} is not a boolean", "allowed: true, false")
        case inspect.IntType() | inspect.FloatType():
            return _number_problem(value, kind, key)
        case inspect.StrType():
            return _text_problem(value, kind)
    return None


def _number_problem(value: object, kind: inspect.IntType | inspect.FloatType, key: str) -> tuple[str, str] | None:
    noun, types = ("an integer", (int,)) if isinstance(kind, inspect.IntType) else ("a number", (int, float))
    if not isinstance(value, types) or isinstance(value, bool):
        return f"{_show(value)} is not {noun}", f"allowed: {_range_of(kind, key)}"
    high_enough = (kind.ge is None or value >= kind.ge) and (kind.gt is None or value > kind.gt)
    if not high_enough or not (kind.le is None or value <= kind.le):  # so put, NaN is outside
        return f"{written(key, value)} is out of range", f"allowed: {_range_of(kind, key)}"
    return None


def _range_of(kind: inspect.IntType | inspect.FloatType, key: str) -> str:
    low = written(key, kind.ge) if kind.ge is not None else f"above {kind.gt}"
    return f"{low} to {written(key, kind.le)}" if kind.le is not None else f"{low} or more"


def _text_problem(value: object, kind: inspect.StrType) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return f"{_show(value)} is not text", "write it in quotes"
    if kind.pattern is not None and not re.search(kind.pattern, value):
        return f"{_show(value)} is not of the right form", "expected: eight octets such as 001b19.fffe.000001"
    if len(value) < (kind.min_length or 0):
        return "is empty", ""
    if kind.max_length is not None and len(value) > kind.max_length:
        return f"{_show(value)} is too long", f"allowed: {kind.max_length} characters"
    return None


def _show(value: Any) -> str:  # noqa: ANN401 (any TOML value)
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case dict():
            return "a table"
        case list():
            return "an array"
    return str(value)
