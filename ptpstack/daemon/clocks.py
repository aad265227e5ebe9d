"""From the configuration's word for a clock to the clock: ``auto``, ``system``, ``/dev/ptpN`` or a soft clock's name.

What does not live here: who may steer it (``arbiter``), and everything after it is open (``clock_driver.py``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from hw.clock import Clock
from hw.ethtool import timestamping_info
from hw.phc import Phc
from hw.realtime import RealtimeClock
from hw.soft_clock import SoftClock
from hw.time_daemons import PHC, SYSTEM_CLOCK, find_time_daemons
from ptpstack.config.clock_rules import SYSTEM, real_clock
from ptpstack.config.clock_table import Clock as ClockConfig
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.daemon.events import ClockContested
from ptpstack.daemon.state_store import StateStore
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.errors import ConfigError, HardwareError


def clock_words(instance: ResolvedInstance, clocks: Mapping[str, ClockConfig]) -> dict[int, str]:
    """Return the clock of each port, by its number; the instance's own first, which ``clock_word`` tells.

    They differ where ports sit on several hardware clocks, each of which stamps its own ports.
    """
    own = clock_word(instance, clocks)
    numbers = [port.settings.port_number for port in instance.ports]
    if not own.startswith("/dev/ptp"):
        return dict.fromkeys(numbers, own)
    paths = {port.settings.port_number: _phc_path(port.interface) for port in instance.ports}
    if None in paths.values() or own not in paths.values():
        return dict.fromkeys(numbers, own)  # which open_clock refuses, and says why
    first = next(number for number, path in paths.items() if path == own)
    ordered = [first, *(number for number in numbers if number != first)]
    return {number: path for number in ordered if (path := paths[number])}


def clock_word(instance: ResolvedInstance, clocks: Mapping[str, ClockConfig]) -> str:
    """Return what ``auto`` means for *instance*: the PHC of its first port if all have one, else the system clock.

    Any other word stands for what *clocks* says, or for itself. Raises ``HardwareError`` where hardware stamps
    are asked for and there are none.
    """
    if instance.clock != "auto":
        return real_clock(instance.clock, clocks)
    if any(port.timestamping == "software" for port in instance.ports):
        return SYSTEM
    paths = [_phc_path(port.interface) for port in instance.ports]
    if None not in paths:
        return str(paths[0])
    for port in instance.ports:
        if port.timestamping == "hardware":
            raise HardwareError(
                "not every port has a hardware clock",
                where=f"instance {instance.name}",
                why=f"{port.interface} shall stamp in hardware, but another port of the instance cannot",
                next_step="`ptpstack nics` shows what each interface can do",
            )
    return SYSTEM


def open_clock(
    word: str,
    users: Sequence[ResolvedInstance],
    clocks: Mapping[str, ClockConfig],
    store: StateStore,
) -> Clock:
    """Open the clock *word* (no ``auto``), by which ports of the instances *users* are stamped.

    Raises ``HardwareError`` or ``ConfigError``.
    """
    if word in clocks and clocks[word].type == "soft":
        return _soft_clock(word, clocks[word], store)
    if word == SYSTEM:
        properties = users[0].values if users else TimeProperties()
        return RealtimeClock(tai_offset_s=properties.current_utc_offset if properties.ptp_timescale else 0)
    if not re.fullmatch(r"/dev/ptp\d+", word):
        raise ConfigError(
            f"no clock is called {word!r}",
            where=f"instance {users[0].name}" if users else "",
            next_step=f"use auto, system, /dev/ptpN, or define [clock.{word}]",
        )
    for user in users:
        for port in user.ports:
            path = _phc_path(port.interface)
            if clock_words(user, clocks)[port.settings.port_number] == word != path:
                raise HardwareError(
                    f"{port.interface} is not stamped by {word}",
                    where=f"instance {user.name}",
                    why=f"its clock is {path or 'not a PHC'}",
                    next_step="`ptpstack nics` shows the clock of each interface",
                )
    return Phc(word)


def contests(clock: Clock) -> list[ClockContested]:
    """Return what to tell of other programs that may steer *clock*; a soft clock is ours alone."""
    kind = {RealtimeClock: SYSTEM_CLOCK, Phc: PHC}.get(type(clock))
    return [
        ClockContested(clock=clock.name, program=daemon.name, program_pid=daemon.pid, steers=daemon.steers)
        for daemon in (find_time_daemons() if kind else [])
        if kind is not None and kind in daemon.steers
    ]


def _soft_clock(name: str, config: ClockConfig, store: StateStore) -> SoftClock:
    """Return the soft clock as an earlier run left it, or else as the configuration begins it."""
    begin = partial(SoftClock, name, offset_ns=config.offset_ns, frequency_error_ppb=config.frequency_error_ppb)
    try:
        return begin(state=store.load(name).get("soft_clock"))
    except (KeyError, TypeError, ValueError):  # not a state of ours
        return begin()


def _phc_path(interface: str) -> str | None:
    """Return the PHC that can stamp *interface*, if there is one."""
    info = timestamping_info(interface)
    return f"/dev/ptp{info.phc_index}" if info.stamps_in_hardware else None
