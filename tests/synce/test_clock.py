"""What a SyncE clock tells on each link: the level of what leaves there, and never back to where it comes from."""

from ptpstack.synce.clock import FrequencyLock, SyncEClock
from ptpstack.synce.esmc_port import EsmcPort
from ptpstack.synce.quality_level import quality_levels
from ptpstack.synce.selection import FrequencySource, Selection
from ptpstack.time import SECOND, MonotonicTime
from ptpstack.wire.esmc import EsmcPdu, ExtendedQl, encode
from ptpstack.wire.types import ClockIdentity

LEVELS = quality_levels(1)
OWN, ABOVE = ClockIdentity.from_text("0000aa.fffe.000001"), ClockIdentity.from_text("0000bb.fffe.000001")


class Bench:
    def __init__(self, own: str = "eEEC1", lock: FrequencyLock = FrequencyLock.LOCKED) -> None:
        ports = [EsmcPort(name, LEVELS, extends=True) for name in ("up", "down")]
        sources = [FrequencySource("up", 1), FrequencySource("gnss", 2)]
        selection = Selection(sources, LEVELS, LEVELS.named(own), wait_to_restore=10 * SECOND, hold_off=0)
        self.clock = SyncEClock(OWN, ports, selection)
        self.clock.lock = lock
        self.now = MonotonicTime(0)
        self.sent: list[tuple[float, str, EsmcPdu]] = []
        for name in ("up", "down"):
            self.clock.link_changed(name, self.now, up=True)

    def hear(self, level: str, extended: ExtendedQl | None = None) -> None:
        self.clock.receive("up", encode(EsmcPdu(LEVELS.named(level).ssm, extended=extended)), self.now)

    def run(self, seconds: float, level: str = "", extended: ExtendedQl | None = None) -> None:
        """Let time pass, with a PDU of *level* from above each second."""
        for tenth in range(round(seconds * 10)):
            if level and tenth % 10 == 0:
                self.hear(level, extended)
            self.clock.handle_deadline(self.now)
            self.sent += [(self.now / SECOND, name, pdu) for name, pdu in self.clock.due(self.now)]
            self.now += SECOND // 10

    def told(self, name: str) -> list[EsmcPdu]:
        return [pdu for _, sent_on, pdu in self.sent if sent_on == name]


def test_one_pdu_a_second_on_each_link() -> None:
    bench = Bench()
    bench.run(10)
    assert len(bench.told("up")) == len(bench.told("down")) == 10
    assert not any(pdu.is_event for _, _, pdu in bench.sent)


def test_a_change_is_an_event_at_once_and_only_once() -> None:
    bench = Bench()
    bench.run(3.5)
    bench.run(3, "PRC")
    events = [(at, name) for at, name, pdu in bench.sent if pdu.is_event]
    assert events == [(3.5, "down"), (3.5, "up")]
    assert bench.told("down")[-1].ssm == LEVELS.named("PRC").ssm


def test_the_source_is_told_not_to_use_it() -> None:
    bench = Bench()
    bench.run(3, "PRC")
    assert bench.told("up")[-1].ssm == LEVELS.do_not_use.ssm


def test_without_a_source_the_own_oscillator_is_told_everywhere() -> None:
    bench = Bench()
    bench.run(2)
    assert {pdu.ssm for _, _, pdu in bench.sent} == {0xB}
    assert bench.told("up")[-1].extended == ExtendedQl(0x22, OWN, cascaded_eeec=1)


def test_a_clock_that_is_not_locked_does_not_claim_the_level_of_its_source() -> None:
    for lock in (FrequencyLock.UNKNOWN, FrequencyLock.HOLDOVER, FrequencyLock.UNLOCKED):
        bench = Bench(lock=lock)
        bench.run(3, "PRC")
        assert bench.told("down")[-1].ssm == 0xB
        assert bench.clock.level.name == "eEEC1"


