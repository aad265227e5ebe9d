"""The `[synce]`, `[[synce.port]]` and `[[synce.input]]` tables of the configuration file."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from ptpstack.config.table import Table

PRIORITY = Meta(
    ge=0, le=255, description="Rank among sources of equal quality level, lower wins; 0: told of the own, never used."
)


class SyncEPort(Table, frozen=True):
    """An Ethernet link whose frequency may be used, and which is told what leaves there."""

    interface: Annotated[str, Meta(min_length=1, max_length=15, description="The network interface.")]
    priority: Annotated[int, PRIORITY] = 0


class SyncEInput(Table, frozen=True):
    """A frequency that comes by another way than Ethernet, such as a receiver's."""

    name: Annotated[str, Meta(min_length=1, description="What it is called.")]
    quality_level: Annotated[str, Meta(min_length=1, description="What it is worth: PRTC, PRC, SSU-A and so on.")]
    priority: Annotated[int, PRIORITY] = 0
    source: Annotated[
        str,
        Meta(description="The NAME of a `[source.NAME]`: it counts while that steers its locked clock; empty: always."),
    ] = ""
    pin: Annotated[
        str, Meta(description="Label of its pin on the DPLL, as `ptpstack nics` shows it; empty: none to set.")
    ] = ""


class SyncE(Table, frozen=True):
    """Synchronous Ethernet: quality levels over ESMC, and the choice of the frequency source (ITU-T G.781, G.8264)."""

    network_option: Annotated[
        Literal[1, 2], Meta(description="Quality levels: 1 of 2.048 Mbit/s networks (ETSI), 2 of 1.544 Mbit/s ones.")
    ] = 1
    quality_level: Annotated[
        str | UnsetType, Meta(description="What the own oscillator is worth: EEC1 or eEEC1, EEC2 or eEEC2; unset: EEC.")
    ] = UNSET
    extended: Annotated[bool, Meta(description="Send the extended QL TLV too.")] = True
    wait_to_restore_s: Annotated[
        float,
        Meta(ge=0, le=720, description="How long a source that failed must be in order before it is used, seconds."),
    ] = 300.0
    hold_off_ms: Annotated[
        float, Meta(ge=0, le=1800, description="How long a failure must last before it counts, milliseconds.")
    ] = 300.0
    frequency: Annotated[
        Literal["dpll", "locked", "own"],
        Meta(
            description=(
                "What leaves this machine: dpll: as the kernel's DPLL says, where there is none the own oscillator; "
                "locked: the selected source, which hardware follows that the kernel does not know; own: never another."
            )
        ),
    ] = "dpll"
    drives_hardware_clocks: Annotated[
        bool,
        Meta(
            description=(
                "That the hardware clocks of this machine run on the DPLL's frequency: what was learnt of them for "
                "holdover is forgotten when it is locked to something else."
            )
        ),
    ] = True
    clock_id: Annotated[
        str,
        Meta(
            pattern="^([0-9a-fA-F]{16})?$",
            title="sixteen hexadecimal digits",
            description="Which DPLL, by its clock id; empty: the only one of type EEC.",
        ),
    ] = ""
    port: Annotated[tuple[SyncEPort, ...], Meta(description="The links, `[[synce.port]]` each.")] = ()
    input: Annotated[tuple[SyncEInput, ...], Meta(description="Other inputs, `[[synce.input]]` each.")] = ()
