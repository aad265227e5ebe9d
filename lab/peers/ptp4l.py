"""linuxptp's ptp4l and pmc (3.1 and newer), which never touch a clock here: every instance runs free.

What lives here: a configuration from keywords, start and stop, and what its log and pmc say.
What does not: other programs of linuxptp.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path
from typing import ClassVar, NamedTuple

from lab.namespaces import Node, stop
from ptpstack.errors import PtpstackError

_NUMBER = r"([+-]?\d+(?:\.\d+)?)"
_AT = rf"\[{_NUMBER}\]: (?:\[[^]]*\] )?"  # ptp4l[12.345]: and, from a message_tag, [tag]
_OFFSET = re.compile(rf"{_AT}\w+ offset +{_NUMBER} s(\d) freq +{_NUMBER} path delay +{_NUMBER}", re.MULTILINE)
_SUMMARY = re.compile(
    rf"{_AT}rms +{_NUMBER} max +{_NUMBER} freq +{_NUMBER} \+/- +{_NUMBER}(?: delay +{_NUMBER} \+/- +{_NUMBER})?",
    re.MULTILINE,
)
_TRANSITION = re.compile(rf"{_AT}port (\d+)(?: \(\S+\))?: (\w+) to (\w+) on (\w+)", re.MULTILINE)
_RESPONSE = re.compile(r"^\t(\S+) seq \d+ (\w+) MANAGEMENT (\w+)", re.MULTILINE)
READ_ONLY_SOCKET_SINCE = 4
_QUIET = {"use_syslog": 0, "verbose": 1, "free_running": 1, "time_stamping": "software"}


class Ptp4lError(PtpstackError):
    """ptp4l did not do what it was started for."""


class Programs(NamedTuple):
    """The commands that run one linuxptp."""

    ptp4l: tuple[str, ...] = ("ptp4l",)
    pmc: tuple[str, ...] = ("pmc",)


INSTALLED = Programs()


class Offset(NamedTuple):
    """One `master offset` line: local minus master, nanoseconds; ptp4l's clock, seconds."""

    time_s: float
    offset_ns: float
    servo_state: int
    frequency_ppb: float
    path_delay_ns: float


class Summary(NamedTuple):
    """One `rms` line over a summary interval."""

    time_s: float
    rms_ns: float
    max_ns: float
    frequency_ppb: float
    delay_ns: float | None


class Transition(NamedTuple):
    """One change of a port's state."""

    time_s: float
    port: int
    old: str
    new: str
    event: str


class Response(NamedTuple):
    """One answer that pmc shows, members by their standard names."""

    source: str
    action: str
    name: str
    members: dict[str, str]


