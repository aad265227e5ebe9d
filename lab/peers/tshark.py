"""Wireshark's dumpcap and tshark: frames as they were on the wire, and what an independent decoder finds wrong.

What lives here: capturing in a node, dissection to plain objects, the marks tshark puts on bad frames.
What does not: our own decoder (`ptpstack.wire`).
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from lab.namespaces import Node, stop
from ptpstack.errors import PtpstackError

_READY_TIMEOUT_S = 10.0
_FILE_HEADER_OCTETS = 24


class TsharkError(PtpstackError):
    """A capture did not start, or a file cannot be read."""


class Mark(NamedTuple):
    """What tshark holds against a frame: malformed, or an expert note of any severity."""

    frame: int
    text: str


class Capture:
    """A capture of one interface of a node into a file; started when made."""

    def __init__(self, node: Node, interface: str, file: Path, capture_filter: str = "") -> None:
        self.file = file
        command = ["dumpcap", "-q", "-P", "-i", interface, "-w", str(file)]
        log = file.with_suffix(".log")
        self._process = node.start(command + (["-f", capture_filter] if capture_filter else []), log)
        deadline = time.monotonic() + _READY_TIMEOUT_S
        while not (file.exists() and file.stat().st_size >= _FILE_HEADER_OCTETS):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise TsharkError("dumpcap does not capture", where=f"{node.name} {interface}", why=log.read_text())
            time.sleep(0.05)

    def stop(self) -> Path:
        """End the capture and return its file."""
        stop([self._process])
        return self.file


class Tshark:
    """What one tshark, by its *command*, makes of captures."""

    def __init__(self, command: Sequence[str] = ("tshark",)) -> None:
        self._command = command

    def marks(self, file: Path, display_filter: str = "ptp") -> list[Mark]:
        """Return what tshark holds against the frames of *file* that pass *display_filter*."""
        fields = ["frame.number", "_ws.malformed", "_ws.expert.message"]
        wanted = f"({display_filter}) && (_ws.malformed || _ws.expert)"
        return [
            Mark(int(number), " ".join(filter(None, text)))
            for number, *text in self.field_values(file, *fields, display_filter=wanted)
        ]

    def field_values(self, file: Path, *fields: str, display_filter: str = "ptp") -> list[tuple[str, ...]]:
        """Return the values of *fields* of every frame that passes *display_filter*."""
        wanted = [part for field in fields for part in ("-e", field)]
        lines = self._read(file, "-Y", display_filter, "-T", "fields", *wanted)
        return [tuple(line.split("\t")) for line in lines.splitlines()]

    def dissect(self, file: Path, display_filter: str = "ptp") -> list[dict[str, Any]]:
        """Return the layers of every frame that passes *display_filter*, as tshark's JSON has them."""
        packets = json.loads(self._read(file, "-Y", display_filter, "-T", "json"))
        return [packet["_source"]["layers"] for packet in packets]

    def _read(self, file: Path, *arguments: str) -> str:
        command = [*self._command, "-r", str(file), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TsharkError("tshark cannot read a capture", where=str(file), why=done.stderr.strip())
        return done.stdout


_INSTALLED = Tshark()
marks, field_values, dissect = _INSTALLED.marks, _INSTALLED.field_values, _INSTALLED.dissect
