"""Who is believed: a majority always, a lone falseticker never, nobody in silence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ntp.candidate import Absent, Authentication, Candidate, Policy, SourceClass
from ntp.combination import majority_hull
from ntp.selection import Selection, select
from ntp.selection_reasons import Reason, seconds
from ntp.wire.packet import Leap
from ptpstack.time import MILLISECOND, SECOND

TRUTH = 0
ANY_DISTANCE = Policy(max_distance=1000 * SECOND)


def candidate(name: str, offset_ms: float | None = 0.0, distance_ms: float = 10.0, **others: object) -> Candidate:
    offset = None if offset_ms is None else round(offset_ms * MILLISECOND)
    return Candidate(name=name, offset=offset, root_distance=round(distance_ms * MILLISECOND), **others)  # type: ignore[arg-type]


def reasons(selection: Selection) -> dict[str, Reason]:
    return {verdict.name: verdict.reason for verdict in selection.verdicts}


def test_sources_that_agree_are_combined_by_their_distance() -> None:
    selection = select([candidate("near", 1, 4), candidate("far", 4, 8)], Policy())
    assert selection.combined is not None
    assert selection.combined.best == "near"
    assert selection.combined.offset == pytest.approx((1 * 4 + 4 * 1) / 5 * MILLISECOND, abs=1)
    assert reasons(selection) == {"near": Reason.BEST, "far": Reason.COMBINED}


REFUSED_BY_ITSELF = {
    "noselect": (candidate("s", noselect=True), Reason.NOT_TO_BE_SELECTED),
    "sent away": (candidate("s", stopped_by="DENY"), Reason.SENT_AWAY),
    "no answer": (candidate("s", None, reachable=False), Reason.NEVER_ANSWERED),
    "no samples": (candidate("s", None), Reason.NO_SAMPLES),
    "too old": (candidate("s", age=600 * SECOND, interval=64 * SECOND), Reason.TOO_OLD),
    "leap alarm": (candidate("s", leap=Leap.UNSYNCHRONIZED), Reason.UNSYNCHRONIZED),
    "stratum 16": (candidate("s", stratum=16), Reason.UNSYNCHRONIZED),
    "too distant": (candidate("s", distance_ms=3001), Reason.TOO_DISTANT),
    "too noisy": (candidate("s", deviation=2 * SECOND), Reason.TOO_NOISY),
}


@pytest.mark.parametrize(("alone", "reason"), REFUSED_BY_ITSELF.values(), ids=REFUSED_BY_ITSELF)
def test_what_is_wrong_with_a_source_by_itself(alone: Candidate, reason: Reason) -> None:
    selection = select([alone], Policy())
    assert selection.combined is None
    assert reasons(selection) == {"s": reason}
    assert "{" not in selection.verdicts[0].text


def test_a_verdict_is_one_line_for_people() -> None:
    old = candidate("ntp.example", age=600 * SECOND, interval=64 * SECOND)
    (verdict,) = select([old], Policy()).verdicts
    assert str(verdict) == "o ntp.example: not used: the newest sample is 600 s old, 512 s are allowed (no reply)"


@pytest.mark.parametrize(
    ("source_class", "interval", "limit"),
    [
        (SourceClass.NETWORK, 64 * SECOND, 512 * SECOND),
        (SourceClass.NETWORK, SECOND, 16 * SECOND),
        (SourceClass.PTP, SECOND // 8, 2 * SECOND),
        (SourceClass.REFERENCE, SECOND, 4 * SECOND),
    ],
)
def test_age_limits_follow_the_class_of_source(source_class: SourceClass, interval: int, limit: int) -> None:
    for age, used in ((limit, True), (limit + 1, False)):
        aged = candidate("s", source_class=source_class, interval=interval, age=age)
        assert (select([aged], Policy()).combined is not None) is used


def test_two_sources_that_disagree_leave_nobody() -> None:
    selection = select([candidate("a", 0), candidate("b", 100)], Policy())
    assert selection.combined is None
    assert set(reasons(selection).values()) == {Reason.NO_MAJORITY}


def test_a_trusted_source_decides_against_a_majority() -> None:
    selection = select([candidate("a", 0), candidate("b", 0), candidate("gps", 100, trust=True)], Policy())
    assert selection.combined is not None
    assert selection.combined.names == ("gps",)
    assert reasons(selection)["a"] is Reason.FALSETICKER


def test_a_preferred_source_is_used_alone_while_it_agrees() -> None:
    here = [candidate("a", 0), candidate("b", 1, prefer=True)]
    assert reasons(select(here, Policy())) == {"a": Reason.OTHERS_PREFERRED, "b": Reason.BEST}
    astray = [candidate("a", 0), candidate("b", 100, prefer=True), candidate("c", 0)]
    assert reasons(select(astray, Policy()))["b"] is Reason.FALSETICKER


def test_a_required_source_that_is_missing_stops_all() -> None:
    selection = select([candidate("a"), candidate("gps", None, require=True)], Policy())
    assert selection.combined is None
    assert reasons(selection) == {"a": Reason.REQUIRED_MISSING, "gps": Reason.NO_SAMPLES}


def test_too_few_sources_wait() -> None:
    selection = select([candidate("a"), candidate("b")], Policy(min_sources=3))
    assert selection.combined is None
    assert selection.verdicts[0].text == "waits: 2 sources agree, min_sources is 3"


def test_one_source_agrees_and_two_agree() -> None:
    selection = select([candidate("a")], Policy(min_sources=2))
    assert selection.verdicts[0].text == "waits: 1 source agrees, min_sources is 2"


def test_a_much_farther_source_agrees_and_is_not_used() -> None:
    selection = select([candidate("near", 0, 1), candidate("far", 0, 4)], Policy())
    assert reasons(selection)["far"] is Reason.MUCH_FARTHER


SECURE, PLAIN = candidate("nts", 50, authenticated=True), candidate("plain", 0)
SECURE_IS_SILENT = candidate("nts", None, authenticated=True, reachable=False)
MODES = {
    Authentication.REQUIRE: ((PLAIN,), None),
    Authentication.PREFER: ((SECURE, PLAIN), ("nts",)),
    Authentication.MIX: ((SECURE, PLAIN), ("nts",)),
    Authentication.IGNORE: ((candidate("nts", 5, authenticated=True), PLAIN), ("nts", "plain")),
}


@pytest.mark.parametrize(("mode", "case"), MODES.items(), ids=lambda value: getattr(value, "value", ""))
def test_authentication_modes(mode: Authentication, case: tuple[tuple[Candidate, ...], tuple[str, ...] | None]) -> None:
    candidates, names = case
    combined = select(candidates, Policy(authentication=mode)).combined
    assert (combined.names if combined else None) == names


@pytest.mark.parametrize("mode", [Authentication.REQUIRE, Authentication.PREFER, Authentication.MIX])
def test_no_mode_downgrades_when_the_authenticated_source_falls_silent(mode: Authentication) -> None:
    """A man in the middle can always drop the packets that he cannot forge."""
    selection = select([SECURE_IS_SILENT, PLAIN, candidate("other", 0)], Policy(authentication=mode))
    assert selection.combined is None
    assert not any(verdict.used for verdict in selection.verdicts)


@pytest.mark.parametrize("mode", [Authentication.REQUIRE, Authentication.PREFER, Authentication.MIX])
def test_no_mode_downgrades_while_the_authenticated_source_cannot_be_asked(mode: Authentication) -> None:
    """Who drops the answers of DNS, or of NTS-KE, must not be able to choose the sources either."""
    selection = select(
        [PLAIN, candidate("other", 0)], Policy(authentication=mode), absent=[Absent(name="nts", authenticated=True)]
    )
    assert selection.combined is None
    assert not any(verdict.used for verdict in selection.verdicts)


def test_an_authenticated_source_that_is_only_watched_keeps_nobody_out() -> None:
    watched = Absent(name="nts", authenticated=True, noselect=True)
    for mode in (Authentication.PREFER, Authentication.MIX):
        policy = Policy(authentication=mode)
        assert select([PLAIN], policy, absent=[watched]).combined is not None
        assert select([PLAIN, candidate("nts", 0, authenticated=True, noselect=True)], policy).combined is not None


def test_a_required_source_without_an_address_stops_all() -> None:
    selection = select([candidate("a")], Policy(), absent=[Absent(name="ntp.example", require=True)])
    assert selection.combined is None
    assert "(ntp.example)" in selection.verdicts[0].text


def test_authentication_counts_for_the_network_only() -> None:
    reference = candidate("pps", source_class=SourceClass.REFERENCE)
    assert select([reference], Policy(authentication=Authentication.REQUIRE)).combined is not None


def test_the_best_source_stays_the_best_until_another_is_clearly_nearer() -> None:
    for distance_ms, best in ((7, "old"), (6, "new")):
        both = [candidate("old", 0, 10), candidate("new", 0, distance_ms)]
        combined = select(both, Policy(), previous_best="old").combined
        assert combined is not None
        assert combined.best == best


@pytest.mark.parametrize(
    ("leaps", "leap"),
    [
        ((Leap.INSERT, Leap.INSERT, Leap.NONE), Leap.INSERT),
        ((Leap.INSERT, Leap.NONE), Leap.NONE),
        ((Leap.DELETE,), Leap.DELETE),
    ],
)
def test_a_leap_second_takes_a_majority(leaps: tuple[Leap, ...], leap: Leap) -> None:
    combined = select([candidate(f"s{n}", leap=value) for n, value in enumerate(leaps)], Policy()).combined
    assert combined is not None
    assert combined.leap is leap


# ---- properties

distances = st.integers(1, 100)
truthful = st.builds(lambda distance, share: (round(distance * share), distance), distances, st.floats(-1, 1))
liars = st.builds(lambda offset, distance: (offset, distance), st.integers(-500, 500), distances)


def candidates_of(prefix: str, pairs: list[tuple[int, int]]) -> list[Candidate]:
    return [candidate(f"{prefix}{n}", offset, distance) for n, (offset, distance) in enumerate(pairs)]


@given(st.lists(truthful, min_size=1, max_size=7), st.lists(liars, max_size=6), st.randoms())
def test_where_more_than_half_are_right_they_are_all_believed_and_the_truth_is_within_the_bound(
    right: list[tuple[int, int]], wrong: list[tuple[int, int]], random: object
) -> None:
    both = candidates_of("right", right) + candidates_of("wrong", wrong[: len(right) - 1])
    random.shuffle(both)  # type: ignore[attr-defined]
    selection = select(both, ANY_DISTANCE)
    assert selection.combined is not None
    believed = (Reason.BEST, Reason.COMBINED, Reason.MUCH_FARTHER)
    assert all(reason in believed for name, reason in reasons(selection).items() if name.startswith("right"))
    assert abs(selection.combined.offset - TRUTH) <= selection.combined.bound


@given(st.lists(truthful, min_size=2, max_size=7), st.integers(201, 10_000), distances, st.sampled_from([-1, 1]))
def test_a_lone_falseticker_never_moves_the_result(
    right: list[tuple[int, int]], offset: int, distance: int, sign: int
) -> None:
    good = candidates_of("right", right)
    astray = candidate("astray", sign * (offset + distance), distance)
    without, beside = select(good, ANY_DISTANCE).combined, select([*good, astray], ANY_DISTANCE).combined
    assert without is not None
    assert beside is not None
    assert beside.offset == without.offset
    assert beside.names == without.names
    assert reasons(select([*good, astray], ANY_DISTANCE))["astray"] is Reason.FALSETICKER


@given(st.lists(liars, min_size=1, max_size=8), st.randoms())
def test_the_order_of_sources_does_not_matter(pairs: list[tuple[int, int]], random: object) -> None:
    some = candidates_of("s", pairs)
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    one, other = select(some, ANY_DISTANCE), select(shuffled, ANY_DISTANCE)
    assert (one.combined is None) == (other.combined is None)
    if one.combined is not None and other.combined is not None:
        assert {*one.combined.names} == {*other.combined.names}
        assert one.combined.bound == pytest.approx(other.combined.bound, abs=2)


@given(st.lists(liars, max_size=8))
def test_every_source_has_exactly_one_verdict_and_the_used_ones_make_the_result(pairs: list[tuple[int, int]]) -> None:
    some = candidates_of("s", pairs)
    selection = select(some, ANY_DISTANCE)
    assert [verdict.name for verdict in selection.verdicts] == [one.name for one in some]
    used = {verdict.name for verdict in selection.verdicts if verdict.used}
    assert used == (set() if selection.combined is None else {*selection.combined.names})


@given(st.lists(st.tuples(st.integers(-20, 20), st.integers(0, 20)), min_size=1, max_size=8))
def test_the_majority_hull_is_what_trying_every_point_gives(pairs: list[tuple[int, int]]) -> None:
    intervals = [(middle - half, middle + half) for middle, half in pairs]
    inside = [x for x in range(-41, 42) if 2 * sum(low <= x <= high for low, high in intervals) > len(intervals)]
    assert majority_hull(intervals) == ((inside[0], inside[-1]) if inside else None)


@pytest.mark.parametrize(
    ("interval", "text"),
    [
        (SECOND, "1 s"),
        (1500 * MILLISECOND, "1.5 s"),
        (MILLISECOND // 4, "250 us"),
        (-65536, "-1 ns"),
        (SECOND - 1, "1 s"),
        (34488372 * SECOND, "34488372 s"),
    ],
)
def test_intervals_for_people(interval: int, text: str) -> None:
    assert seconds(interval) == text
