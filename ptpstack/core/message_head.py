"""The first eight octets of a message, by which the short ways tell what they understand (IEEE 1588-2019 13.3)."""

from __future__ import annotations

from ptpstack.core.datasets import DefaultDS
from ptpstack.wire.message import Message

HEAD_SIZE = 8
UNDERSTOOD_MINOR_VERSIONS = (0, 1)


def message_head(message: type[Message], default_ds: DefaultDS, minor_version: int, flags: int = 0) -> bytes:
    """Return the octets up to flagField of a *message* without TLVs in the domain of *default_ds*."""
    major_sdo_id, minor_sdo_id = divmod(default_ds.sdo_id, 0x100)
    first, second = major_sdo_id << 4 | message.message_type, minor_version << 4 | 2
    return bytes((first, second, 0, message.body_end, default_ds.domain_number, minor_sdo_id, *divmod(flags, 0x100)))
