"""gPTP systems in virtual time: end stations and relays in a row, each with a clock that runs free and wrong."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from ptpstack.gptp.instance import GptpInstance
from ptpstack.gptp.port import GptpPort
from ptpstack.gptp.settings import GptpPortSettings, GptpSettings, LinkSettings
from ptpstack.servo.interface import Servo
from ptpstack.servo.pi import PiServo
from ptpstack.sim.gptp import add_gptp_instance
from ptpstack.sim.host import Host
from ptpstack.sim.network import Link, LinkConditions
from ptpstack.sim.stamping import Stamping
from ptpstack.sim.world import World

JITTER = Stamping(jitter_ns=20.0)
CABLE = LinkConditions(delay_ns=300.0)
PPM = 1000.0
"""In ppb."""


def port(number: int = 1, *, link: dict[str, Any] | None = None, **settings: Any) -> GptpPortSettings:
    return GptpPortSettings(link=LinkSettings(port_number=number, **(link or {})), **settings)


def add_system(
    world: World,
    name: str,
    *,
    ports: int = 1,
    domain: int = 0,
    priority1: int = 246,
    frequency_error_ppm: float = 0.0,
    offset_ns: float = 0.0,
    servo: Servo | None = None,
    stamping: Stamping = JITTER,
    link: dict[str, Any] | None = None,
    settings: dict[str, Any] | None = None,
    **port_settings: Any,
) -> Host:
    """Add an end station, or with several *ports* a relay."""
    host = world.add_host(
        name,
        frequency_error_ppb=frequency_error_ppm * PPM,
        offset_ns=offset_ns,
        servo=servo,
        stamping=stamping,
        clock_domains=(domain,),
    )
    add_gptp_instance(
        host,
        GptpSettings(clock_identity=host.clock_identity, priority1=priority1, domain_number=domain, **(settings or {})),
        [port(number, link=link, **port_settings) for number in range(1, ports + 1)],
    )
    return host


def gptp(host: Host, domain: int = 0) -> GptpInstance:
    instance = host.instances[domain]
    assert isinstance(instance, GptpInstance)
    return instance


def port_of(host: Host, number: int = 1, domain: int = 0) -> GptpPort:
    return gptp(host, domain).ports[number]


def pair(seed: int = 1, **slave: Any) -> tuple[World, Host, Host, Link]:
    """A grandmaster and an end station that follows it, started."""
    world = World(seed)
    master = add_system(world, "grandmaster", priority1=100, frequency_error_ppm=-7.0)
    follower = add_system(
        world, "end station", **({"servo": PiServo(), "frequency_error_ppm": 12.0, "offset_ns": 5e8} | slave)
    )
    link = world.connect(master.port(), follower.port(), conditions=CABLE)
    world.start()
    return world, master, follower, link


def chain(
    relays: int, *, seed: int = 1, servo: Servo | None = None, stamping: Stamping = JITTER
) -> tuple[World, list[Host]]:
    """A grandmaster, *relays* and an end station in a row, clocks up to 20 ppm wrong, started."""
    world = World(seed)
    errors_ppm = [20.0 * (-1) ** place * (1 - place / (relays + 4)) for place in range(relays + 2)]

    def add(name: str, place: int, **system: Any) -> Host:
        return add_system(world, name, frequency_error_ppm=errors_ppm[place], stamping=stamping, **system)

    between = [add(f"relay {place}", place, ports=2, offset_ns=1e6 * place) for place in range(1, relays + 1)]
    first = add("grandmaster", 0, priority1=100)
    last = add("end station", relays + 1, offset_ns=3e8, servo=servo or PiServo())
    hosts = [first, *between, last]
    for left, right in pairwise(hosts):
        world.connect(left.port(1 if left is first else 2), right.port(1), conditions=CABLE)
    world.start()
    return world, hosts
