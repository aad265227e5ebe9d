"""How events look: each module turns records into lines of one format."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ptpstack.events import Severity
from ptpstack.observe.recorder import Record


def make_format(name: str, level: str, interfaces: Mapping[tuple[str, int], str]) -> Callable[[Record], Iterable[str]]:
    """Return the format called *name* (``text``, ``json``, ``linuxptp``) for events of at least severity *level*.

    *interfaces* names each port by (instance, port number).
    """
    severity = Severity[level.upper()]
    if name == "json":
        from ptpstack.observe.formats.json_lines import JsonFormat  # noqa: PLC0415 (only what is used is loaded)

        return JsonFormat(severity)
    if name == "linuxptp":
        from ptpstack.observe.formats.linuxptp import LinuxptpFormat  # noqa: PLC0415 (as above)

        return LinuxptpFormat(interfaces)
    from ptpstack.observe.formats.text import TextFormat  # noqa: PLC0415 (as above)

    return TextFormat(severity=severity)
