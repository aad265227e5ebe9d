"""Whatever a neighbour sends, in whatever order: no exception, and no deadline in the past."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ptpstack.wire.message import Message
from ptpstack.wire.types import PortIdentity
from tests.gptp.rig import NEIGHBOR, STRANGER, Rig
from tests.wire.strategies import any_message

SENT = st.tuples(any_message, st.sampled_from([NEIGHBOR, STRANGER, None]), st.integers(0, 3), st.floats(0, 0.7))


def of_this_domain(message: Message, source: PortIdentity | None, sequence_id: int) -> Message:
    message.major_sdo_id, message.minor_sdo_id, message.domain_number = 1, 0, 0
    if source is not None:
        message.source_port_identity, message.sequence_id = source, sequence_id
    return message


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(SENT, max_size=30), st.booleans())
def test_no_message_upsets_an_instance(
    sent: list[tuple[Message, PortIdentity | None, int, float]], follows: bool
) -> None:
    rig = Rig(gptp_capable_state_machines_enabled=False)
    rig.run(2.5)
    if follows:
        rig.announces()
    for message, source, sequence_id, pause in sent:
        rig.receive(of_this_domain(message, source, sequence_id), stamped=message.is_event)
        rig.run(pause)
        deadline = rig.instance.next_deadline()
        assert deadline is None or deadline > rig.now
