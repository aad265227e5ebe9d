"""Traffic for the benches, from a node of its own: a synthetic master, or a crowd of slaves asking.

``python -m lab.bench.generator master|syncs|requests INTERFACE SECONDS RATE_OR_WINDOW`` prints one JSON line: a master
of many Delay_Reqs, or of one a second beside its Syncs; or many who ask.
Frames are made once and patched: a generator must be quicker than what it measures.
"""

from __future__ import annotations

import json
import socket
import struct
import sys
import time

from ptpstack.wire import addresses
from ptpstack.wire.message import Flag, encode
from ptpstack.wire.messages import Announce, DelayReq, DelayResp, FollowUp, Sync
from ptpstack.wire.types import ClockIdentity, ClockQuality, PortIdentity

MASTER = PortIdentity(ClockIdentity.from_text("020000.fffe.000001"), 1)
PEER = PortIdentity(ClockIdentity.from_text("020000.fffe.000002"), 1)
LOG_ANNOUNCE_INTERVAL = -4
SENDER_AT = 14 + 20
SEQUENCE_ID_AT = 14 + 30
TIMESTAMP_AT = 14 + 34
REQUESTER_AT = 14 + 44
TYPE_AT = 14
DELAY_REQ, DELAY_RESP = 1, 9
LOG_DELAY_REQ_INTERVALS = {"master": -7, "syncs": 0}
_SEQUENCE_ID = struct.Struct("!H")
_TIMESTAMP = struct.Struct("!HLL")


def frame(source: bytes, payload: bytes) -> bytearray:
    """Return an Ethernet frame to the primary group."""
    return bytearray(addresses.MAC_PRIMARY + source + addresses.ETHERTYPE.to_bytes(2, "big") + payload)


def master(
    sock: socket.socket, source: bytes, seconds: float, rate: float, log_delay_req_interval: int
) -> dict[str, float]:
    """Announce, send Sync with Follow_Up *rate* times a second, answer; tell when the first Delay_Req came."""
    sync = frame(source, encode(Sync(source_port_identity=MASTER, flag_field=Flag.TWO_STEP, log_message_interval=-7)))
    follow_up = frame(source, encode(FollowUp(source_port_identity=MASTER, log_message_interval=-7)))
    announce = frame(
        source,
        encode(
            Announce(
                source_port_identity=MASTER,
                grandmaster_identity=MASTER.clock_identity,
                grandmaster_clock_quality=ClockQuality(6, 0x21, 0x4E5D),
                grandmaster_priority1=1,
                log_message_interval=LOG_ANNOUNCE_INTERVAL,
            )
        ),
    )
    response = frame(
        source, encode(DelayResp(source_port_identity=MASTER, log_message_interval=log_delay_req_interval))
    )
    announce_each = round(rate * 2.0**LOG_ANNOUNCE_INTERVAL)
    first_request_s, sent, answered = 0.0, 0, 0
    start = time.monotonic()
    while (now := time.monotonic()) < start + seconds:
        due = start + sent / rate
        if now < due:
            sock.settimeout(due - now)
            try:
                received = sock.recv(256)
            except TimeoutError:
                continue
            if received[TYPE_AT] & 0x0F == DELAY_REQ:
                first_request_s = first_request_s or time.monotonic()
                _write_time(response)
                response[SEQUENCE_ID_AT : SEQUENCE_ID_AT + 2] = received[SEQUENCE_ID_AT : SEQUENCE_ID_AT + 2]
                response[REQUESTER_AT : REQUESTER_AT + 10] = received[SENDER_AT : SENDER_AT + 10]
                sock.send(response)
                answered += 1
            continue
        for message in (announce, sync, follow_up):
            _SEQUENCE_ID.pack_into(message, SEQUENCE_ID_AT, sent & 0xFFFF)
        _write_time(follow_up)
        sock.send(sync)
        sock.send(follow_up)
        if sent % announce_each == 0:
            sock.send(announce)
        sent += 1
    return {"sent": sent, "answered": answered, "first_request_s": first_request_s}


def _write_time(message: bytearray) -> None:
    """Write the time of day into the message's timestamp."""
    seconds, ns = divmod(time.time_ns(), 1_000_000_000)
    _TIMESTAMP.pack_into(message, TIMESTAMP_AT, seconds >> 32, seconds & 0xFFFFFFFF, ns)


def requests(sock: socket.socket, source: bytes, seconds: float, window: int) -> dict[str, float]:
    """Keep *window* Delay_Req under way for *seconds*; tell how many were answered."""
    request = frame(source, encode(DelayReq(source_port_identity=PEER, log_message_interval=0x7F)))
    sent = answered = 0
    sock.settimeout(0.05)
    start = time.monotonic()
    end = start + seconds
    under_way = 0
    while (now := time.monotonic()) < end:
        while under_way < window:
            _SEQUENCE_ID.pack_into(request, SEQUENCE_ID_AT, sent & 0xFFFF)
            sock.send(request)
            sent += 1
            under_way += 1
        try:
            if sock.recv(256)[TYPE_AT] & 0x0F == DELAY_RESP:
                answered += 1
                under_way -= 1
        except TimeoutError:
            under_way = 0
    return {"sent": sent, "answered": answered, "seconds": now - start}


def main(arguments: list[str]) -> int:
    kind, interface, seconds, parameter = arguments
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(addresses.ETHERTYPE)) as sock:
        sock.bind((interface, addresses.ETHERTYPE))
        source = sock.getsockname()[4]
        if kind in LOG_DELAY_REQ_INTERVALS:
            result = master(sock, source, float(seconds), float(parameter), LOG_DELAY_REQ_INTERVALS[kind])
        else:
            result = requests(sock, source, float(seconds), int(parameter))
    print(json.dumps(result), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
