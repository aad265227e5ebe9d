"""``python3 -m tests.vm.guest.ntp_responder DEVICE ADDRESS …``: serves a hardware clock's time by NTP.

A server of the guest's system clock would follow the client that steers that; this one knows the truth.
"""

import socket
import sys

from hw.phc import Phc
from ptpstack.time import SECOND, UtcTime
from tests.ntp.responder import answer

TAI_OFFSET_S = 37


def main(device: str, address: str, offset_s: str = "0") -> None:
    phc = Phc(device)
    offset = round(float(offset_s) * SECOND)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((address, 123))
        while True:
            answer(server, lambda: UtcTime(int(phc.time()) - TAI_OFFSET_S * SECOND + offset))


if __name__ == "__main__":
    main(*sys.argv[1:])
