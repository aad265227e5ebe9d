"""The kernel's clock discipline as a stand-in: nothing here touches the machine's CLOCK_REALTIME."""

from hw.realtime import RealtimeClock
from hw.timex import Modes, Status, Timex
from ptpstack.time import LocalTime


class Kernel:
    """``clock_adjtime`` with the state that it keeps."""

    def __init__(self, tai: int = 0) -> None:
        self.members = {
            "freq": 0,
            "tick": 10_000,
            "status": int(Status.UNSYNC),
            "tai": tai,
            "maxerror": 0,
            "esterror": 0,
        }
        self.stepped_ns = 0

    def adjtime(self, _clock_id: int, timex: Timex) -> int:
        modes = Modes(timex.modes)
        for mode, member, source in (
            (Modes.FREQUENCY, "freq", "freq"),
            (Modes.TICK, "tick", "tick"),
            (Modes.STATUS, "status", "status"),
            (Modes.TAI, "tai", "constant"),
            (Modes.MAXERROR, "maxerror", "maxerror"),
            (Modes.ESTERROR, "esterror", "esterror"),
        ):
            if mode in modes:
                self.members[member] = getattr(timex, source)
        if Modes.SETOFFSET in modes:
            self.stepped_ns += timex.tv_sec * 1_000_000_000 + timex.tv_usec
        for member, value in self.members.items():
            setattr(timex, member, value)
        return 0

    @property
    def status(self) -> Status:
        return Status(self.members["status"])


class FakeRealtimeClock(RealtimeClock):
    """CLOCK_REALTIME at *utc_ns*, kept by a stand-in of the kernel."""

    def __init__(self, kernel: Kernel, utc_ns: int = 1_800_000_000_000_000_000, tai_offset_s: int = 37) -> None:
        super().__init__(tai_offset_s=tai_offset_s, adjtime=kernel.adjtime)
        self.kernel = kernel
        self.utc_ns = utc_ns

    def time(self) -> LocalTime:
        return self.local_time(self.utc_ns + self.kernel.stepped_ns)

    def advance(self, ns: int) -> None:
        self.utc_ns += ns
