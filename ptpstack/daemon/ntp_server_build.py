"""From `[ntp.server]` of the configuration to a server that is wired and not yet started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from hw.ethtool import timestamping_info
from ntp import child
from ntp.keys import Key
from ntp.nts.ke_settings import KeServerSettings
from ntp.server.settings import NtsSettings, ServerSettings
from ntp.server.time_state import TimePage
from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.ntp_server_table import NtpServer as NtpServerConfig
from ptpstack.daemon.child_process import ChildProcess
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.ntp_keys_process import KeysProcess, SharedFile, SharedFolder
from ptpstack.daemon.ntp_server import SAYS, NtpServer
from ptpstack.daemon.served_time import ServedTime
from ptpstack.daemon.time_bounds import TimeBounds
from ptpstack.errors import ConfigError
from ptpstack.observe.recorder import Recorder

if TYPE_CHECKING:
    from ptpstack.daemon.clock_driver import ClockDriver
    from ptpstack.daemon.host_clocks import HostClocks
    from ptpstack.daemon.instance_driver import InstanceDriver

_MASTER_KEY = Path("nts", "master-key.json")


@dataclass(frozen=True, slots=True)
class Clocks:
    """What there is to serve."""

    drivers: Mapping[str, ClockDriver]
    instances: Mapping[str, InstanceDriver]
    host: HostClocks
    bounds: TimeBounds


def build_ntp_server(
    config: Config, clocks: Clocks, keys: Mapping[int, Key], *, loop: Loop, recorder: Recorder
) -> NtpServer:
    """Return what *config* describes; *keys* are those of `[ntp] key_file`. Raises ``ConfigError``."""
    table = config.ntp.server
    word = real_clock(table.clock, config.clock)
    _check_stamps(table, clocks.drivers[word].clock.name)
    page = TimePage()
    served = ServedTime(
        word,
        clocks.drivers,
        clocks.instances,
        clocks.host,
        clocks.bounds,
        local_stratum=table.local_stratum,
        smears=table.smear,
    )
    master_key = SharedFolder(_master_key_file(config)) if table.nts.certificate_file else None
    settings = _settings(table, page, keys, master_key.name if master_key else "")
    process = ChildProcess(
        "the NTP server",
        "ntp.server.master",
        lambda: msgspec.json.encode(settings),
        fds=[page.fileno(), *([master_key.fd] if master_key else [])],
        events=SAYS,
        loop=loop,
        recorder=recorder,
    )
    server = NtpServer(
        served,
        page,
        process,
        _keys_process(table, master_key, loop, recorder) if master_key else None,
        listen=table.listen,
        port=table.port,
        loop=loop,
        recorder=recorder,
    )
    process.take = server.take_status
    return server


def _settings(table: NtpServerConfig, page: TimePage, keys: Mapping[int, Key], master_key_file: str) -> ServerSettings:
    return ServerSettings(
        time_fd=page.fileno(),
        listen=table.listen,
        port=table.port,
        interface=table.interface,
        namespace=table.namespace,
        hardware_stamps=table.timestamping == "hardware",
        dscp=table.dscp,
        workers=table.workers,
        user=table.user,
        allow=table.allow,
        deny=table.deny,
        rate_interval_s=table.rate_interval_s,
        rate_burst=table.rate_burst,
        leak_one_in=table.rate_leak,
        kiss_one_in=table.rate_kiss,
        client_table_bits=table.client_log,
        keys=tuple((key.key_id, key.kind, key.secret) for key in keys.values()),
        gather_us=table.gather_us,
        nts=NtsSettings(master_key_file=master_key_file) if master_key_file else None,
    )


def _keys_process(table: NtpServerConfig, master_key: SharedFolder, loop: Loop, recorder: Recorder) -> KeysProcess:
    nts = table.nts
    certificate = SharedFile(nts.certificate_file, "certificate_file")
    private_key = SharedFile(nts.private_key_file, "private_key_file")

    def settings() -> KeServerSettings:
        return KeServerSettings(
            certificate_file=certificate.name,
            key_file=private_key.name,
            master_key_file=master_key.name,
            listen=table.listen,
            port=nts.port,
            ntp_server=nts.ntp_server,
            ntp_port=table.port,
            rotation_s=nts.rotation_s,
            timeout_s=nts.timeout_s,
            max_connections=nts.max_connections,
            max_connections_per_client=nts.max_connections_per_client,
            interface=table.interface,
            namespace=table.namespace,
            user=table.user,
        )

    return KeysProcess(settings, certificate, private_key, master_key, loop=loop, recorder=recorder)


def _master_key_file(config: Config) -> Path:
    """Return the file of the master key; its folder in the state directory is the server's own."""
    nts, where = config.ntp.server.nts, "ntp.server.nts.master_key_file"
    file = Path(nts.master_key_file) if nts.master_key_file else Path(config.state.directory) / _MASTER_KEY
    if not nts.master_key_file and not config.state.directory:
        raise ConfigError("is missing", where=where, why="there is no state directory to keep it in")
    try:
        if nts.master_key_file:
            file.parent.stat()
        else:
            child.give_folder(file.parent, config.ntp.server.user)
    except OSError as error:
        raise ConfigError("cannot be used", where=f"{where} {file.parent}", why=str(error.strerror)) from error
    return file


def _check_stamps(table: NtpServerConfig, clock: str) -> None:
    """Refuse a NIC that is not stamped by the clock that is served."""
    if table.timestamping != "hardware":
        return
    info = timestamping_info(table.interface)
    if not info.stamps_in_hardware or f"/dev/ptp{info.phc_index}" != clock:
        raise ConfigError(
            f"{table.interface} is not stamped by {clock}",
            where="ntp.server.timestamping",
            next_step="name the interface's own clock; `ptpstack nics` shows it",
        )
