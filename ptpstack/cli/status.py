"""``ptpstack status``: is this machine synchronized, and how far off. The exit code says it too."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ptpstack.cli.client import DEFAULT_SOCKET, NotReachableError, ask
from ptpstack.cli.status_gptp import HEAD, gptp_lines, gptp_ports, gptp_reasons, is_gptp
from ptpstack.cli.status_ntp_server import ntp_server_lines
from ptpstack.cli.status_unicast import MASTER_HEAD, lacking_lines, master_rows, service_lines
from ptpstack.cli.synce import lines as synce_lines
from ptpstack.words import counted

EXIT_NOT_REACHABLE = 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Say what every instance and clock of the running daemon does."
    parser.epilog = (
        "Exit code: 0 locked, serving as master or forwarding, 1 acquiring, holdover or not forwarding, "
        "2 free-running, 3 not reachable."
    )
    parser.add_argument("--json", action="store_true", help="print everything as JSON, members as in IEEE 1588")
    parser.add_argument("--socket", default=DEFAULT_SOCKET, metavar="PATH", help=f"default: {DEFAULT_SOCKET}")


def run(args: argparse.Namespace) -> int:
    """Print the status and return what it comes to."""
    try:
        status = next((answer["status"] for answer in ask(args.socket, {"get": "status"}) if "status" in answer), None)
    except NotReachableError as error:
        sys.stderr.write(f"ptpstack: {error}\n")
        return EXIT_NOT_REACHABLE
    if status is None:
        sys.stderr.write(f"ptpstack: {args.socket} does not speak this program's language\n")
        return EXIT_NOT_REACHABLE
    text = json.dumps(status, indent=2) if args.json else "\n".join(_lines(status))
    sys.stdout.write(text + "\n")
    return int(status["exit_code"])


def _lines(status: dict[str, Any]) -> Iterator[str]:
    for name, instance in status["instances"].items():
        if "parentDS" not in instance:
            yield from _transparent_clock(name, instance)
            continue
        if is_gptp(instance):
            yield from gptp_lines(name, instance)
            yield from _table(HEAD, gptp_ports(instance))
            yield from gptp_reasons(instance)
            continue
        default, parent, current = instance["defaultDS"], instance["parentDS"], instance["currentDS"]
        yield f"{name}: {instance['state']} ({instance['profile']}, domain {default['domainNumber']})"
        yield f"  clock identity  {default['clockIdentity']}"
        if parent["grandmasterIdentity"] == default["clockIdentity"]:
            yield f"  grandmaster     this clock, class {default['clockQuality']['clockClass']}"
        else:
            quality = parent["grandmasterClockQuality"]
            yield (
                f"  grandmaster     {parent['grandmasterIdentity']} by {parent['parentPortIdentity']}, "
                f"{counted(current['stepsRemoved'], 'step')} away, class {quality['clockClass']}"
            )
        if smp_synch := instance.get("smpSynch"):
            yield f"  SmpSynch        {smp_synch['value']}: {smp_synch['why']}"
        if current["synchronizationUncertain"]:
            yield "  synchronized    not yet, or the parent is not, or holdover is out of spec: it is announced"
        yield from _table(
            ("port", "interface", "transport", "state", "delay (ns)", "stamps"),
            [_port_row(instance, number, port) for number, port in enumerate(instance["ports"], start=1)],
        )
        yield from _signal_fails(instance)
        if masters := master_rows(instance):
            yield from _table(MASTER_HEAD, masters)
            yield from lacking_lines(instance)
        yield from service_lines(instance)
    yield ""
    yield from _table(
        ("clock", "state", "offset from master (ns)", "within ± (ns)", "frequency (ppb)", "servo", "steered by"),
        [_clock_row(clock) for clock in status["clocks"].values()],
    )
    yield from _asymmetries(status["clocks"].values())
    yield from _hot_standby(status["clocks"].values())
    yield from _host_lines(status)
    yield ""
    yield "offset: local - master, positive is ahead; frequency: what the clock is set to, positive is faster"
    yield "within: true time, but for a probability of 1e-5; *: not counting the reference's own error, which it hides"


def _host_lines(status: dict[str, Any]) -> Iterator[str]:
    """What keeps clocks beside the instances, and tells others."""
    if trust := status.get("time_trust"):
        yield ""
        yield _trusted_line(trust)
    if leap_seconds := status.get("leap_seconds"):
        yield _leap_line(leap_seconds)
    if sources := status.get("sources"):
        yield ""
        yield from _table(
            ("source", "clock", "seconds named by", "makes it class", "pulses"),
            [_source_row(name, source) for name, source in sources.items()],
        )
    if synce := status.get("synce"):
        yield ""
        yield from synce_lines(synce)
    if sinks := status.get("sinks"):
        yield ""
        yield from _table(
            ("sink", "told to", "samples", "system clock is off (ns)", "because"),
            [_sink_row(name, sink) for name, sink in sinks.items()],
        )
    if ntp := status.get("ntp"):
        yield from _ntp_lines(ntp)
    if server := status.get("ntp_server"):
        yield from ntp_server_lines(server)


def _signal_fails(instance: dict[str, Any]) -> Iterator[str]:
    """Yield the masters that are not chosen because they are no use (PTSF)."""
    for number, port in enumerate(instance["ports"], start=1):
        for fail in port.get("signalFails", ()):
            left = fail["restored_in_s"]
            until = "still fails" if left is None else f"may be chosen again in {left:.0f} s"
            what = f"{fail['portIdentity']}: PTSF-{fail['signalFail']}, {fail['reason']}"
            yield f"  port {number} refuses   {what}; {until}"


def _leap_line(leap_seconds: dict[str, Any]) -> str:
    what = {1: "a second is inserted", -1: "a second is left out"}
    change = what.get(leap_seconds["change_s"], "")
    today = f"; at the end of today {change}" if change else ""
    return f"TAI - UTC:    {leap_seconds['tai_offset_s']} s: {leap_seconds['rule']}{today}"


def _trusted_line(trust: dict[str, Any]) -> str:
    if trust["trusted_since"]:
        return f"system clock: trusted since {trust['trusted_since']}, by {trust['trusted_by']}"
    floor = f"it is {trust['floor']} at least ({trust['floor_by']})"
    return f"system clock: not known to be right: {trust['why_not']}; {trust['reads'] or floor}"


def _transparent_clock(name: str, clock: dict[str, Any]) -> Iterator[str]:
    default, rate_ppb = clock["defaultDS"], clock["masterRateOffset_ppb"]
    kind = f"{clock['profile']}, {clock['instanceType']}, domain {default['domainNumber']}"
    yield f"{name}: {clock['state']} ({kind})"
    yield f"  clock identity  {default['clockIdentity']}"
    rate = "not known: no Syncs pass" if rate_ppb is None else f"{rate_ppb:+.1f} ppb by the own clock"
    yield f"  master's rate   {rate}"
    rows = []
    for number, port in enumerate(clock["ports"], start=1):
        port_ds, counters = port["portDS"], port["counters"]
        delay = f"{port_ds['meanLinkDelay']:.0f}" if port_ds["delayMechanism"] == "P2P" else "-"
        counts = tuple(str(sum(counters[key].values())) for key in ("received", "sent", "discarded"))
        state = "nothing" if port_ds["faultyFlag"] else "forwards"
        rows.append((str(number), port["interface"], port["transport"], state, delay, *counts, _stamps(port)))
    head = ("port", "interface", "transport", "state", "delay (ns)", "received", "sent", "dropped", "stamps")
    yield from _table(head, rows)


def _port_row(instance: dict[str, Any], number: int, port: dict[str, Any]) -> tuple[str, ...]:
    port_ds, current = port["portDS"], instance["currentDS"]
    if port_ds["delayMechanism"] == "P2P":
        delay = f"{port_ds['meanLinkDelay']:.0f}"
    else:
        delay = f"{current['meanDelay']:.0f}" if port_ds["portState"] in ("SLAVE", "UNCALIBRATED") else "-"
    return (str(number), port["interface"], port["transport"], port_ds["portState"], delay, _stamps(port))


def _stamps(port: dict[str, Any]) -> str:
    """Return how frames are stamped, by which clock where there are several, and why that is no use if it is not."""
    if not port["open"]:
        return "interface not usable"
    if problem := port.get("clockProblem"):
        return f"not used: {problem}"
    return f"{port['stamps']} by {port['clock']}" if "clock" in port else str(port["stamps"])


def _clock_row(clock: dict[str, Any]) -> tuple[str, ...]:
    is_left_alone = clock["state"] == "free-running" and not clock["writer"]  # its offset may be a falseticker's
    offset = "-" if clock["offset_ns"] is None or is_left_alone else f"{clock['offset_ns']:+.0f}"
    frequency = f"{clock['frequency_ppb']:+.1f}"
    state = clock["state"]
    if (seconds := clock.get("holdover", {}).get("seconds")) is not None:
        state += f" for {seconds:.0f} s"
    uncertainty = clock.get("uncertainty")
    within = "unknown" if uncertainty is None else f"{uncertainty['total_ns']:.0f}"
    if uncertainty is not None and uncertainty["reference_ns"] is None:
        within += " *"
    return (clock["name"], state, offset, within, frequency, clock["servo_state"], _steered_by(clock))


def _hot_standby(clocks: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what two gPTP domains on one clock are worth together."""
    for clock in clocks:
        if pair := clock.get("hotStandby"):
            offset_ns = pair["primary_secondary_offset_ns"]
            apart = "not known" if offset_ns is None else f"{offset_ns:+.0f} ns"
            yield f"  hot standby {pair['state']}: primary less secondary {apart}"
            for name, instance in pair["instances"].items():
                yield f"    {name} {'is synced' if instance['is_synced'] else 'is not synced'}: {instance['why']}"


