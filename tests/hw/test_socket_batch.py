"""How many frames a socket is asked for at once."""

from __future__ import annotations

from itertools import pairwise

from hw.sockets.batch import CALLS_BEFORE_TWO, MOST, MOST_CALLS_BEFORE_TWO, Batch


def asked_for(batch: Batch, waiting: int) -> int:
    """Take what a socket gives in which *waiting* frames wait; return for how many it was asked."""
    asked = batch.size
    batch.taken(min(asked, waiting))
    return asked


def test_of_single_frames_hardly_ever_one_too_many_is_asked_for() -> None:
    batch = Batch()
    asked = [asked_for(batch, 1) for _ in range(10 * MOST_CALLS_BEFORE_TWO)]
    in_vain = [call for call, size in enumerate(asked) if size == 2]
    assert set(asked) == {1, 2}
    assert in_vain[0] == CALLS_BEFORE_TWO
    assert [later - earlier for earlier, later in pairwise(in_vain[-3:])] == 2 * [MOST_CALLS_BEFORE_TWO + 1]


def test_a_flood_is_soon_read_in_the_largest_batches_and_no_larger_ones() -> None:
    batch = Batch()
    asked = [asked_for(batch, 1000) for _ in range(20)]
    assert asked == sorted(asked)
    assert asked[CALLS_BEFORE_TWO + 6 :] == [MOST] * (14 - CALLS_BEFORE_TWO)


def test_a_socket_that_gave_single_frames_for_long_is_still_read_in_batches_when_it_has_more() -> None:
    batch = Batch()
    for _ in range(10 * MOST_CALLS_BEFORE_TWO):
        asked_for(batch, 1)
    asked = [asked_for(batch, 1000) for _ in range(2 * MOST_CALLS_BEFORE_TWO)]
    assert asked[-1] == MOST
    asked_for(batch, 1)
    asked = [asked_for(batch, 1000) for _ in range(20)]
    assert asked[CALLS_BEFORE_TWO + 6 :] == [MOST] * (14 - CALLS_BEFORE_TWO)


def test_after_a_burst_single_frames_are_asked_for_one_by_one_again() -> None:
    batch = Batch()
    for _ in range(20):
        asked_for(batch, 1000)
    asked_for(batch, 1)
    assert batch.size == 1
    asked_for(batch, 0)
    assert batch.size == 1
