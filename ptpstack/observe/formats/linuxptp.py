"""Lines as ptp4l and phc2sys 4.x print them, byte for byte, for the scripts and exporters that read those.

What ptp4l has no line for is left out: the other formats say it. ptp4l's ``freq`` is its servo's output,
the negative of what the clock is set to.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ptpstack.core.events import BestMasterSelected, ForeignMasterSeen, PortStateChanged
from ptpstack.core.port_states import PortEvent
from ptpstack.engine.port_state import PortState
from ptpstack.events import Event
from ptpstack.observe.events import OffsetSample
from ptpstack.observe.recorder import Record
from ptpstack.observe.statistics import SampleSummary
from ptpstack.time import MILLISECOND

_EVENT_NAMES = {
    PortEvent.INITIALIZATION_COMPLETE: "INIT_COMPLETE",
    PortEvent.RS_SLAVE_NEW_MASTER: "RS_SLAVE",
}

_MASTER_STATES = (PortState.PRE_MASTER, PortState.MASTER)


def is_comparison(event: Event) -> bool:
    """Whether no port measured: phc2sys would have compared two clocks of the host."""
    return isinstance(event, OffsetSample) and event.port_number == 0


class LinuxptpFormat:
    """Call it with records; it returns ptp4l's lines.

    *interfaces* names each port by (instance, port number). *summary_interval* is the logarithm to the base 2 of
    the seconds that one ``rms`` line covers; where a Sync comes no more often, each gets a ``master offset`` line.
    *message_tag* is ptp4l's option of that name; with several instances each one's name is its tag.
    """

    def __init__(
        self, interfaces: Mapping[tuple[str, int], str], *, summary_interval: int = 0, message_tag: str = ""
    ) -> None:
        self._interfaces = interfaces
        self._summary_interval = summary_interval
        self._message_tag = message_tag
        self._several = len({instance for instance, _ in interfaces}) > 1
        self._summaries: dict[str, SampleSummary] = {}
        self._own_grandmaster: set[str] = set()
        self._master_ports: dict[str, set[int]] = {}

    def __call__(self, record: Record) -> Iterator[str]:
        """Yield the lines that follow from *record*."""
        tag = self._message_tag or (record.instance if self._several else "")
        seconds, milliseconds = divmod(int(record.monotonic) // MILLISECOND, 1000)
        program = "phc2sys" if is_comparison(record.event) else "ptp4l"
        prefix = f"{program}[{seconds}.{milliseconds:03}]: {f'[{tag}] ' if tag else ''}"
        for sentence in self._sentences(record.instance, record.event):
            yield prefix + sentence

    def _sentences(self, instance: str, event: Event) -> Iterator[str]:
        match event:
            case OffsetSample():
                yield from self._sample(instance, event)
            case PortStateChanged():
                yield from self._port_state(instance, event)
            case BestMasterSelected():
                yield from self._best_master(instance, event)
            case ForeignMasterSeen():
                yield f"{self._port(instance, event.port_number)}: new foreign master {event.port_identity}"

    def _port_state(self, instance: str, event: PortStateChanged) -> Iterator[str]:
        port = self._port(instance, event.port_number)
        cause = _EVENT_NAMES.get(event.cause, event.cause.name)
        yield f"{port}: {event.old_state.name} to {event.new_state.name} on {cause}"
        masters = self._master_ports.setdefault(instance, set())
        if event.new_state not in _MASTER_STATES:
            masters.discard(event.port_number)
        elif event.port_number not in masters:
            masters.add(event.port_number)
            if instance in self._own_grandmaster:
                yield f"{port}: assuming the grand master role"

    def _best_master(self, instance: str, event: BestMasterSelected) -> Iterator[str]:
        if event.parent_port_identity is not None:
            self._own_grandmaster.discard(instance)
            yield f"selected best master clock {event.grandmaster_identity}"
            return
        yield f"selected local clock {event.grandmaster_identity} as best master"
        if instance not in self._own_grandmaster:
            self._own_grandmaster.add(instance)
            for number in sorted(self._master_ports.get(instance, ())):
                yield f"{self._port(instance, number)}: assuming the grand master role"

    def _port(self, instance: str, number: int) -> str:
        interface = self._interfaces.get((instance, number))
        return f"port {number} ({interface})" if interface else f"port {number}"

    def _sample(self, instance: str, sample: OffsetSample) -> Iterator[str]:
        if is_comparison(sample):
            yield (
                f"{sample.clock} phc offset {round(sample.offset_ns):9d} s{sample.state:d} "
                f"freq {-sample.frequency_ppb:+7.0f} delay {round(2 * sample.mean_delay_ns):6d}"
            )
            return
        samples_a_line = 1 << max(0, self._summary_interval - sample.log_sync_interval)
        adjustment_ppb = -sample.frequency_ppb
        if samples_a_line == 1:
            self._summaries.pop(instance, None)
            yield (
                f"master offset {round(sample.offset_ns):10d} s{sample.state:d} freq {adjustment_ppb:+7.0f} "
                f"path delay {round(sample.mean_delay_ns):9d}"
            )
            return
        summary = self._summaries.setdefault(instance, SampleSummary.empty())
        summary.add(sample)
        if summary.offset.count < samples_a_line:
            return
        del self._summaries[instance]
        offset, frequency, delay = summary.offset, summary.frequency, summary.delay
        yield (
            f"rms {offset.rms:4.0f} max {offset.max_abs:4.0f} "
            f"freq {-frequency.mean:+6.0f} +/- {frequency.standard_deviation:3.0f} "
            f"delay {delay.mean:5.0f} +/- {delay.standard_deviation:3.0f}"
        )
