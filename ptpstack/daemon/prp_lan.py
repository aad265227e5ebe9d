"""Which of PRP's two networks an interface is on, by the trailers of what it hears; and cables in the wrong place."""

from __future__ import annotations

from collections import Counter

from ptpstack.daemon.events import PrpLanMixed
from ptpstack.observe.recorder import Recorder
from ptpstack.wire.redundancy_trailer import redundancy_trailer


class PrpLan:
    """The trailers heard on *interface*, counted in *counters* by their LAN."""

    def __init__(self, interface: str, counters: Counter[str], recorder: Recorder) -> None:
        self._interface = interface
        self._counters = counters
        self._recorder = recorder
        self._lan = ""

    def heard(self, payload: bytes, source: str) -> None:
        """Take a frame; tell when the LAN that it says is another than that of the frame before."""
        trailer = redundancy_trailer(payload)
        if trailer is None:
            return
        self._counters[f"PRP trailer of LAN {trailer.lan}"] += 1
        before, self._lan = self._lan, trailer.lan
        if before not in ("", trailer.lan):
            self._counters["PRP LAN mixed"] += 1
            if self._counters["PRP LAN mixed"] == 1:
                self._recorder.record(
                    PrpLanMixed(interface=self._interface, source=source, lan=trailer.lan, lan_before=before)
                )
