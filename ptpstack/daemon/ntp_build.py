"""From `[ntp]` of the configuration to a driver that is wired and not yet started."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from msgspec import UNSET

from hw.clock import Clock
from hw.ethtool import timestamping_info
from hw.realtime import RealtimeClock
from hw.timestamping import Timestamping
from ntp.accuracy import Plan, plan
from ntp.candidate import Authentication, Policy
from ntp.client.authentication import Authenticator
from ntp.client.sample import StampSource
from ntp.client.settings import AssociationSettings
from ntp.ensemble import Ensemble
from ntp.keys import Key, read_keys
from ntp.orphans import Orphans
from ntp.resolver import Resolver
from ntp.transport import ClientSocket
from ptpstack.config.ntp_server_table import NtpServer
from ptpstack.config.ntp_table import Ntp, NtpSource, accuracy_of
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.ntp_driver import NtpDriver
from ptpstack.daemon.ntp_requests import OwnServer
from ptpstack.daemon.ntp_source import Names, NtpSourceState
from ptpstack.daemon.nts_pool import places_of
from ptpstack.daemon.reference_inputs import Reference
from ptpstack.daemon.time_trust import TimeTrust
from ptpstack.errors import ConfigError, HardwareError
from ptpstack.observe.recorder import Recorder
from ptpstack.time import MILLISECOND, SECOND, interval_from_ns

LEAST_POLL_OF_POOLS = 6
"""Volunteers are asked once in 64 s at most, whatever the accuracy, unless min_poll says otherwise."""


def build_ntp(config: Ntp, driver: ClockDriver, trust: TimeTrust, loop: Loop, recorder: Recorder) -> NtpDriver:
    """Return what *config* describes, on the clock of *driver*. Raises ``HardwareError`` or ``ConfigError``."""
    clock, needed = driver.clock, plan(accuracy_of(config.accuracy))
    _check_stamps(config, clock)
    keys = read_key_file(config)
    policy = Policy(
        min_sources=config.min_sources,
        max_distance=round(config.max_distance_ms * MILLISECOND),
        authentication=Authentication(config.authentication),
    )
    sources = [place for source in config.source for place in places_of(source, _count(source, needed))]
    names, proofs = _names_and_proofs(sources, trust, loop, recorder)
    ntp = NtpDriver(
        driver,
        Ensemble(policy, _orphans(config)),
        [NtpSourceState(source, _count(source, needed)) for source in sources],
        settings_of=partial(_settings, needed, keys=keys, proofs=proofs, stamps=_stamp_source(clock)),
        open_socket=partial(ClientSocket, timestamping=clock.stamping, interface=config.interface, dscp=config.dscp),
        names=names,
        references=_references(config),
        after_others=bool(driver.users),
        own_server=_own_server(config.server),
        kernel_tai_offset_s=_kernel_tai_offset_s,
        loop=loop,
        recorder=recorder,
    )
    driver.users.append(ntp)
    if config.source_directory:
        from ptpstack.daemon.ntp_source_files import SourceFiles  # noqa: PLC0415 (few configurations have any)

        def state_of(source: NtpSource) -> NtpSourceState | str:
            if source.key and source.key not in keys:
                return f"there is no key {source.key} in key_file"
            if source.nts:
                _add_keys(source, ntp, proofs, trust=trust, loop=loop, recorder=recorder)
            return NtpSourceState(source, _count(source, needed))

        ntp.files = SourceFiles(
            config.source_directory,
            ntp,
            config.source,
            places_of=lambda source: places_of(source, _count(source, needed)),
            state_of=state_of,
            recorder=recorder,
        )
    return ntp


def _kernel_tai_offset_s() -> int:
    """Return TAI - UTC as the kernel has it; 0, as if nobody had told it, where a container forbids to ask."""
    try:
        return RealtimeClock(tai_offset_s=0).kernel_tai_offset_s()
    except HardwareError:
        return 0


def _own_server(server: NtpServer) -> OwnServer | None:
    if not server.listen:
        return None
    hosts = [] if server.namespace else server.listen  # in another namespace it is another machine
    return OwnServer(frozenset(str(ipaddress.ip_address(host)) for host in hosts), server.port)


def _orphans(config: Ntp) -> Orphans | None:
    server = config.server
    return Orphans(server.local_stratum, round(server.orphan_wait_s * SECOND)) if server.orphan else None


def _references(config: Ntp) -> list[Reference]:
    if not config.reference:
        return []
    from ptpstack.daemon.reference_build import build_references  # noqa: PLC0415 (few configurations have any)

    return build_references(config.reference)


def _count(source: NtpSource, needed: Plan) -> int:
    """Return how many addresses of *source* are asked."""
    if source.count is not UNSET:
        return source.count
    return needed.sources if source.pool else 1


def _stamp_source(clock: Clock) -> StampSource:
    return StampSource.HARDWARE if clock.stamping is Timestamping.HARDWARE else StampSource.KERNEL


def _names_and_proofs(
    sources: Sequence[NtpSource], trust: TimeTrust, loop: Loop, recorder: Recorder
) -> tuple[Names, dict[str, Authenticator]]:
    """Return what looks names up, and what proves the packets of each NTS source. Raises ``ConfigError``."""
    proving = [source for source in sources if source.nts]
    if not proving:
        return Resolver(), {}
    from ptpstack.daemon.nts_keys import NamesAndKeys, NtsKeys  # noqa: PLC0415 (OpenSSL: 90 ms, 9 MB)

    keys = {source.address: NtsKeys(source, loop, recorder, trust) for source in proving}
    return NamesAndKeys(Resolver(), keys.values(), loop), {name: nts.authenticator for name, nts in keys.items()}


def _add_keys(
    source: NtpSource,
    ntp: NtpDriver,
    proofs: dict[str, Authenticator],
    *,
    trust: TimeTrust,
    loop: Loop,
    recorder: Recorder,
) -> None:
    """Let *ntp* have keys for *source*, which came while it runs."""
    from ptpstack.daemon.nts_keys import NamesAndKeys, NtsKeys  # noqa: PLC0415 (OpenSSL: 90 ms, 9 MB)

    keys = NtsKeys(source, loop, recorder, trust)
    proofs[source.address] = keys.authenticator
    if isinstance(ntp.names, NamesAndKeys):
        ntp.names.add(keys)
    else:
        ntp.replace_names(NamesAndKeys(ntp.names, [keys], loop))


def _settings(
    needed: Plan,
    source: NtpSource,
    name: str,
    *,
    keys: Mapping[int, Key],
    proofs: Mapping[str, Authenticator],
    stamps: StampSource,
) -> AssociationSettings:
    """Return how *source* is asked: as it says, and as the accuracy needs where it is silent."""
    least = LEAST_POLL_OF_POOLS if source.pool else needed.min_poll
    min_poll = max(needed.min_poll, least) if source.min_poll is UNSET else source.min_poll
    max_poll = max(needed.max_poll, least) if source.max_poll is UNSET else source.max_poll
    if source.min_poll is UNSET:
        min_poll = min(min_poll, max_poll)
    return AssociationSettings(
        name=name,
        min_poll=min_poll,
        max_poll=max(min_poll, max_poll),
        iburst=source.iburst,
        interleaved=needed.interleaved if source.interleaved is UNSET else source.interleaved,
        key=keys[source.key] if source.key else None,
        authenticator=proofs.get(source.address),
        stamps=stamps,
        poll_target=needed.poll_target,
        min_samples=needed.min_samples,
        max_delay=round(source.max_delay_ms * MILLISECOND),
        offset_correction=interval_from_ns(source.offset_ns),
    )


def read_key_file(config: Ntp) -> dict[int, Key]:
    """Return the keys of `key_file`, among them those that sources name. Raises ``ConfigError``."""
    if not config.key_file:
        return {}
    try:
        text = Path(config.key_file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "cannot be read", where=f"ntp.key_file {config.key_file}", why=getattr(error, "strerror", "") or "not ASCII"
        ) from error
    keys = read_keys(text, config.key_file)
    for index, source in enumerate(config.source):
        if source.key and source.key not in keys:
            raise ConfigError(
                f"there is no key {source.key}", where=f"ntp.source[{index}].key", why=f"not in {config.key_file}"
            )
    return keys


def _check_stamps(config: Ntp, clock: Clock) -> None:
    """Refuse a hardware clock that does not stamp what goes through the interface."""
    if clock.stamping is not Timestamping.HARDWARE:
        return
    if not config.interface:
        raise ConfigError(
            "is missing",
            where="ntp.interface",
            why=f"{clock.name} stamps what goes through its own interface only",
            next_step='write it, or measure the system clock: clock = "system"',
        )
    info = timestamping_info(config.interface)
    if not info.stamps_in_hardware or f"/dev/ptp{info.phc_index}" != clock.name:
        raise ConfigError(
            f"{config.interface} is not stamped by {clock.name}",
            where="ntp.interface",
            next_step="`ptpstack nics` shows the clock of each interface",
        )
