"""Every value that holds, and who decided it: what ``ptpstack check --show`` prints."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from profiles.loader import Profile, load_profile
from ptpstack.config.fill import fill
from ptpstack.config.model import Config
from ptpstack.config.problems import Path, key_of
from ptpstack.config.source import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Effective:
    """One value. ``unverified`` tells what of the profile's data could not be confirmed, or is empty."""

    key: str
    value: str | float
    origin: str
    line: int | None = None
    unverified: str = ""


def effective(config: Config, source: Source) -> list[Effective]:
    """Return every value of *config* as it was loaded from *source*, in the order of the model."""
    values = msgspec.to_builtins(fill(config))
    return [_effective(path, value, config, source) for path, value in _leaves((), values)]


def _leaves(path: Path, value: Any) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 (a tree of TOML values)
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _leaves((*path, name), item)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from _leaves((*path, index), item)
    else:
        yield path, value


def _effective(path: Path, value: str | float, config: Config, source: Source) -> Effective:
    name = str(path[-1])
    profile = load_profile(config.instance[str(path[1])].profile) if path[0] == "instance" else None
    if source.gives(path):
        line = source.line_of(path)
        unverified = _unverified_range(profile, name)
        return Effective(key=key_of(path), value=value, origin=source.origin, line=line, unverified=unverified)
    if profile and (profile.decides(name) or path[2:] == ("signal_fail", "enabled")):
        unverified = "default" if profile.is_unverified(name, "default") else _unverified_range(profile, name)
        return Effective(key=key_of(path), value=value, origin=f"profile {profile.ident}", unverified=unverified)
    return Effective(key=key_of(path), value=value, origin="default")


def _unverified_range(profile: Profile | None, name: str) -> str:
    if profile is None or not profile.is_unverified(name, "range"):
        return ""
    attribute = profile.attributes.get(name)  # type: ignore[call-overload]
    return f"range {attribute.min} to {attribute.max}" if attribute else "range"
