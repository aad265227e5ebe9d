"""What ``ptpstack status`` says of a gPTP instance."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ptpstack.wire.types import ClockIdentity
from ptpstack.words import counted

BY_LINK_ALONE = "link up"
"""How the reason begins of a port that is asCapable whatever was measured (AVnu Automotive 6.2.1.2)."""

HEAD = ("port", "interface", "state", "asCapable", "delay (ns)", "neighbour's rate (ppm)", "stamps")

COUNTED = {
    "linkDownCount": "link down",
    "syncReceiptTimeoutCount": "Sync lost",
    "nonContinuousSyncCount": "Sync not continuous",
    "pdelayRespTimeoutCount": "Pdelay_Resp missing",
    "meanLinkDelayExceededCount": "delay beyond the threshold",
}
"""What AVnu Automotive wants counted, of what is an exception."""


def is_gptp(instance: dict[str, Any]) -> bool:
    """Whether a status is that of a gPTP instance."""
    return "gmPresent" in instance.get("currentDS", {})


def gptp_lines(name: str, instance: dict[str, Any]) -> Iterator[str]:
    """Yield what is above the table of ports."""
    default, parent, current = instance["defaultDS"], instance["parentDS"], instance["currentDS"]
    yield f"{name}: {instance['state']} ({instance['profile']}, domain {default['domainNumber']})"
    yield f"  clock identity  {default['clockIdentity']}"
    if not current["gmPresent"]:
        yield "  grandmaster     none: no system that may be one is heard of"
    elif parent["grandmasterIdentity"] == str(ClockIdentity()):
        meanwhile = "; serves its own clock's time meanwhile" if current["servesDefaultTime"] else ""
        yield f"  grandmaster     none yet: no Sync has come to the port that is set to be a slave{meanwhile}"
    elif parent["grandmasterIdentity"] == default["clockIdentity"]:
        yield "  grandmaster     this system"
    else:
        steps = current["stepsRemoved"]
        yield (
            f"  grandmaster     {parent['grandmasterIdentity']} by {parent['parentPortIdentity']}, "
            f"{counted(steps, 'step')} away, "
            f"running {(parent['cumulativeRateRatio'] - 1) * 1e6:+.3f} ppm by the own clock{_silence(instance)}"
        )


def gptp_ports(instance: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the table of ports."""
    return [_row(number, port) for number, port in enumerate(instance["ports"], start=1)]


def gptp_reasons(instance: dict[str, Any]) -> Iterator[str]:
    """Yield what is below the table: why a port is not asCapable, or is by its link alone; what went wrong so far."""
    for number, port in enumerate(instance["ports"], start=1):
        as_capable, reason = port["portDS"]["asCapable"], port["portDS"]["asCapableReason"]
        if port["open"] and (not as_capable or reason.startswith(BY_LINK_ALONE)):
            yield f"  port {number} is {'' if as_capable else 'not '}asCapable: {reason}"
        if counted := [f"{count} {what}" for key, what in COUNTED.items() if (count := port["portDS"][key])]:
            yield f"  port {number} counted    {', '.join(counted)}"


def _silence(instance: dict[str, Any]) -> str:
    return "" if any(port["portDS"]["hearsSync"] for port in instance["ports"]) else "; silent now: no Sync comes"


def _row(number: int, port: dict[str, Any]) -> tuple[str, ...]:
    port_ds = port["portDS"]
    return (
        str(number),
        port["interface"],
        port_ds["portState"],
        "yes" if port_ds["asCapable"] else "no",
        *_measured(port_ds),
        port["stamps"] if port["open"] else "interface not usable",
    )


def _measured(port_ds: dict[str, Any]) -> tuple[str, str]:
    """Return the delay of a link and the rate of the neighbour, as far as they are known since the link is up."""
    delay = f"{port_ds['meanLinkDelay']:.0f}"
    if port_ds["neighborPortIdentity"] is None:
        return f"{delay} (kept)" if port_ds["meanLinkDelay"] else "-", "-"
    return delay, f"{(port_ds['neighborRateRatio'] - 1) * 1e6:+.3f}"
