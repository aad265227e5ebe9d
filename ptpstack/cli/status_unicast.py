"""The lines of `ptpstack status` on unicast contracts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ptpstack.words import counted

Rows = list[tuple[str, ...]]


def master_rows(instance: dict[str, Any]) -> Rows:
    """Return a row for each master that a port asks: what it granted and for how long."""
    return [
        (
            str(number),
            master["address"],
            master["portIdentity"] or "-",
            *(_contract(master["contracts"].get(kind)) for kind in ("ANNOUNCE", "SYNC", "DELAY_RESP")),
            "serves" if master["serves"] else "-",
        )
        for number, port in enumerate(instance["ports"], start=1)
        for master in port.get("unicast", {}).get("masters", ())
    ]


MASTER_HEAD = ("port", "unicast master", "port identity", "Announce", "Sync", "Delay_Resp", "")


NAMES = {"ANNOUNCE": "Announce", "SYNC": "Sync", "DELAY_RESP": "Delay_Resp"}


def lacking_lines(instance: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each message that was asked for in vain, with the reason and when it is asked for again."""
    for number, port in enumerate(instance["ports"], start=1):
        for master in port.get("unicast", {}).get("masters", ()):
            for kind, contract in master["contracts"].items():
                unanswered = f"no answer to {contract['unanswered']} requests" if contract["unanswered"] else ""
                why = contract["lacking"] if contract["state"] == "waiting" else unanswered
                if contract["nextTry_s"] is None or not why:
                    continue
                yield (
                    f"    port {number}: no {NAMES[kind]} of {master['address']}: {why}; "
                    f"asked again in {contract['nextTry_s']:.0f} s"
                )


def service_lines(instance: dict[str, Any]) -> Iterator[str]:
    """Yield a line for each port that grants, and one for each reason of its refusals."""
    for number, port in enumerate(instance["ports"], start=1):
        service = port.get("unicast", {}).get("service")
        if service is None:
            continue
        grants = ", ".join(f"{kind} {count}" for kind, count in service["grants"].items()) or "nothing granted"
        yield (
            f"  unicast service on port {number}: "
            f"{service['clients']} of {counted(service['maxClients'], 'client')} ({grants}), "
            f"{service['messagesPerSecond']:g} of {counted(service['maxMessagesPerSecond'], 'message')} a second"
        )
        for reason, count in service["refusals"].items():
            yield f"    refused {counted(count, 'time')}: {reason}"


def _contract(contract: dict[str, Any] | None) -> str:
    if contract is None:
        return "-"
    if contract["left_s"] is None:
        return str(contract["state"])
    return f"every 2^{contract['logInterMessagePeriod']} s, {contract['left_s']:.0f} s left"
