"""The TLVs that are known by name. Importing this package registers them."""

from ptpstack.wire.tlvs.alternate_time_offset_indicator import AlternateTimeOffsetIndicator
from ptpstack.wire.tlvs.autosar import AutosarTimeSync
from ptpstack.wire.tlvs.ieee_802_1as import (
    FollowUpInformation,
    GptpCapable,
    GptpCapableIntervalRequest,
    MessageIntervalRequest,
)
from ptpstack.wire.tlvs.ieee_c37_238 import IeeeC37238, IeeeC37238Of2011
from ptpstack.wire.tlvs.interface_rate import InterfaceRate
from ptpstack.wire.tlvs.management import ManagementErrorStatus, ManagementTlv
from ptpstack.wire.tlvs.organization_extension import OrganizationExtension
from ptpstack.wire.tlvs.pad import Pad
from ptpstack.wire.tlvs.path_trace import PathTrace
from ptpstack.wire.tlvs.unicast import (
    AcknowledgeCancelUnicastTransmission,
    CancelUnicastTransmission,
    GrantUnicastTransmission,
    RequestUnicastTransmission,
)

__all__ = [
    "AcknowledgeCancelUnicastTransmission",
    "AlternateTimeOffsetIndicator",
    "AutosarTimeSync",
    "CancelUnicastTransmission",
    "FollowUpInformation",
    "GptpCapable",
    "GptpCapableIntervalRequest",
    "GrantUnicastTransmission",
    "IeeeC37238",
    "IeeeC37238Of2011",
    "InterfaceRate",
    "ManagementErrorStatus",
    "ManagementTlv",
    "MessageIntervalRequest",
    "OrganizationExtension",
    "Pad",
    "PathTrace",
    "RequestUnicastTransmission",
]
