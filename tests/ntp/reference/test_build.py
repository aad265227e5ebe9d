"""How wrong a reference clock may be, by what is configured."""

from __future__ import annotations

import socket

import pytest

from ntp.reference.receivers import GpsdInput
from ptpstack.config.ntp_reference_table import NtpReference
from ptpstack.daemon.reference_build import MESSAGE_BOUND, PULSE_BOUND, build_references
from ptpstack.time import MICROSECOND, MILLISECOND, TimeInterval


@pytest.mark.parametrize(
    ("keys", "pulses", "messages"),
    [
        ({}, PULSE_BOUND, MESSAGE_BOUND),
        ({"accuracy_ns": 1000}, MICROSECOND, MESSAGE_BOUND),
        ({"accuracy_ns": 20_000_000, "delay_ns": 120_000_000}, PULSE_BOUND, 20 * MILLISECOND),
        ({"accuracy_ns": 1000, "delay_ns": 120_000_000}, MICROSECOND, MICROSECOND),
        ({"delay_ns": 120_000_000}, PULSE_BOUND, MESSAGE_BOUND),
    ],
)
def test_what_is_stated_of_gpsd_is_of_its_pulses_unless_the_delay_of_messages_is_known(
    keys: dict[str, int], pulses: TimeInterval, messages: TimeInterval
) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        (built,) = build_references([NtpReference(name="gps", type="gpsd", gpsd_port=port, **keys)])  # type: ignore[arg-type]
        gpsd = built.input
        gpsd.close()
    assert isinstance(gpsd, GpsdInput)
    assert (gpsd._pulse_bound, gpsd._bound) == (pulses, messages)
