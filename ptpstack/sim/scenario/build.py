"""From a checked scenario to a world whose timeline is set: the same scenario and seed give the same run."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache, partial
from random import Random
from typing import Any

import msgspec
from msgspec import UNSET

from ptpstack.arbiter.arbiter_settings import arbiter_settings
from ptpstack.arbiter.holdover_worth import holdover_settings
from ptpstack.config.model import Config
from ptpstack.config.resolve import ResolvedInstance, resolve
from ptpstack.config.rules import is_transparent, steers
from ptpstack.config.servo_settings import servo_settings, step_threshold
from ptpstack.config.servo_table import Servo as ServoTable
from ptpstack.engine.events import PortStateChanged
from ptpstack.engine.port_state import PortState
from ptpstack.servo.events import ClockStepped, ServoStateChanged
from ptpstack.servo.interface import Servo, ServoState
from ptpstack.servo.registry import make_filter, make_servo
from ptpstack.sim.gptp import add_resolved
from ptpstack.sim.host import Host, SampleListener
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.oscillator import MODELS, OscillatorModel
from ptpstack.sim.scenario.model import At, Conditions, Oscillator, Scenario, Stamping, seconds_of
from ptpstack.sim.scenario.model import Host as HostTable
from ptpstack.sim.scenario.topology import host_names, instances_of, ports_of, wires
from ptpstack.sim.stamping import Stamping as StampingFaults
from ptpstack.sim.transparent import add_transparent_clock
from ptpstack.sim.world import Recorded, World
from ptpstack.time import interval_from_ns, interval_from_seconds

PERFECT = OscillatorModel()


class Site:
    """What a scenario and a *seed* come to: a started ``world``, and its hosts and links by the scenario's names."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        *,
        on_event: Callable[[Recorded], None] | None = None,
        on_sample: SampleListener | None = None,
    ) -> None:
        self.scenario = scenario
        self.world = World(seed, on_event=self._take, on_sample=on_sample, keep_measurements=False)
        self.locked_at_s: dict[str, float] = {}
        """When each servo was locked first, true time."""
        self.steps: Counter[str] = Counter()
        """How often each clock was stepped by its servo."""
        self.masters: set[str] = set()
        """The hosts that were ever a master on a port."""
        self._on_event = on_event
        self.templates: dict[str, str] = {}
        """The NAME of ``[host.NAME]`` by host."""
        self.steered: list[Host] = []
        """The hosts whose clock a servo steers."""
        self._links: defaultdict[str, list[Link]] = defaultdict(list)
        self._seed = seed
        self._wires = wires(scenario)
        self._ports = ports_of(scenario)
        self._resolved = cache(self._resolve)
        for template in scenario.host:
            for name in host_names(scenario, template):
                self._add_host(name, template)
        for wire in self._wires:
            ends = [self.world.hosts[name].port(number) for name, number in wire.ends]
            link = self.world.connect(*ends, conditions=conditions(wire.table))
            for word in {wire.name, wire.group} - {""}:
                self._links[word].append(link)
        for at in sorted(scenario.at, key=lambda at: seconds_of(at.time)):
            self._schedule(at)
        self.world.start()

    # -- hosts -----------------------------------------------------------------------------------------

    def _add_host(self, name: str, template: str) -> None:
        table = self.scenario.host[template]
        oscillator = self.scenario.oscillator if table.oscillator is UNSET else table.oscillator
        stamping = self.scenario.stamping if table.stamping is UNSET else table.stamping
        servo = self.scenario.servo if table.servo is UNSET else table.servo
        holdover = self.scenario.holdover if table.holdover is UNSET else table.holdover
        arbiter = self.scenario.arbiter if table.arbiter is UNSET else table.arbiter
        own = Random(f"{self._seed} {name} itself")  # noqa: S311 (repeatable by seed, no secret)
        resolved = self._resolved(template, self._ports.get(name, 1))
        steering = [instance for instance in resolved if steers(instance.values)]
        host = self.world.add_host(
            name,
            frequency_error_ppb=oscillator.frequency_error_ppb + _spread(own, oscillator.frequency_spread_ppb),
            model=oscillator_model(oscillator),
            temperature_steps=self._changes({name, template}, "temperature_change_k"),
            frequency_steps=self._changes({name, template}, "frequency_change_ppb"),
            offset_ns=table.start_offset_ns + _spread(own, table.start_offset_spread_ns),
            servo=_make_servo(servo, table, resolved) if steering else None,
            holdover=holdover_settings(holdover, [instance.profile for instance in steering]),
            step_threshold=step_threshold(
                servo, [instance.profile for instance in steering], hardware_timestamping=not _software(resolved)
            ),
            arbiter=arbiter_settings(arbiter, servo.first_step_threshold_ns),
            clock_domains=[instance.values.domain_number or 0 for instance in steering],
            stamping=stamping_faults(stamping),
            monotonic_error_ppb=table.monotonic_error_ppb,
        )
        self.templates[name] = template
        if steering:
            self.steered.append(host)
        self._add_instances(host, servo)

    def _add_instances(self, host: Host, servo: ServoTable) -> None:
        delay_filter = partial(make_filter, servo.delay_filter, servo.delay_filter_length)
        resolved = self._resolved(self.templates[host.name], self._ports.get(host.name, 1))
        add_resolved(host, [instance for instance in resolved if instance.is_gptp], delay_filter=delay_filter)
        for instance in resolved:
            if instance.is_gptp:
                continue
            settings = instance.instance_settings(host.clock_identity)
            ports = [port.settings for port in instance.ports]
            if is_transparent(instance.values):
                add_transparent_clock(host, settings, ports, delay_filter=delay_filter)
            else:
                host.add_instance(settings, ports, delay_filter=delay_filter, profile=instance.profile)

    def _resolve(self, template: str, ports: int) -> list[ResolvedInstance]:
        return resolve(Config(instance={**instances_of(self.scenario, template, ports)}))

    def _changes(self, names: set[str], key: str) -> list[tuple[float, float]]:
        """Return when and by how much *key* changes for a host of these *names*."""
        changes = [at for at in self.scenario.at if at.host in names and getattr(at, key) is not UNSET]
        return [(seconds_of(at.time), getattr(at, key)) for at in changes]

    def _take(self, recorded: Recorded) -> None:
        match recorded.event:
            case ServoStateChanged(state=ServoState.LOCKED | ServoState.LOCKED_STABLE):
                self.locked_at_s.setdefault(recorded.host, recorded.time_s)
            case PortStateChanged(new_state=PortState.MASTER):
                self.masters.add(recorded.host)
            case ClockStepped():
                self.steps[recorded.host] += 1
        if self._on_event is not None:
            self._on_event(recorded)

    # -- the timeline ----------------------------------------------------------------------------------

    def _schedule(self, at: At) -> None:
        when = interval_from_seconds(seconds_of(at.time))
        for link in self._links.get(at.link, ()):
            self.world.scheduler.at(when, _change_link, link, at)
        for name in host_names(self.scenario, at.host) if at.host else ():
            self.world.scheduler.at(when, self._change_host, self.world.hosts[name], at)

    def _change_host(self, host: Host, at: At) -> None:
        if at.running is False:
            host.stop()
        elif at.running is True and not host.instances:
            table = self.scenario.host[self.templates[host.name]]
            self._add_instances(host, self.scenario.servo if table.servo is UNSET else table.servo)
            host.start()
        if at.clock_step_ns is not UNSET:
            host.clock.step(interval_from_ns(at.clock_step_ns), self.world.scheduler.now)


