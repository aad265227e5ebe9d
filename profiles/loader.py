"""Profiles are data: this module turns one TOML file into a typed, checked :class:`Profile`."""

from __future__ import annotations

import difflib
import functools
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias, get_args

import msgspec

from ptpstack.errors import ConfigError

FOLDER = Path(__file__).parent

BMCA_VARIANTS = frozenset({"default", "g8275", "ql_g8265", "gptp"})
"""The best master clock algorithms that there is code for: ``ptpstack.gptp`` has that of gptp, ``ptpstack.core`` the
others, of which the telecom ones need local_priority."""

Part: TypeAlias = Literal["default", "range"]
PARTS: tuple[Part, ...] = get_args(Part)
DelayMechanismName: TypeAlias = Literal["e2e", "p2p", "common-p2p", "none"]
TransportName: TypeAlias = Literal["l2", "udpv4", "udpv6"]
DestinationMacName: TypeAlias = Literal["forwardable", "non_forwardable"]
RefusedName: TypeAlias = Literal["vlan_tag", "unicast"]
VlanName: TypeAlias = Literal["untagged", "tagged"]
DelayRequestName: TypeAlias = Literal["multicast", "unicast"]
CommunicationName: TypeAlias = Literal["multicast", "unicast"]
GptpRuleName: TypeAlias = Literal[
    "static_roles",
    "as_capable_on_link_up",
    "obeys_only_sync_interval",
    "any_source_port_identity",
    "sends_without_sync",
    "default_time",
]
AnnounceTlvName: TypeAlias = Literal["ieee_c37_238_2011", "ieee_c37_238_2017"]
AttributeName: TypeAlias = Literal[
    "domain_number",
    "priority1",
    "priority2",
    "grandmaster_id",
    "local_priority",
    "max_steps_removed",
    "offset_scaled_log_variance",
    "log_announce_interval",
    "announce_receipt_timeout",
    "log_sync_interval",
    "log_min_delay_req_interval",
    "log_min_pdelay_req_interval",
    "sync_receipt_timeout",
    "oper_log_sync_interval",
    "oper_log_pdelay_req_interval",
    "log_pdelay_retry_interval",
    "mean_link_delay_thresh_ns",
    "allowed_lost_responses",
    "allowed_faults",
    "log_gptp_capable_message_interval",
    "gptp_capable_receipt_timeout",
    "vlan_id",
    "vlan_priority",
    "dscp_event",
    "dscp_general",
    "unicast_duration_s",
]


BY_PROFILE = frozenset(
    {"sdo_id", "transport", "delay_mechanism", "destination_mac", "vlan", "delay_request", "communication"}
)
"""Settings beside the attributes for which every profile has a default."""


class ProfileError(ConfigError):
    """A profile that does not exist or whose data cannot be used."""


class Attribute(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a profile says of one attribute: its initial value and the range an operator may choose from."""

    default: int
    min: int
    max: int

    def __post_init__(self) -> None:
        if not self.min <= self.default <= self.max:
            raise ValueError(f"default {self.default} is outside {self.min} to {self.max}")


StateName: TypeAlias = Literal["locked", "holdover_in_spec", "holdover_out_of_spec", "free_running"]
ReferenceName: TypeAlias = Literal["eprtc", "prtc", "ptp", "other"]
DegradationName: TypeAlias = Literal["a", "b"]
FrequencyName: TypeAlias = Literal["category_1", "category_2", "category_3", "none"]
Received: TypeAlias = Literal["as_received"]
Configured: TypeAlias = Literal["as_configured"]


class ClockQualityRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a clock announces as a grandmaster in one situation; the first row of a profile that fits holds.

    A situation is the clock's *state*, the kind of *reference* that it was locked to last, the quality of its
    physical-layer *frequency*, and, out of specification, the *degradation*: alternative a up to the limits of
    `[holdover]` for it, then b; what is not named may be anything. ``as_received`` is as configured where nothing was
    received. *frequency_traceable* may be ``category_1``: while the frequency is. With *no_better_than_received* a
    clockClass that the reference announced and that is worse stays.
    """

    state: Annotated[tuple[StateName, ...], msgspec.Meta(min_length=1)]
    reference: tuple[ReferenceName, ...] = ()
    frequency: tuple[FrequencyName, ...] = ()
    degradation: tuple[DegradationName, ...] = ()
    clock_class: Annotated[int, msgspec.Meta(ge=0, le=0xFF)] | None = None
    """None: what the operator configured."""
    clock_accuracy: Annotated[int, msgspec.Meta(ge=0, le=0xFF)] | Configured = 0xFE
    offset_scaled_log_variance: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] | Configured = 0xFFFF
    no_better_than_received: bool = False
    time_traceable: bool | Received = False
    frequency_traceable: bool | Received | Literal["category_1"] = False
    current_utc_offset_valid: bool | Received = "as_received"
    synchronization_uncertain: bool = False
    unverified: bool = False


