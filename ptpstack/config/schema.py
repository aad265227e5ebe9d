"""The JSON schema of the file, for editors (``ptpstack check --schema``)."""

from __future__ import annotations

from typing import Any

import msgspec

from ptpstack.config.model import ALIASES, Config


def schema() -> dict[str, Any]:
    """Return the JSON schema (2020-12) of a configuration file, aliases of keys included."""
    made = msgspec.json.schema(Config)
    for table in made["$defs"].values():
        properties = table["properties"]
        for alias, name in ALIASES.items():
            if name in properties:
                properties[alias] = properties[name] | {"description": f"Another name of {name}."}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "ptpstack configuration", **made}
