"""The asking side of unicast negotiation (IEEE 1588-2019 16.1, 17.4): what is wanted of whom, and when it is asked.

Of every master Announces are asked for; of those that the instance follows, or is about to, Sync and Delay_Resp too.
A better master is followed only when it serves, so that there is no gap. One that refuses, or grants and does not
send, fails (PTSF, ``signal_fail``). What does not live here: the table (``unicast_masters``), how one contract moves
(``unicast_contract``), which master is best (``comparison``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ptpstack.core.context import PortContext
from ptpstack.core.datasets import PLAUSIBLE_LOG_INTERVALS
from ptpstack.core.settings import DelayMechanism
from ptpstack.core.signal_fail import SignalFail, SignalFails
from ptpstack.core.timers import Timer
from ptpstack.core.unicast_contract import CANCELS_SENT, Contract, ContractEvent, ContractState
from ptpstack.core.unicast_events import InterfaceRateHeeded, UnicastContractChanged, UnicastUnanswered
from ptpstack.core.unicast_masters import Master, UnicastMasters
from ptpstack.core.unicast_settings import UnicastClientSettings
from ptpstack.time import (
    MICROSECOND,
    NANOSECOND,
    SECOND,
    MonotonicTime,
    TimeInterval,
    interval_from_log2_seconds,
    interval_to_ns,
)
from ptpstack.wire.header import Flag
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs import (
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    InterfaceRate,
    RequestUnicastTransmission,
)
from ptpstack.wire.types import ALL_PORTS, MessageType, PortIdentity

ATTOSECONDS_PER_NANOSECOND = 1_000_000_000
LARGEST_RATE_ASYMMETRY: TimeInterval = 100 * MICROSECOND
"""As 10 Mbit/s on one side give; what says more is not believed."""

SILENT_INTERVALS = 10
UNANSWERED_TOLD = 3
"""So many requests in a row without any answer are told."""

"""Intervals without a message, at least 2 s, after which a granted contract counts as forgotten by its master."""


class UnicastClient:
    """The unicast masters of one port. *decide* asks for a state decision, since one may be followed now or no more."""

    def __init__(
        self,
        context: PortContext,
        settings: UnicastClientSettings,
        fails: SignalFails,
        decide: Callable[[MonotonicTime], None],
    ) -> None:
        self._context = context
        self._fails = fails
        self._settings = settings
        self._decide = decide
        kinds = [MessageType.ANNOUNCE, MessageType.SYNC]
        if context.settings.delay_mechanism is DelayMechanism.E2E:
            kinds.append(MessageType.DELAY_RESP)
        self.masters = UnicastMasters(settings.masters, kinds)
        self._running = False

    # -- what others say of links ------------------------------------------------------------------

    def told_rate(self, rate: InterfaceRate, address: str) -> None:
        """Take how fast the link of the master at *address* is (ITU-T G.8275.2 Annex D)."""
        own, master = self._context.settings.interface_bit_period, self.masters.at(address)
        if master is None or not own:
            return
        bits = rate.number_of_bits_after_timestamp - rate.number_of_bits_before_timestamp
        asymmetry = bits * (rate.interface_bit_period - own) * NANOSECOND // (2 * ATTOSECONDS_PER_NANOSECOND)
        if asymmetry != master.rate_asymmetry and abs(asymmetry) <= LARGEST_RATE_ASYMMETRY:
            master.rate_asymmetry = asymmetry
            self._context.tell(
                InterfaceRateHeeded,
                address=address,
                port_identity=master.port_identity,
                bit_period_ns=rate.interface_bit_period / ATTOSECONDS_PER_NANOSECOND,
                own_bit_period_ns=own / ATTOSECONDS_PER_NANOSECOND,
                asymmetry_ns=interval_to_ns(asymmetry),
            )

    # -- begin and end -----------------------------------------------------------------------------

    def start(self, now: MonotonicTime) -> None:
        """Ask every master for Announces."""
        self._running = True
        for master in self.masters:
            self._move(master, MessageType.ANNOUNCE, ContractEvent.WANTED, now)
        self._arm()

    def stop(self) -> None:
        """Forget everything: nothing can be sent."""
        self._running = False
        self.masters.forget()
        self._context.timers.stop(Timer.UNICAST_CLIENT)

    def cancel_all(self, now: MonotonicTime) -> None:
        """Tell every master that nothing is wanted any more, before the port is shut for good."""
        for master in self.masters:
            for kind in master.contracts:
                self._move(master, kind, ContractEvent.UNWANTED, now, "this port is being shut down")

    def want(self, senders: Iterable[PortIdentity], now: MonotonicTime) -> None:
        """Have Sync and Delay_Resp of *senders*, and of nobody else."""
        if not self._running:
            return
        wanted = {id(master) for sender in senders if (master := self.masters.named(sender)) is not None}
        for master in self.masters:
            event = ContractEvent.WANTED if id(master) in wanted else ContractEvent.UNWANTED
            for kind in master.contracts:
                if kind is not MessageType.ANNOUNCE:
                    self._move(master, kind, event, now)
        self._arm()

    # -- messages ----------------------------------------------------------------------------------

    def hears(self, message_type: MessageType, sender: PortIdentity, address: object, now: MonotonicTime) -> bool:
        """Take that a message came; return whether it came from a master of the table."""
        master = self.masters.at(str(address))
        if master is None:
            return False
        if master.port_identity != sender:
            self.masters.name(master, sender)
        contract = master.contracts.get(message_type)
        if contract is None or contract.expires is None:
            return True
        began = contract.heard is None and message_type is MessageType.SYNC
        contract.heard = now
        if began and master.serves:
            self._decide(now)
        return True

    def granted(self, grant: GrantUnicastTransmission, sender: PortIdentity, address: str, now: MonotonicTime) -> None:
        """Take a grant, or with no duration a refusal."""
        found = self._contract(grant.message_type, sender, address)
        if found is None:
            return
        master, contract = found
        if grant.duration_field == 0:
            self._refused(master, contract, now)
        elif grant.log_inter_message_period not in PLAUSIBLE_LOG_INTERVALS:
            contract.why = f"granted an interval of 2^{grant.log_inter_message_period} s, which is no use"
            self._refused(master, contract, now)
        else:
            wanted = contract.state not in (ContractState.IDLE, ContractState.CANCELLING)
            contract.log_interval = grant.log_inter_message_period
            duration = min(grant.duration_field, 10 * self._settings.duration_s) * SECOND
            rate = f"every 2^{contract.log_interval} s for {grant.duration_field} s"
            self._move(master, contract.message_type, ContractEvent.GRANT, now, rate, duration=duration)
            if wanted:
                self._adopt_interval(contract)
            if contract.message_type is MessageType.DELAY_RESP and master.serves:
                self._decide(now)
        self._arm()

    def _adopt_interval(self, contract: Contract) -> None:
        """What was granted holds (7.7.2): a unicast message does not tell its interval itself."""
        port_ds = self._context.port_ds
        match contract.message_type:
            case MessageType.ANNOUNCE:
                port_ds.log_announce_interval = contract.log_interval
            case MessageType.SYNC:
                port_ds.log_sync_interval = contract.log_interval
            case MessageType.DELAY_RESP:
                port_ds.log_min_delay_req_interval = contract.log_interval

    def _refused(self, master: Master, contract: Contract, now: MonotonicTime) -> None:
        reason = contract.why or "the master refuses"
        contract.why = ""
        held = contract.expires is not None
        self._move(master, contract.message_type, ContractEvent.REFUSAL, now, reason)
        if contract.message_type is not MessageType.ANNOUNCE and not held:
            self._fail(master, SignalFail.UNUSABLE, f"it refuses {contract.message_type.name}", now)

    def cancelled(
        self, cancel: CancelUnicastTransmission, sender: PortIdentity, address: str, now: MonotonicTime
    ) -> bool:
        """Take that a master ends a contract; return whether that is to be acknowledged."""
        if cancel.maintain_grant or self.masters.at(address) is None:
            return False
        found = self._contract(cancel.message_type, sender, address)
        if found is not None:
            master, contract = found
            self._move(master, contract.message_type, ContractEvent.END, now, "the master cancelled it")
            if contract.message_type is MessageType.SYNC:
                self._fail(master, SignalFail.UNUSABLE, "it cancelled its Syncs", now)
            self._arm()
        return True

    def acknowledged(self, message_type: int, sender: PortIdentity, address: str, now: MonotonicTime) -> None:
        """Take that a master has understood a cancellation."""
        found = self._contract(message_type, sender, address)
        if found is not None:
            self._move(found[0], found[1].message_type, ContractEvent.ACKNOWLEDGED, now)
            self._arm()

    def _contract(self, message_type: int, sender: PortIdentity, address: str) -> tuple[Master, Contract] | None:
        """Return the contract that Signaling from *address* is about; others' addresses are nobody's."""
        master = self.masters.at(address)
        if master is None or not self._running:
            return None
        if master.port_identity != sender:
            self.masters.name(master, sender)
        for kind, contract in master.contracts.items():
            if kind == message_type:
                return master, contract
        return None

    # -- failures ----------------------------------------------------------------------------------

    def announce_lost(self, parent: PortIdentity, now: MonotonicTime) -> None:
        """Ask the master whose Announces stopped anew: if it started again, it forgot what it had granted."""
        master = self.masters.named(parent)
        if master is not None:
            self._move(master, MessageType.ANNOUNCE, ContractEvent.END, now, "no Announce came")
            self._arm()

    def _fail(self, master: Master, kind: SignalFail, reason: str, now: MonotonicTime) -> None:
        if master.port_identity is not None:
            self._fails.fail(master.port_identity, kind, reason, now)

    # -- timers ------------------------------------------------------------------------------------

    def on_timer(self, _deadline: MonotonicTime, now: MonotonicTime) -> None:
        """Ask, renew, give up and end whatever is due."""
        for master in self.masters:
            for kind, contract in master.contracts.items():
                if contract.expires is not None and contract.expires <= now:
                    self._move(master, kind, ContractEvent.END, now, "it expired")
                elif (silent := _silent_at(contract)) is not None and silent <= now:
                    self._move(master, kind, ContractEvent.END, now, "nothing came under it")
                    if kind is MessageType.SYNC:
                        self._fail(master, SignalFail.LOSS_SYNC, "it granted Syncs and sends none", now)
                elif contract.timer is not None and contract.timer <= now:
                    gives_up = contract.state is ContractState.CANCELLING and contract.attempts >= CANCELS_SENT
                    self._move(master, kind, ContractEvent.GIVEN_UP if gives_up else ContractEvent.TIMER, now)
        self._arm()

    def _arm(self) -> None:
        due = [
            deadline
            for master in self.masters
            for contract in master.contracts.values()
            for deadline in (contract.timer, contract.expires, _silent_at(contract))
            if deadline is not None
        ]
        if due and self._running:
            self._context.timers.start(Timer.UNICAST_CLIENT, min(due))
        else:
            self._context.timers.stop(Timer.UNICAST_CLIENT)

    # -- how a contract moves ------------------------------------------------------------------------

    def _move(
        self,
        master: Master,
        kind: MessageType,
        event: ContractEvent,
        now: MonotonicTime,
        reason: str = "",
        *,
        duration: TimeInterval = 0,
    ) -> None:
        """Apply *event* to a contract, do what its new state brings, and tell if it is another one."""
        contract = master.contracts[kind]
        old = contract.state
        if not contract.apply(event):
            return
        random, settings = self._context.random, self._settings
        contract.timer = None
        contract.unanswered = contract.unanswered + 1 if event is ContractEvent.TIMER and old is contract.state else 0
        match contract.state:
            case ContractState.REQUESTED | ContractState.RENEWING:
                contract.wait(now, settings.log_query_interval, random)
                if event is not ContractEvent.REFUSAL:  # of a renewal: what was granted runs on, ask again later
                    wish = RequestUnicastTransmission(kind, self._wished_interval(kind), settings.duration_s)
                    self._send(master, wish)
            case ContractState.GRANTED:
                contract.hold(duration, now, random)
                if old is not ContractState.GRANTED and old is not ContractState.RENEWING:
                    contract.granted = now
                contract.lacking = ""
            case ContractState.WAITING:
                contract.wait(now, settings.log_query_interval, random)
                contract.lacking = reason
            case ContractState.CANCELLING:
                contract.wait(now, 0, random)
                self._send(master, CancelUnicastTransmission(kind))
        if contract.state is ContractState.REQUESTED and contract.unanswered == UNANSWERED_TOLD:
            self._context.tell(
                UnicastUnanswered,
                address=master.address,
                port_identity=master.port_identity,
                message=kind.name,
                requests=contract.unanswered,
                domain_number=self._context.data_sets.default_ds.domain_number,
            )
        renewal = {old, contract.state} <= {ContractState.GRANTED, ContractState.RENEWING}
        if old is not contract.state and not renewal:
            self._context.tell(
                UnicastContractChanged,
                address=master.address,
                port_identity=master.port_identity,
                message=kind.name,
                old_state=old.value,
                new_state=contract.state.value,
                cause=event.value,
                reason=reason,
            )

    def _wished_interval(self, kind: MessageType) -> int:
        settings = self._context.settings
        return {
            MessageType.ANNOUNCE: settings.log_announce_interval,
            MessageType.SYNC: settings.log_sync_interval,
            MessageType.DELAY_RESP: settings.log_min_delay_req_interval,
        }[kind]

    def _send(self, master: Master, tlv: Tlv) -> None:
        target = master.port_identity or ALL_PORTS
        self._context.send_general(
            self._context.new(Signaling, flags=Flag.UNICAST, target_port_identity=target, tlvs=(tlv,)),
            address=master.address,
        )


def _silent_at(contract: Contract) -> MonotonicTime | None:
    """Return when a contract under which nothing comes counts as forgotten; nobody asks for Delay_Resp all the time."""
    since = contract.granted if contract.heard is None else contract.heard
    if contract.expires is None or since is None or contract.message_type is MessageType.DELAY_RESP:
        return None
    return since + max(SILENT_INTERVALS * interval_from_log2_seconds(contract.log_interval), 2 * SECOND)