def test_silence_for_five_seconds_fails() -> None:
    bench = Bench()
    bench.run(3, "PRC")
    bench.run(3.9)
    assert bench.clock.selection.selected is not None
    bench.run(1)
    assert bench.clock.selection.selected is None
    assert bench.told("down")[-1].ssm == 0xB
    assert bench.told("down")[-1].extended == ExtendedQl(0x22, OWN, cascaded_eeec=1)


def test_silence_leaves_nothing_that_is_always_due() -> None:
    bench = Bench()
    bench.run(3, "PRC")
    bench.clock.receive("down", encode(EsmcPdu(LEVELS.named("PRC").ssm)), bench.now)  # a link that is no source
    for _ in range(10):
        bench.run(1)
        bench.clock.handle_deadline(bench.now)
        assert list(bench.clock.due(bench.now))
        deadline = bench.clock.next_deadline()
        assert deadline is not None
        assert deadline > bench.now


def test_the_extended_tlv_counts_this_clock_in_and_keeps_the_source() -> None:
    bench = Bench()
    bench.run(2, "PRC", ExtendedQl(0x20, ABOVE, cascaded_eeec=2))
    assert bench.told("down")[-1].extended == ExtendedQl(0x20, ABOVE, cascaded_eeec=3)
    assert bench.clock.level.name == "PRTC"


def test_a_clock_that_is_not_enhanced_makes_the_chain_mixed() -> None:
    bench = Bench(own="EEC1")
    bench.run(2, "PRC", ExtendedQl(0x20, ABOVE, cascaded_eeec=2))
    told = bench.told("down")[-1].extended
    assert told == ExtendedQl(0x20, ABOVE, mixed_eec_eeec=True, cascaded_eeec=2, cascaded_eec=1)


def test_a_source_without_the_extended_tlv_makes_the_chain_partial() -> None:
    bench = Bench()
    bench.run(2, "PRC")
    assert bench.told("down")[-1].extended == ExtendedQl(0xFF, OWN, partial_chain=True, cascaded_eeec=1)


def test_a_link_that_goes_down_fails_at_once_and_comes_back_after_the_time_to_restore() -> None:
    bench = Bench()
    bench.run(2, "PRC")
    bench.clock.link_changed("up", bench.now, up=False)
    bench.run(1)
    assert bench.clock.selection.selected is None
    bench.clock.link_changed("up", bench.now, up=True)
    bench.run(9, "PRC")
    assert bench.clock.selection.selected is None
    bench.run(3, "PRC")
    assert bench.clock.selection.selected is not None


def test_an_input_without_esmc_may_be_the_source() -> None:
    bench = Bench()
    bench.clock.input_changed("gnss", LEVELS.named("PRTC"), "", bench.now)
    bench.run(2)
    assert [pdu.ssm for pdu in bench.told("down")][-1] == 2
    assert bench.told("down")[-1].extended == ExtendedQl(0x20, OWN, cascaded_eeec=1)
    assert bench.told("up")[-1].ssm == 2
    bench.clock.input_changed("gnss", None, "pulses stopped", bench.now)
    bench.run(2)
    assert bench.told("down")[-1].ssm == 0xB


def test_a_code_of_the_other_option_is_not_to_be_used() -> None:
    bench = Bench()
    bench.clock.receive("up", encode(EsmcPdu(0x7)), bench.now)
    assert bench.clock.selection.selected is None
    assert bench.clock.ports["up"].counters["invalid"] == 1


def test_a_flood_is_counted_and_not_followed() -> None:
    bench = Bench()
    for number in range(100):
        bench.clock.receive("up", encode(EsmcPdu(2 if number % 2 else 4)), bench.now)
    assert bench.clock.ports["up"].counters["too many"] == 90


def test_rubbish_is_counted() -> None:
    bench = Bench()
    bench.clock.receive("up", encode(EsmcPdu(2))[:12], bench.now)
    assert bench.clock.ports["up"].counters["malformed"] == 1