def _change_link(link: Link, at: At) -> None:
    link.conditions = conditions(at, link.conditions)
    if at.up is not UNSET:
        link.set_up(at.up)


def conditions(table: Conditions, before: LinkConditions | None = None) -> LinkConditions:
    """Return what *table* says of a link, and of what it leaves open what was *before*."""
    return replace(before or LinkConditions(), **_given(table, LinkConditions))


def oscillator_model(table: Oscillator) -> OscillatorModel:
    """Return the preset with the numbers given anew."""
    return replace(MODELS.get(table.preset, PERFECT), **_given(table, OscillatorModel))


def stamping_faults(table: Stamping) -> StampingFaults:
    """Return what the table says in the simulator's own class."""
    return StampingFaults(**msgspec.structs.asdict(table))


def _given(table: msgspec.Struct, target: type[Any]) -> dict[str, Any]:
    return {field.name: value for field in fields(target) if (value := getattr(table, field.name, UNSET)) is not UNSET}


def _software(resolved: list[ResolvedInstance]) -> bool:
    """Whether any port is stamped by the kernel."""
    return any(port.timestamping == "software" for instance in resolved for port in instance.ports)


def _make_servo(table: ServoTable, host: HostTable, resolved: list[ResolvedInstance]) -> Servo:
    settings = servo_settings(
        table,
        max_frequency_ppb=host.max_frequency_ppb,
        hardware_timestamping=not _software(resolved),
        followed=[instance.profile for instance in resolved if steers(instance.values)],
    )
    return make_servo(table.type, settings, packet_selection=table.packet_selection)


def _spread(random: Random, half_width: float) -> float:
    return random.uniform(-half_width, half_width)
