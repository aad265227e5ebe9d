"""PortAnnounceInformation: what a port knows of the grandmaster (IEEE 802.1AS-2020 10.3.12, Figure 10-14)."""

from __future__ import annotations

from enum import Enum, auto

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.events import InformationAged
from ptpstack.gptp.machine import Machine, always, earliest, sensible
from ptpstack.gptp.port_announce_receive import path_of
from ptpstack.gptp.priority import PriorityVector
from ptpstack.gptp.variables import InfoIs, InstanceVariables, PortVariables
from ptpstack.time import (
    SECOND,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_seconds,
)
from ptpstack.wire.messages.announce import Announce


class State(Enum):
    """The states of the figure."""

    DISABLED = auto()
    AGED = auto()
    UPDATE = auto()
    CURRENT = auto()
    RECEIVE = auto()
    SUPERIOR_MASTER_PORT = auto()
    REPEATED_MASTER_PORT = auto()
    INFERIOR_MASTER_OR_OTHER_PORT = auto()


FIRST_SYNC_LEAST: TimeInterval = SECOND
"""Least Sync interval that counts for the first Sync of a new parent, whose interval is not known yet."""


class PortAnnounceInformation(Machine):
    """Keeps portPriority and infoIs of one port."""

    def __init__(self, instance: InstanceVariables, port: PortVariables, messages: PortMessages) -> None:
        super().__init__(State.DISABLED)
        self._instance = instance
        self._port = port
        self._messages = messages
        self._received: Announce | None = None
        self._announce_receipt_timeout_time: MonotonicTime | None = None
        self._announce_receipt_timeout_s = 0.0

    def receive(self, announce: Announce, now: MonotonicTime) -> None:
        """Take a qualified Announce."""
        self._received = announce
        self.run(now)

    def refresh_deadline(self) -> None:
        """Take that syncReceiptTimeoutTime is another."""
        if self._port.info_is is InfoIs.RECEIVED:
            sync_deadline = self._port.sync_receipt_timeout_time if self._instance.gm_present else None
            self.deadline = earliest(self._announce_receipt_timeout_time, sync_deadline)
        else:
            self.deadline = None

    # -- conditions --------------------------------------------------------------------------------------

    def _is_disabled(self) -> bool:
        return not self._port.is_active

    def _is_enabled(self) -> bool:
        return self._port.is_active

    def _is_selected_anew(self) -> bool:
        return self._port.selected and self._port.updt_info

    def _is_aged(self) -> bool:
        if self._port.info_is is not InfoIs.RECEIVED or self._port.updt_info or self._received is not None:
            return False
        return self._announce_is_overdue() or self._sync_is_overdue()

    def _announce_is_overdue(self) -> bool:
        at = self._announce_receipt_timeout_time
        return at is not None and self.now >= at

    def _sync_is_overdue(self) -> bool:
        at = self._port.sync_receipt_timeout_time
        return self._instance.gm_present and at is not None and self.now >= at

    def _has_received(self) -> bool:
        return self._received is not None and not self._port.updt_info

    def _message_priority(self) -> PriorityVector:
        assert self._received is not None
        return PriorityVector.of_announce(self._received, self._port.port_number)

    def _is_superior(self) -> bool:
        """Better than what is known, or another word of the same port (10.3.5)."""
        message, known = self._message_priority(), self._port.port_priority
        if known is None or message < known:
            return True
        return message.source_port_identity == known.source_port_identity and message != known

    def _is_repeated(self) -> bool:
        return self._message_priority() == self._port.port_priority and self._port.info_is is InfoIs.RECEIVED

    # -- what is done in a state ---------------------------------------------------------------------------

    def _disable(self) -> None:
        self._received = None
        self._forget()
        self._port.info_is = InfoIs.DISABLED
        self._reselect()

    def _age(self) -> None:
        port = self._port
        if port.info_is is InfoIs.RECEIVED and port.port_priority is not None:
            sync = self._sync_is_overdue()
            self._messages.tell(
                InformationAged,
                port_identity=port.port_priority.source_port_identity,
                what="Sync" if sync else "Announce",
                timeout_s=port.sync_receipt_timeout_s if sync else self._announce_receipt_timeout_s,
            )
        self._forget()
        port.info_is = InfoIs.AGED
        self._reselect()

    def _forget(self) -> None:
        port = self._port
        port.port_priority = port.announce = None
        port.path_trace = ()
        port.sync_receipt_timeout_time = self._announce_receipt_timeout_time = None
        self.deadline = None

    def _update(self) -> None:
        port = self._port
        port.port_priority = port.master_priority
        port.announce = None
        port.updt_info = False
        port.info_is = InfoIs.MINE
        port.new_info = True
        port.sync_receipt_timeout_time = self._announce_receipt_timeout_time = None
        self.deadline = None

    def _superior(self) -> None:
        """Keep what the Announce says; the first Sync of a new parent or grandmaster may take a while."""
        port = self._port
        known = (port.parent_port_identity(), port.port_priority.root if port.port_priority is not None else None)
        assert self._received is not None
        port.port_priority = self._message_priority()
        port.announce = self._received
        port.path_trace = path_of(self._received)
        if known != (port.port_priority.source_port_identity, port.port_priority.root):
            interval = max(FIRST_SYNC_LEAST, interval_from_log2_seconds(port.settings.log_sync_interval))
            timeout = port.settings.sync_receipt_timeout * interval
            port.sync_receipt_timeout_time = self.now + timeout
            port.sync_receipt_timeout_s = interval_to_seconds(timeout)
        port.info_is = InfoIs.RECEIVED
        self._renew_timeout()
        self._reselect()

    def _repeated(self) -> None:
        """Take the newest flags; the choice stays as it is."""
        assert self._received is not None
        self._port.path_trace = path_of(self._received)
        self._port.announce = self._received
        self._renew_timeout()

    def _inferior(self) -> None:
        self._received = None

    def _renew_timeout(self) -> None:
        assert self._received is not None
        interval = interval_from_log2_seconds(sensible(self._received.log_message_interval))
        timeout = self._port.settings.announce_receipt_timeout * interval
        self._received = None
        self._announce_receipt_timeout_time = self.now + timeout
        self._announce_receipt_timeout_s = interval_to_seconds(timeout)
        self.refresh_deadline()

    def _reselect(self) -> None:
        self._port.reselect = True
        self._port.selected = False

    ROWS = (
        (None, _is_disabled, State.DISABLED),
        (State.DISABLED, _is_enabled, State.AGED),
        (State.AGED, _is_selected_anew, State.UPDATE),
        (State.AGED, _has_received, State.RECEIVE),
        (State.UPDATE, always, State.CURRENT),
        (State.CURRENT, _is_selected_anew, State.UPDATE),
        (State.CURRENT, _is_aged, State.AGED),
        (State.CURRENT, _has_received, State.RECEIVE),
        (State.RECEIVE, _is_superior, State.SUPERIOR_MASTER_PORT),
        (State.RECEIVE, _is_repeated, State.REPEATED_MASTER_PORT),
        (State.RECEIVE, always, State.INFERIOR_MASTER_OR_OTHER_PORT),
        (State.SUPERIOR_MASTER_PORT, always, State.CURRENT),
        (State.REPEATED_MASTER_PORT, always, State.CURRENT),
        (State.INFERIOR_MASTER_OR_OTHER_PORT, always, State.CURRENT),
    )
    ENTRY = {  # noqa: RUF012 (declared in the base)
        State.DISABLED: _disable,
        State.AGED: _age,
        State.UPDATE: _update,
        State.SUPERIOR_MASTER_PORT: _superior,
        State.REPEATED_MASTER_PORT: _repeated,
        State.INFERIOR_MASTER_OR_OTHER_PORT: _inferior,
    }
