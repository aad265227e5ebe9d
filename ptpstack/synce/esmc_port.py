"""The ESMC of one link: what is heard within five seconds, what is sent each second and at once when it changes.

ITU-T G.8264 11.3.2: information PDUs once a second, event PDUs on a change, no PDU for five seconds is QL-FAILED.
"""

from __future__ import annotations

from ptpstack.errors import WireError
from ptpstack.synce.quality_level import QualityLevel, QualityLevels
from ptpstack.time import SECOND, MonotonicTime, TimeInterval
from ptpstack.wire.esmc import EsmcPdu, ExtendedQl, decode

INTERVAL: TimeInterval = SECOND
RECEIVE_TIMEOUT: TimeInterval = 5 * SECOND
PDUS_A_SECOND = 10
"""What a peer may send in a second before it counts as rubbish, as slow protocols allow it."""


class EsmcPort:
    """One link; *extends* also sends the extended QL TLV."""

    def __init__(self, name: str, levels: QualityLevels, *, extends: bool) -> None:
        self.name = name
        self.received: EsmcPdu | None = None
        self.counters = {"received": 0, "sent": 0, "events received": 0, "malformed": 0, "invalid": 0, "too many": 0}
        self._levels = levels
        self._extends = extends
        self._heard_at: MonotonicTime | None = None
        self._sent: EsmcPdu | None = None
        self._send_at: MonotonicTime | None = None
        self._second_began = MonotonicTime(0)
        self._in_second = 0

    # -- receiving -------------------------------------------------------------------------------------

    def receive(self, payload: bytes, now: MonotonicTime) -> QualityLevel | None:
        """Take a slow-protocols frame; return the level it tells, None where it tells none that counts."""
        try:
            pdu = decode(payload)
        except WireError:
            self.counters["malformed"] += 1
            return None
        if pdu is None:
            return None
        if now - self._second_began >= SECOND:
            self._second_began, self._in_second = now, 0
        self._in_second += 1
        if self._in_second > PDUS_A_SECOND:
            self.counters["too many"] += 1
            return None
        self.counters["received"] += 1
        self.counters["events received"] += pdu.is_event
        level = self._levels.of_codes(pdu.ssm, pdu.extended.enhanced_ssm if pdu.extended else 0xFF)
        if level is None:  # a code of the other network option, or reserved: not to be used (G.781)
            self.counters["invalid"] += 1
            level = self._levels.do_not_use
        self.received, self._heard_at = pdu, now
        return level

    def falls_silent(self, now: MonotonicTime) -> bool:
        """Forget a level that no PDU told for too long; return whether there was one."""
        if self._heard_at is None or now - self._heard_at < RECEIVE_TIMEOUT:
            return False
        self.received = self._heard_at = None
        return True

    def forget(self) -> None:
        """Take that the link went down."""
        self.received = self._heard_at = self._sent = self._send_at = None

    # -- sending ---------------------------------------------------------------------------------------

    def due(self, level: QualityLevel, extended: ExtendedQl, now: MonotonicTime) -> EsmcPdu | None:
        """Return what is to be sent now: at the interval, and at once when it changed; None: nothing yet."""
        told = EsmcPdu(level.ssm, extended=extended if self._extends else None)
        changed = self._sent is not None and told != self._sent
        if not changed and self._send_at is not None and now < self._send_at:
            return None
        self._sent = told
        self._send_at = now + INTERVAL
        self.counters["sent"] += 1
        return EsmcPdu(told.ssm, is_event=changed, extended=told.extended)

    # -- deadlines -------------------------------------------------------------------------------------

    def next_deadline(self) -> MonotonicTime | None:
        """Return when something is due or silence counts; None: as soon as the link is up."""
        times = [self._send_at]
        if self._heard_at is not None:
            times.append(self._heard_at + RECEIVE_TIMEOUT)
        return min((at for at in times if at is not None), default=None)
