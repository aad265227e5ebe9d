"""``python3 -m tests.vm.guest.ntp_responder DEVICE ADDRESS …``: serves a hardware clock's time by NTP.

A server of the guest's system clock would follow the client that steers that; this one knows the truth.
"""

import socket
import sys

from hw.phc import Phc
from ntp.wire.packet import Mode, Packet, decode, encode
from ntp.wire.timestamp import ntp_from_utc
from ptpstack.errors import WireError
from ptpstack.time import SECOND, UtcTime

TAI_OFFSET_S = 37


def main(device: str, address: str, offset_s: str = "0") -> None:
    phc = Phc(device)
    offset = round(float(offset_s) * SECOND)

    def utc() -> UtcTime:
        return UtcTime(int(phc.time()) - TAI_OFFSET_S * SECOND + offset)

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 123))
        while True:
            octets, client = server.recvfrom(1024)
            came = utc()
            try:
                request = decode(octets)
            except WireError:
                continue
            reply = Packet(
                version=request.version,
                mode=Mode.SERVER,
                stratum=1,
                precision=-20,
                root_dispersion=1,
                reference_id=b"PHC\0",
                reference_timestamp=ntp_from_utc(came),
                origin_timestamp=request.transmit_timestamp,
                receive_timestamp=ntp_from_utc(came),
                transmit_timestamp=ntp_from_utc(utc()),
            )
            server.sendto(encode(reply), client)


if __name__ == "__main__":
    main(*sys.argv[1:])
