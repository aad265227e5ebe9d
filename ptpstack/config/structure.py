"""Why a table is not what its model says: every unknown key, wrong type and value out of range.

msgspec stops at its first error. This walk runs only after it refused a table, and goes on to the last.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from msgspec import Struct, inspect

from ptpstack.config.model import ALIASES, TABLES, Config, written
from ptpstack.config.problems import Path, Problem, key_of, nearest
from ptpstack.config.source import Source

Tables: TypeAlias = Mapping[str, type[Struct]]
"""The tables of a file by the headers that open them."""


def structure_problems(source: Source, model: type[Struct] = Config, tables: Tables = TABLES) -> Iterator[Problem]:
    """Yield every way in which *source* does not have the structure of *model*, which consists of *tables*."""
    yield from _Walk(source, tables).check(source.table, inspect.type_info(model), ())


class _Walk:
    """The way through all values of *source*; *tables* are for hints on where a misplaced key belongs."""

    def __init__(self, source: Source, tables: Tables) -> None:
        self._source = source
        self._tables = tables

    def check(self, value: object, kind: inspect.Type, path: Path) -> Iterator[Problem]:
        form = ""
        while isinstance(kind, inspect.Metadata):
            form, kind = (kind.extra_json_schema or {}).get("title", form), kind.type
        if isinstance(kind, inspect.StructType):
            yield from self._check_struct(value, kind, path)
        elif isinstance(kind, inspect.DictType):
            yield from self._check_names(value, kind, path)
        elif isinstance(kind, inspect.VarTupleType):
            yield from self._check_array(value, kind, path)
        elif (what_why := _leaf_problem(value, kind, str(path[-1]), form)) is not None:
            what, why = what_why
            hint = nearest(value, map(str, kind.values)) if isinstance(kind, inspect.LiteralType) else ""
            yield self._source.problem(path, what, why=why, next_step=hint)

    def _check_struct(self, value: object, kind: inspect.StructType, path: Path) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield self._source.problem(path, f"{_show(value)} is not a table")
            return
        fields = {field.name: field for field in kind.fields}
        for key, item in value.items():
            if key in fields:
                yield from self.check(item, fields[key].type, (*path, key))
            elif key in ALIASES and ALIASES[key] in fields:
                yield self._source.problem((*path, key), f"is another name of {ALIASES[key]}, which is given too")
            else:
                hint = _where_it_belongs(key, list(fields), self._tables)
                yield self._source.problem((*path, key), "unknown key", next_step=hint)
        for field in kind.fields:
            if field.required and field.name not in value:
                yield self._source.problem((*path, field.name), "is missing")

    def _check_names(self, value: object, kind: inspect.DictType, path: Path) -> Iterator[Problem]:
        if not isinstance(value, dict):
            yield self._source.problem(
                path, f"{_show(value)} is not a table", next_step=f"write [{key_of(path)}.NAME] with a name you choose"
            )
            return
        for name, item in value.items():
            if isinstance(item, dict):
                yield from self.check(item, kind.value_type, (*path, name))
            else:
                yield self._source.problem(
                    (*path, name), "is not a table", next_step=f"write [{key_of(path)}.NAME] with a name you choose"
                )

    def _check_array(self, value: object, kind: inspect.VarTupleType, path: Path) -> Iterator[Problem]:
        if isinstance(value, list | tuple):
            for index, item in enumerate(value):
                yield from self.check(item, kind.item_type, (*path, index))
        else:
            of_tables = isinstance(kind.item_type, inspect.StructType)
            what = "is not an array of tables" if of_tables else f"{_show(value)} is not an array"
            how = f"write [[{key_of(path)}]], with two brackets" if of_tables else f"write {path[-1]} = [...]"
            yield self._source.problem(path, what, next_step=how)


def _where_it_belongs(key: str, here: list[str], tables: Tables) -> str:
    snake_case = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", key).lower()
    for header, table in tables.items():
        if snake_case not in here and snake_case in table.__struct_fields__:
            return f"it belongs in {header}"
    if hint := nearest(snake_case, [*here, *(alias for alias, name in ALIASES.items() if name in here)]):
        return hint
    return f"the keys here are {', '.join(here)}"


def _leaf_problem(value: object, kind: inspect.Type, key: str, form: str) -> tuple[str, str] | None:
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
            return _text_problem(value, kind, form)
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


def _text_problem(value: object, kind: inspect.StrType, form: str) -> tuple[str, str] | None:
    if not isinstance(value, str):
        return f"{_show(value)} is not text", "write it in quotes"
    if kind.pattern is not None and not re.search(kind.pattern, value):
        return f"{_show(value)} is not of the right form", f"expected: {form}"
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
