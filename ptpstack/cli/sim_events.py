"""The event log of a simulated world, line by line as the daemon's event file has it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from ptpstack.arbiter.outputs import Sampled
from ptpstack.errors import PtpstackError
from ptpstack.events import Event
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.formats.json_lines import JsonFormat
from ptpstack.observe.recorder import Record
from ptpstack.sim.host import Host
from ptpstack.sim.oscillator import EPOCH
from ptpstack.sim.world import Recorded
from ptpstack.time import MonotonicTime, PtpTime, TimeInterval, interval_from_seconds, utc_from_ptp

TAI_MINUS_UTC_S = 37


class LogError(PtpstackError):
    """A log that cannot be written."""


@contextmanager
def open_for_writing(path: str) -> Iterator[TextIO]:
    """Open *path*; raises :class:`LogError`."""
    try:
        with Path(path).open("w", encoding="utf-8") as file:
            yield file
    except OSError as error:
        raise LogError("cannot be written", where=path, why=error.strerror or str(error)) from error


class EventLog:
    """Writes every event, and a sample for every measurement, to *file*, with the host as the instance and the clock.

    Both clocks of a record tell the truth.
    """

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._format = JsonFormat()
        self._sequence = 0

    def on_event(self, recorded: Recorded) -> None:
        """Write an event."""
        self._write(interval_from_seconds(recorded.time_s), recorded.host, recorded.event)

    def on_sample(self, host: Host, sampled: Sampled) -> None:
        """Write a measurement and what the clock was told."""
        sample = OffsetSample.of(sampled, host.name, host.clock.frequency_ppb)
        self._write(host.true_time, host.name, sample)

    def _write(self, true: TimeInterval, host: str, event: Event) -> None:
        self._sequence += 1
        utc = utc_from_ptp(PtpTime(int(EPOCH) + true), TAI_MINUS_UTC_S)
        record = Record(self._sequence, MonotonicTime(true), utc, host, event)
        for line in self._format(record):
            self._file.write(line + "\n")