class Profile(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A PTP profile (IEEE 1588-2019 clause 20.3): data that names registered code.

    The first of ``transports``, ``delay_mechanisms``, ``vlan``, ``delay_requests`` and ``communications`` is the
    default. ``unverified`` names what could not be confirmed from the standard's text: ``NAME``, ``NAME.default`` or
    ``NAME.range``.
    ``announce_tlv`` is sent by a grandmaster and extended on the way; with ``requires_announce_tlvs`` an Announce
    without it, or without ALTERNATE_TIME_OFFSET_INDICATOR, is ignored. ``destination_mac`` is where frames go on
    Ethernet, ``refuses`` names frames that are counted and dropped, ``clock_quality`` what a clock announces as a
    grandmaster; without rows that is what is configured. ``clock_quality_of`` names another profile whose rows hold.
    ``gptp_rules`` are what a profile of gPTP has otherwise than IEEE 802.1AS (``ptpstack.gptp.settings``).
    ``signal_fail`` lets masters that are no use (PTSF) not be compared. ``tells_smp_synch``: its clocks serve merging
    units. ``holdover_bound_ns`` is what a clock may be off by in holdover and still be in specification.
    ``interval_tolerance_percent`` is by how much the intervals and timeouts of others may be off, below and above;
    it is told to the operator, and nothing is dropped by it.
    """

    ident: str
    title: str
    reference: str
    sdo_id: Annotated[int, msgspec.Meta(ge=0, le=0xFFF)]
    bmca: str
    delay_mechanisms: Annotated[tuple[DelayMechanismName, ...], msgspec.Meta(min_length=1)]
    transports: Annotated[tuple[TransportName, ...], msgspec.Meta(min_length=1)]
    attributes: dict[AttributeName, Attribute]
    vlan: Annotated[tuple[VlanName, ...], msgspec.Meta(min_length=1)] = ("untagged", "tagged")
    delay_requests: Annotated[tuple[DelayRequestName, ...], msgspec.Meta(min_length=1)] = ("multicast", "unicast")
    communications: Annotated[tuple[CommunicationName, ...], msgspec.Meta(min_length=1)] = ("multicast", "unicast")
    profile_identifier: Annotated[str, msgspec.Meta(pattern="^([0-9A-F]{2}-){5}[0-9A-F]{2}$")] | None = None
    announce_tlv: AnnounceTlvName | None = None
    requires_announce_tlvs: bool = False
    tells_smp_synch: bool = False
    destination_mac: DestinationMacName = "forwardable"
    refuses: tuple[RefusedName, ...] = ()
    gptp_rules: tuple[GptpRuleName, ...] = ()
    clock_quality: tuple[ClockQualityRow, ...] = ()
    signal_fail: bool = False
    clock_quality_of: str | None = None
    holdover_bound_ns: Annotated[float, msgspec.Meta(gt=0)] = 1500.0
    interval_tolerance_percent: tuple[int, int] | None = None
    aliases: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.bmca not in BMCA_VARIANTS:
            raise ValueError(f"bmca {self.bmca!r} is not registered (registered: {', '.join(sorted(BMCA_VARIANTS))})")
        if (self.bmca in {"g8275", "ql_g8265"}) != ("local_priority" in self.attributes):
            raise ValueError("local_priority belongs to bmca g8275 and ql_g8265, and they need it")
        if self.gptp_rules and self.bmca != "gptp":
            raise ValueError("gptp_rules belong to bmca gptp")
        known = {*self.__struct_fields__, *self.attributes}
        for mark in self.unverified:
            name, _, part = mark.partition(".")
            if name not in known or part not in {"", *PARTS}:
                raise ValueError(f"unverified {mark!r} names nothing in this profile")

    def clock_qualities(self) -> tuple[ClockQualityRow, ...]:
        """Return the rows that hold for this profile."""
        return load_profile(self.clock_quality_of).clock_quality if self.clock_quality_of else self.clock_quality

    def decides(self, name: str) -> bool:
        """Whether this profile gives the default and the allowed values of the setting *name*."""
        return name in self.attributes or name in BY_PROFILE

    def is_unverified(self, name: str, part: Part) -> bool:
        """Whether the *part* of *name* is of low confidence and must be shown so."""
        return name in self.unverified or f"{name}.{part}" in self.unverified


def profile_names() -> list[str]:
    """Return the idents of all profiles that ship, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


@functools.cache
def load_profile(name: str) -> Profile:
    """Return the profile of ident or alias *name*; raise :class:`ProfileError` if there is none or it is unusable."""
    path = FOLDER / f"{name}.toml"
    if name in profile_names():
        return parse_profile(path.read_text(encoding="utf-8"), origin=str(path))
    for candidate in map(load_profile, profile_names()):
        if name in candidate.aliases:
            return candidate
    names = profile_names()
    nearest = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {nearest[0]}?" if nearest else ""
    raise ProfileError(f'no profile "{name}"', why=f"there are {', '.join(names)}", next_step=hint)


def parse_profile(text: str, *, origin: str) -> Profile:
    """Return the profile written in *text*; *origin* is the file that errors name."""
    try:
        table: dict[str, Any] = tomllib.loads(text)
        profile = msgspec.convert(table, Profile)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProfileError("not a usable profile", where=origin, why=str(error)) from error
    if profile.ident != Path(origin).stem:
        raise ProfileError("not a usable profile", where=origin, why=f"ident {profile.ident!r} is not the file's name")
    return profile