def _asymmetries(clocks: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield what was learnt of the paths of assisted instances."""
    for clock in clocks:
        for path in clock.get("pathAsymmetries", ()):
            known = (
                f"{path['asymmetry_ns']:+.0f} ns, within {path['bound_ns']:.0f} ns" if path["known"] else "not known"
            )
            learnt = f"learnt for {path['learnt_for_s']} s"
            yield f"  asymmetry of {path['instance']} to {path['portIdentity']}: {known} ({learnt})"


def _steered_by(clock: dict[str, Any]) -> str:
    follows = clock.get("follows")
    if follows and not follows["clock"]:
        return f"nobody: {follows['why']}"
    if not clock["writer"]:
        return f"nobody: {clock['why']}"
    if follows:
        return f"{follows['clock']}, compared within ± {follows['uncertainty_ns']:.0f} ns ({follows['method']})"
    return str(clock["writer"])


def _source_row(name: str, source: dict[str, Any]) -> tuple[str, ...]:
    clock_class = "-" if source["clock_class"] is None else str(source["clock_class"])
    return (name, source["clock"], source["time_of_day"], clock_class, source["doubt"] or "used")


def _sink_row(name: str, sink: dict[str, Any]) -> tuple[str, ...]:
    off_ns = "-" if sink["system_clock_off_ns"] is None else f"{sink['system_clock_off_ns']:+.0f}"
    return (name, sink["to"], str(sink["told"]), off_ns, sink["why"])


def _ntp_lines(ntp: dict[str, Any]) -> Iterator[str]:
    """One line a source, with the reason why it is used or not."""
    yield ""
    yield f"NTP, for {ntp['clock']}"
    if why := ntp.get("why"):
        yield f"  nothing can be said of its sources: {why}"
        return
    yield from _table(
        ("", "source", "stratum", "reach", "poll (s)", "age (s)", "why it is used, or not"),
        [
            (
                source["symbol"],
                name,
                str(source["stratum"]),
                source["reach"],
                f"{source['poll_s']:g}",
                "-" if source["age_s"] is None else f"{source['age_s']:.0f}",
                source["why"],
            )
            for name, source in ntp["sources"].items()
        ],
    )
    for name, lacks in ntp["unresolved"].items():
        yield f"  ?  {name}: not used: {lacks}"


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
