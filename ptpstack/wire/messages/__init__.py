"""The ten message types of IEEE 1588-2019 (clauses 13 and 15), one a file."""

from ptpstack.wire.messages.announce import Announce
from ptpstack.wire.messages.delay_req import DelayReq
from ptpstack.wire.messages.delay_resp import DelayResp
from ptpstack.wire.messages.follow_up import FollowUp
from ptpstack.wire.messages.management import Management
from ptpstack.wire.messages.pdelay_req import PdelayReq
from ptpstack.wire.messages.pdelay_resp import PdelayResp
from ptpstack.wire.messages.pdelay_resp_follow_up import PdelayRespFollowUp
from ptpstack.wire.messages.signaling import Signaling
from ptpstack.wire.messages.sync import Sync

__all__ = [
    "Announce",
    "DelayReq",
    "DelayResp",
    "FollowUp",
    "Management",
    "PdelayReq",
    "PdelayResp",
    "PdelayRespFollowUp",
    "Signaling",
    "Sync",
]
