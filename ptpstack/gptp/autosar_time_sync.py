"""What AUTOSAR adds to the Follow_Ups of one port: made when it sends, checked when it receives.

AUTOSAR PRS_TimeSyncProtocol. A relay hands on what the grandmaster said, with CRCs of its own: the correctionField that
they cover is another after it.
"""

from __future__ import annotations

from ptpstack.engine.port_messages import PortMessages
from ptpstack.gptp.autosar_crc import data_id_of, secured, time_secured
from ptpstack.gptp.events import AutosarContentChanged
from ptpstack.gptp.settings import AutosarSettings, CrcCheck
from ptpstack.wire.message import encode
from ptpstack.wire.messages import FollowUp, Sync
from ptpstack.wire.tlv import Tlv
from ptpstack.wire.tlvs.autosar import AutosarTimeSync, OffsetTime, Status, SubTlv, TimeSecured, UserData
from ptpstack.words import counted


class AutosarTimeSyncPort:
    """Makes and checks the TLV of one port."""

    def __init__(self, settings: AutosarSettings, messages: PortMessages) -> None:
        self._settings = settings
        self._messages = messages
        self.received: tuple[SubTlv, ...] = ()
        """What the last Follow_Up said beside its CRCs."""

    # -- sending -----------------------------------------------------------------------------------------

    def extend(self, follow_up: FollowUp, handed_on: tuple[SubTlv, ...] | None) -> None:
        """Add the TLV to *follow_up*: what was *handed_on*, or (None) what this grandmaster says; nothing if empty."""
        settings = self._settings
        data_id = data_id_of(settings.data_ids, follow_up.sequence_id)
        told = settings.sub_tlvs if handed_on is None else handed_on
        rest = tuple(secured(sub_tlv, data_id) for sub_tlv in told)
        flags = settings.crc_time_flags
        if flags is None:
            if rest:
                follow_up.tlvs = (*follow_up.tlvs, AutosarTimeSync(rest))
            return
        before = follow_up.tlvs
        follow_up.tlvs = (*before, AutosarTimeSync((TimeSecured(flags, 0, 0), *rest)))  # as long as it will be
        crcs = time_secured(encode(follow_up), flags, data_id)
        follow_up.tlvs = (*before, AutosarTimeSync((crcs, *rest)))

    # -- receiving ---------------------------------------------------------------------------------------

    def refusal(self, message: FollowUp | Sync) -> str:
        """Return why *message*, a Follow_Up or one-step Sync, is not to be used, "" if it may be; keep what it says."""
        tlv = _autosar(message.tlvs)
        sub_tlvs = tlv.sub_tlvs if tlv is not None else ()
        reason = self._why_not(message, sub_tlvs)
        if not reason:
            self._take(tuple(sub_tlv for sub_tlv in sub_tlvs if not isinstance(sub_tlv, TimeSecured)))
        return reason

    def _why_not(self, message: FollowUp | Sync, sub_tlvs: tuple[SubTlv, ...]) -> str:
        check = self._settings.crc_check
        time = next((sub_tlv for sub_tlv in sub_tlvs if isinstance(sub_tlv, TimeSecured)), None)
        if check is CrcCheck.IGNORED:
            return ""
        if check is CrcCheck.NOT_VALIDATED:
            return "secured, where the configuration wants unsecured ones" if _has_crc(sub_tlvs) else ""
        if time is None and check is CrcCheck.VALIDATED:
            return "no Time Secured sub-TLV"
        data_id = data_id_of(self._settings.data_ids, message.sequence_id)
        if time is not None and time != time_secured(encode(message), time.crc_time_flags, data_id):
            return "the CRC of Time Secured is wrong"
        for sub_tlv in sub_tlvs:
            if sub_tlv != secured(sub_tlv, data_id):
                return f"the CRC of {type(sub_tlv).__name__} is wrong"
        return ""

    def _take(self, sub_tlvs: tuple[SubTlv, ...]) -> None:
        said, before = _content(sub_tlvs), _content(self.received)
        self.received = sub_tlvs
        if said == before:
            return
        self._messages.tell(AutosarContentChanged, content=said, was=before)


def _autosar(tlvs: tuple[Tlv, ...]) -> AutosarTimeSync | None:
    return next((tlv for tlv in tlvs if isinstance(tlv, AutosarTimeSync)), None)


def _has_crc(sub_tlvs: tuple[SubTlv, ...]) -> bool:
    return any(isinstance(sub_tlv, TimeSecured) or getattr(sub_tlv, "secured", False) for sub_tlv in sub_tlvs)


def _content(sub_tlvs: tuple[SubTlv, ...]) -> tuple[str, ...]:
    """Return what *sub_tlvs* say, without their CRCs, for people."""
    said = []
    for sub_tlv in sub_tlvs:
        match sub_tlv:
            case Status():
                said.append(f"status 0x{sub_tlv.status:02X}")
            case UserData():
                said.append(f"user data {sub_tlv.octets[: sub_tlv.length].hex() or 'none'}")
            case OffsetTime():
                said.append(f"domain {sub_tlv.ofs_time_domain} {sub_tlv.seconds}.{sub_tlv.nanoseconds:09d} s ahead")
            case _:
                said.append(f"sub-TLV of {counted(len(sub_tlv.to_octets()), 'octet')}")
    return tuple(said)
