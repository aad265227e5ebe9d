"""Make docs/config.md from the model and the profiles: ``python -m ptpstack.config.docs docs/config.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET

from profiles.loader import PARTS, Profile, load_profile, profile_names
from ptpstack.config.fill import fill_instance
from ptpstack.config.instance_table import Instance
from ptpstack.config.model import ALIASES, TABLES, written
from ptpstack.config.port_table import Port

INTRODUCTION = """\
# The configuration file

Made from `ptpstack/config/model.py` and `profiles/*.toml` by `python -m ptpstack.config.docs docs/config.md`.

One TOML file. An ordinary clock needs four lines:

```toml
[instance.main]

[[instance.main.port]]
interface = "eth0"
```

The same daemon keeps the system clock on the one that PTP steers, and lets a GNSS receiver's PPS make a grandmaster
of class 6:

```toml
[clock.system]
type = "system"
follows = "auto"

[source.gnss]
type = "pps"
clock = "/dev/ptp0"
pin = "SDP0"
time_of_day = "nmea"
serial_port = "/dev/ttyS0"
```

`ptpstack check FILE` lists everything that is wrong with a file, `ptpstack check FILE --show` every value that
holds and who decided it, and `ptpstack check --schema` prints a JSON schema for editors.
"""


def document() -> str:
    """Return the text of docs/config.md."""
    parts = [INTRODUCTION]
    for header, table in TABLES.items():
        summary = " ".join((table.__doc__ or "").split())
        parts.append(f"## `{header}`\n\n{summary}\n\n" + _markdown(_key_rows(table)))
    aliases = ", ".join(f"`{alias}` for `{name}`" for alias, name in ALIASES.items())
    parts.append(f"Also accepted: {aliases}.\n")
    parts.append("## Profiles\n")
    parts += [_profile(load_profile(name)) for name in profile_names()]
    return "\n".join(parts)


def _key_rows(table: type[msgspec.Struct]) -> Iterator[tuple[str, ...]]:
    yield "key", "allowed", "default", "meaning"
    made = msgspec.json.schema(table)["$defs"][table.__name__]
    for name, facts in made["properties"].items():
        if "$ref" in facts or (facts.get("type") == "array" and "$ref" in facts["items"]):
            continue  # a table of its own
        if not facts.keys() & {"type", "enum"}:
            continue  # so is this
        yield f"`{name}`", _allowed(name, facts), _default(name, facts, made["required"]), facts["description"]


def _allowed(name: str, facts: dict[str, Any]) -> str:
    match facts:
        case {"enum": choices}:
            return ", ".join(f"`{choice}`" for choice in choices)
        case {"type": "boolean"}:
            return "`true`, `false`"
        case {"type": "array"}:
            return "a list of text"
        case {"type": "string", "maxLength": length}:
            return f"text, at most {length} characters"
        case {"type": "string"}:
            return "text"
    low = written(name, facts["minimum"]) if "minimum" in facts else f"above {facts['exclusiveMinimum']}"
    return f"{low} to {written(name, facts['maximum'])}" if "maximum" in facts else f"{low} or more"


def _default(name: str, facts: dict[str, Any], required: list[str]) -> str:
    if name in required:
        return "(required)"
    if "default" in facts:
        return f"`{written(name, facts['default'])}`"
    for profile in map(load_profile, profile_names()):
        instance = fill_instance(Instance(profile=profile.ident, port=(Port(interface="eth0"),)))
        for table in (instance, *instance.port):
            if (value := getattr(table, name, UNSET)) is not UNSET:
                return f"`{written(name, value)}`" + f" by {profile.ident}" * profile.decides(name)
    return ""


def _profile(profile: Profile) -> str:
    lines = [
        f"### `{profile.ident}`",
        "",
        f"{profile.title} ({profile.reference}), profileIdentifier {profile.profile_identifier or 'not known'},",
        f"sdoId 0x{profile.sdo_id:03X}, BMCA {profile.bmca}, delay mechanism {' or '.join(profile.delay_mechanisms)},",
        f"transports {', '.join(profile.transports)}.",
        "",
    ]
    if profile.interval_tolerance_percent:
        below, above = profile.interval_tolerance_percent
        doubt = " (unverified)" if profile.is_unverified("interval_tolerance_percent", "default") else ""
        lines[-1:] = [f"Intervals and timeouts of others may be off by {below} to +{above} %{doubt}.", ""]
    rows = [("attribute", "default", "range", "unverified")]
    for name, attribute in profile.attributes.items():
        doubts = [part for part in PARTS if profile.is_unverified(name, part)]
        rows.append((f"`{name}`", str(attribute.default), f"{attribute.min} to {attribute.max}", ", ".join(doubts)))
    parts = ["\n".join(lines), _markdown(rows)]
    if profile.clock_quality:
        parts += [
            "What a clock announces as a grandmaster, by the first row that fits:\n",
            _markdown(_quality_rows(profile)),
        ]
    return "\n".join(parts)


def _quality_rows(profile: Profile) -> Iterator[tuple[str, ...]]:
    yield "state", "reference", "frequency", "clockClass", "accuracy", "variance", "unverified"
    for row in profile.clock_quality:
        words = (" or ".join(names).replace("_", " ") or "any" for names in (row.state, row.reference, row.frequency))
        clock_class = "configured" if row.clock_class is None else str(row.clock_class)
        quality = (row.clock_accuracy, row.offset_scaled_log_variance)
        shown = (f"0x{code:02X}" if isinstance(code, int) else str(code) for code in quality)
        yield *words, clock_class, *shown, "partly" if row.unverified else ""


def _markdown(rows: Iterable[tuple[str, ...]]) -> str:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * (head.count("|") - 1), *body, ""])


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/config.md").write_text(document(), encoding="utf-8")
