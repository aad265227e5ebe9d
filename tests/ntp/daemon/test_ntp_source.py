"""Names and addresses over time: pools shared out, dead addresses replaced, a name server in trouble left alone."""

from __future__ import annotations

import socket

from ntp.client.association import Association
from ntp.client.settings import AssociationSettings
from ntp.resolver import Resolved
from ntp.selection import Verdict
from ntp.selection_reasons import Reason
from ntp.transport import Address
from ptpstack.config.ntp_table import NtpSource
from ptpstack.daemon.ntp_source import LAST_RETRY, REFRESH, REPLACE_AFTER, NtpSourceState, SourceNotResolved
from ptpstack.time import SECOND, MonotonicTime

NOW = MonotonicTime(1_000_000 * SECOND)


def address(number: int) -> Address:
    return Address(socket.AF_INET, (f"192.0.2.{number}", 123))


def answer(*numbers: int, reason: str = "") -> Resolved:
    return Resolved("pool.example", tuple(address(number) for number in numbers), reason)


def association(*, asked: int = 0, reach: int = 0) -> Association:
    made = Association(AssociationSettings(name="x"), random_bits=lambda _bits: 1, random=lambda: 0.5)
    made.requests, made.reach = asked, reach
    return made


def state(count: int = 2) -> NtpSourceState:
    made = NtpSourceState(NtpSource(address="pool.example"), count)
    made.asked(NOW)
    return made


def test_a_name_is_looked_up_again_after_two_weeks() -> None:
    source = state()
    assert source.take(answer(1), NOW) == []
    assert not source.is_due({}, {}, NOW + REFRESH - SECOND)
    assert source.is_due({}, {}, NOW + REFRESH)


def test_a_failure_is_told_once_and_retried_ever_more_seldom() -> None:
    source = state()
    (event,) = source.take(answer(reason="no such name"), NOW)
    assert isinstance(event, SourceNotResolved)
    assert "no such name" in str(event)
    waits = []
    for _ in range(12):
        assert source.take(answer(reason="no such name"), NOW) == []
        assert source.ask_at is not None
        waits.append(source.ask_at - NOW)
    assert waits == sorted(waits)
    assert waits[-1] == LAST_RETRY
    (event,) = source.take(answer(reason="timed out"), NOW)
    assert "timed out" in str(event)


def test_while_a_name_is_looked_up_it_is_not_looked_up_again() -> None:
    assert not state().is_due({}, {}, NOW + 10 * REFRESH)


def test_addresses_that_are_asked_already_are_no_others() -> None:
    source = state()
    source.addresses["a"] = address(1)
    assert source.others(answer(1, 2, 3)) == [address(2), address(3)]


def test_silent_addresses_are_replaced_but_not_often() -> None:
    source = state()
    source.take(answer(1, 2), NOW)
    source.addresses |= {"silent": address(1), "well": address(2)}
    associations = {"silent": association(asked=20), "well": association(asked=20, reach=1)}
    assert source.given_up(associations, {}) == {"silent": "silent (no reply)"}
    assert not source.is_due(associations, {}, NOW + REPLACE_AFTER - SECOND)
    assert source.is_due(associations, {}, NOW + REPLACE_AFTER)


def verdicts(reason: Reason, *names: str) -> dict[str, Verdict]:
    return {name: Verdict(name, reason, reason.sentence) for name in names}


def test_a_server_of_no_use_is_replaced_as_seldom_and_as_long_as_there_are_others() -> None:
    source = state()
    source.take(answer(1, 2), NOW)
    source.addresses |= {"false": address(1), "well": address(2)}
    associations = {name: association(asked=20, reach=1) for name in source.addresses}
    unused = verdicts(Reason.FALSETICKER, "false", "of another name")
    assert not source.is_due(associations, unused, NOW + REPLACE_AFTER - SECOND)
    assert source.is_due(associations, unused, NOW + REPLACE_AFTER)
    assert [*source.replaced_by(answer(1, 2, 3), associations, unused)] == ["false"]
    assert source.replaced_by(answer(2, 1), associations, unused) == {}


def test_servers_that_nobody_can_judge_stay_and_others_are_asked_beside_them() -> None:
    source = state()
    source.take(answer(1, 2), NOW)
    source.addresses |= {"a": address(1), "b": address(2)}
    associations = {name: association(asked=20, reach=1) for name in ("a", "b", "c", "d")}
    tied = verdicts(Reason.NO_MAJORITY, "a", "b")
    assert source.is_due(associations, tied, NOW + REPLACE_AFTER)
    assert source.replaced_by(answer(1, 2, 3, 4), associations, tied) == {}
    assert source.wanted(tied) == 4
    source.addresses |= {"c": address(3), "d": address(4)}
    outvoted = verdicts(Reason.FALSETICKER, "b")
    assert source.wanted(outvoted) == 2
    assert [*source.replaced_by(answer(1, 2, 3, 4), associations, outvoted)] == ["b"]
    assert source.replaced_by(answer(1, 2, 3, 4), associations, {}) == {}


def test_a_new_association_is_given_time() -> None:
    source = state()
    source.addresses["new"] = address(1)
    assert source.given_up({"new": association(asked=3)}, {}) == {}


def test_an_association_is_called_by_name_and_address() -> None:
    assert state().association_name(address(7)) == "pool.example (192.0.2.7)"
    literal = NtpSourceState(NtpSource(address="192.0.2.7"), 1)
    assert literal.association_name(address(7)) == "192.0.2.7"


def test_with_nts_only_the_server_that_the_keys_are_for_is_asked_on() -> None:
    for nts, ended in ((True, ["elsewhere"]), (False, [])):
        source = NtpSourceState(NtpSource(address="pool.example", nts=nts), 1)
        source.addresses["elsewhere"] = address(1)
        associations = {"elsewhere": association(asked=20, reach=1)}
        assert [*source.replaced_by(answer(2), associations, {})] == ended
        assert source.replaced_by(answer(1), associations, {}) == {}
        assert source.replaced_by(answer(reason="none"), associations, {}) == {}


def test_a_silent_server_ends_when_there_is_another() -> None:
    source = NtpSourceState(NtpSource(address="pool.example", nts=True), 1)
    source.addresses["silent"] = address(1)
    assert [*source.replaced_by(answer(1, 2), {"silent": association(asked=20)}, {})] == ["silent"]
    assert source.replaced_by(answer(1), {"silent": association(asked=20)}, {}) == {}