class Ptp4l:
    """A ptp4l in a node. Options are those of its configuration file, by name."""

    programs: ClassVar[Programs] = INSTALLED

    def __init__(self, node: Node, directory: Path, *interfaces: str, **options: float | str) -> None:
        self.node, self.directory = node, directory
        self.log = directory / "ptp4l.log"
        self._socket = directory / "ptp4l.sock"
        self._domain = str(options.get("domainNumber", 0))
        self._transport_specific = str(options.get("transportSpecific", 0))
        self._process: subprocess.Popen[bytes] | None = None
        directory.mkdir(parents=True, exist_ok=True)
        settings = _QUIET | {"uds_address": str(self._socket)} | options
        if version_of(self.programs) >= READ_ONLY_SOCKET_SINCE:
            settings["uds_ro_address"] = str(directory / "ptp4lro.sock")
        lines = ["[global]", *(f"{name} {value}" for name, value in settings.items())]
        lines += [f"[{interface}]" for interface in interfaces]
        self.configuration = directory / "ptp4l.conf"
        self.configuration.write_text("\n".join(lines) + "\n")

    def ask(self, transport: str, *addresses: str, log_query_interval: int = 0) -> None:
        """Let it ask the masters at *addresses* (of *transport*, as in its file) for unicast; before it starts."""
        table = ["[unicast_master_table]", "table_id 1", f"logQueryInterval {log_query_interval}"]
        table += [f"{transport} {address}" for address in addresses]
        with self.configuration.open("a") as file:
            file.write("\n".join(["unicast_master_table 1", *table]) + "\n")

    def start(self) -> None:
        """Start it; Ptp4lError with its own words when it refuses its configuration."""
        self._process = self.node.start([*self.programs.ptp4l, "-f", str(self.configuration)], self.log)
        self.wait_for(r"INITIALIZING to \w+", 10)

    def stop(self) -> None:
        """Stop it."""
        if self._process:
            stop([self._process])

    def text(self) -> str:
        """Return all it has said."""
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_for(self, pattern: str, timeout_s: float) -> str:
        """Wait until a line of its log matches *pattern*, and return that; Ptp4lError when none does."""
        deadline = time.monotonic() + timeout_s
        while True:
            ended = self._process is None or self._process.poll() is not None
            found = re.search(pattern, self.text())
            if found:
                return found[0]
            if ended or time.monotonic() > deadline:
                why = "it ended" if ended else f"not within {timeout_s:g} s"
                raise Ptp4lError(
                    f"ptp4l never said {pattern!r}", where=self.node.name, why=f"{why}: {self.text()[-500:]}"
                )
            time.sleep(0.05)

    def offsets(self) -> list[Offset]:
        """Return the offsets it printed (with `summary_interval` shorter than the Sync interval)."""
        return parse_offsets(self.text())

    def summaries(self) -> list[Summary]:
        """Return the summaries it printed."""
        return parse_summaries(self.text())

    def transitions(self) -> list[Transition]:
        """Return every change of a port's state."""
        return parse_transitions(self.text())

    def state(self, port: int = 1) -> str:
        """Return the state *port* is in, by its log."""
        states = [transition.new for transition in self.transitions() if transition.port == port]
        return states[-1] if states else "INITIALIZING"

    def get(self, *names: str) -> dict[str, dict[str, str]]:
        """Return what pmc answers to a GET of each of *names*: members by name of the data set."""
        local = self.directory / "pmc.sock"
        local.unlink(missing_ok=True)
        command = [
            *self.programs.pmc,
            "-u",
            "-b",
            "0",
            "-d",
            self._domain,
            "-t",
            self._transport_specific,
            "-s",
            str(self._socket),
            "-i",
            str(local),
            *(f"GET {name}" for name in names),
        ]
        return {response.name: response.members for response in parse_responses(self.node.run(command))}


def parse_offsets(text: str) -> list[Offset]:
    """Return the `master offset` lines of *text*."""
    return [Offset(float(t), float(o), int(s), float(f), float(d)) for t, o, s, f, d in _OFFSET.findall(text)]


def parse_summaries(text: str) -> list[Summary]:
    """Return the `rms` lines of *text*."""
    return [
        Summary(float(at), float(rms), float(largest), float(frequency), float(delay) if delay else None)
        for at, rms, largest, frequency, _, delay, _ in _SUMMARY.findall(text)
    ]


def parse_transitions(text: str) -> list[Transition]:
    """Return the changes of state in *text*."""
    return [
        Transition(float(at), int(port), old, new, event) for at, port, old, new, event in _TRANSITION.findall(text)
    ]


def parse_responses(text: str) -> list[Response]:
    """Return the answers in what pmc printed."""
    responses = []
    heads = list(_RESPONSE.finditer(text))
    ends = [head.start() for head in heads[1:]]
    for head, end in zip(heads, [*ends, len(text)], strict=False):
        body = text[head.end() : end]
        members = (line.split(None, 1) for line in body.splitlines() if line.startswith("\t\t"))
        responses.append(Response(head[1], head[2], head[3], {name: value.strip() for name, value in members}))
    return responses


def version_of(programs: Programs = INSTALLED) -> int:
    """Return which linuxptp it is, its first number; 0 for one that does not say."""
    said = subprocess.run([*programs.ptp4l, "-v"], capture_output=True, text=True, check=False).stdout
    version = re.search(r"\d+", said)
    return int(version[0]) if version else 0
