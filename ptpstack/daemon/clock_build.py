"""A clock and all that steers it. What does not live here: which clock a word means (``clocks``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from hw.clock import Clock
from hw.temperature import TemperatureSensor
from hw.timestamping import Timestamping
from ptpstack.arbiter.arbiter_settings import arbiter_settings
from ptpstack.arbiter.clock_arbiter import ClockArbiter
from ptpstack.arbiter.holdover_worth import holdover_settings
from ptpstack.arbiter.majority_watch import MajorityWatch
from ptpstack.arbiter.path_asymmetry import PathAsymmetries
from ptpstack.config.clock_rules import real_clock
from ptpstack.config.model import Config
from ptpstack.config.ntp_rules import NTP, ntp_writers
from ptpstack.config.ntp_table import accuracy_of
from ptpstack.config.resolve import ResolvedInstance
from ptpstack.config.rules import steers
from ptpstack.config.servo_settings import step_threshold
from ptpstack.daemon.clock_driver import ClockDriver
from ptpstack.daemon.clocks import clock_word, clock_words, contests, open_clock
from ptpstack.daemon.gptp_build import hot_standby, primary_first
from ptpstack.daemon.host_clocks import check_writers, host_writers, refuses_timescale_mismatch
from ptpstack.daemon.kept_state import KeptState
from ptpstack.daemon.leap_seconds import LeapSeconds
from ptpstack.daemon.loop import Loop
from ptpstack.daemon.port_clocks import follower_name
from ptpstack.daemon.servo_settings import servo_for
from ptpstack.daemon.state_store import StateStore
from ptpstack.observe.recorder import Recorder
from ptpstack.servo.sanity import ClockCheck


def build_clock(
    word: str,
    config: Config,
    resolved: Sequence[ResolvedInstance],
    words: Mapping[str, Mapping[int, str]],
    *,
    store: StateStore,
    leap_seconds: LeapSeconds,
    loop: Loop,
    recorder: Recorder,
) -> ClockDriver:
    """Return what steers the clock *word*, which is that of some of the instances' ports, as *words* says.

    Raises ``HardwareError`` or ``ConfigError``.
    """
    users = [instance for instance in resolved if word in words[instance.name].values()]
    clock = open_clock(word, users, config.clock, store)
    kept = KeptState(store)
    host_writer = host_writers(config).get(word, "")
    may_steer = {user.name: user.values for user in users if steers(user.values)}
    steering = primary_first([*may_steer], config.hot_standby)
    followed = [user.profile for user in users if user.name in steering]
    among = [follower_name(user.name) for user in users if len(set(words[user.name].values())) > 1]
    steered_by = [*filter(None, [host_writer]), *steering, *among, *ntp_writers(config, word)]
    check_writers(word, config, [*steering, *among])
    learnt_ppb = kept.frequency_ppb(clock) if steered_by else None
    begins_at_ppb = clock.frequency_ppb() if learnt_ppb is None else learnt_ppb
    for contest in contests(clock) if steered_by else ():
        recorder.record(contest)
    return ClockDriver(
        clock,
        servo_for(config.servo, clock, begins_at_ppb, by_host=bool(host_writer), followed=followed),
        ClockArbiter(
            clock.name,
            steered_by,
            refuses_timescale_mismatch=refuses_timescale_mismatch(word, config.clock),
            watch=_majority_watch(config, word),
            hot_standby=hot_standby(config.hot_standby, may_steer),
            settings=arbiter_settings(config.arbiter, config.servo.first_step_threshold_ns),
        ),
        ClockCheck(config.servo.sanity_freq_limit_ppb),
        kept=kept,
        loop=loop,
        recorder=recorder,
        learnt_ppb=learnt_ppb,
        reopen=partial(_reopen, word, users, config, store),
        holdover=holdover_settings(config.holdover, [user.profile for user in users]),
        sensor=TemperatureSensor(config.holdover.temperature) if config.holdover.temperature else None,
        step_threshold=step_threshold(
            config.servo, followed, hardware_timestamping=clock.stamping is Timestamping.HARDWARE
        ),
        leap_seconds=leap_seconds,
        write_phase=config.servo.write_phase,
        asymmetries=_asymmetries(users, host_writer, store.load(clock.name).get("asymmetries")),
    )


def _majority_watch(config: Config, word: str) -> MajorityWatch | None:
    """Return what compares whoever steers clock *word* with the NTP servers, if that is wanted."""
    ntp = config.ntp
    if not ntp.watch or not ntp.is_used or real_clock(ntp.clock, config.clock) != word:
        return None
    return MajorityWatch(NTP, accuracy_of(ntp.watch), refuses=ntp.refuse_departed)


def _asymmetries(users: Sequence[ResolvedInstance], writer: str, kept: object) -> PathAsymmetries:
    """Return what learns the paths of assisted *users* while *writer*, a source, steers their clock."""
    assisted = frozenset(user.name for user in users if user.values.learn_asymmetry)
    asymmetries = PathAsymmetries(assisted, frozenset([writer] if writer.startswith("source.") else []))
    asymmetries.restore(kept)
    return asymmetries


def _reopen(word: str, users: Sequence[ResolvedInstance], config: Config, store: StateStore) -> Clock:
    """Open the clock *word* of *users* again, which ``auto`` may find by another name now."""
    found = word
    if users and len(set(clock_words(users[0], config.clock).values())) == 1:
        found = clock_word(users[0], config.clock)
    return open_clock(found, users, config.clock, store)
