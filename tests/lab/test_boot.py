"""What of the guest's output belongs to one check."""

from __future__ import annotations

import pytest

from tests.vm.boot import Boot
from tests.vm.guest import run

OUTPUT = """\
ok        1.0 s,   0.5 s busy  check_one
       one and only
Traceback of a thread
FAILED   12.3 s,  -0.0 s busy  check_two
       of the third
"""


def test_a_failure_shows_what_was_said_during_that_check() -> None:
    boot = Boot({"check_one": "", "check_two": "AssertionError: two"}, OUTPUT)
    boot.expect("check_one")
    with pytest.raises(AssertionError) as failure:
        boot.expect("check_two")
    said = str(failure.value)
    assert "AssertionError: two" in said
    assert "one and only\nTraceback of a thread\nFAILED" in said
    assert "check_one" not in said
    assert "of the third" not in said


def test_the_end_of_a_check_is_found_as_the_guest_says_it(capsys: pytest.CaptureFixture[str]) -> None:
    for outcome, name in (("ok", "check_one"), ("FAILED", "check_two")):
        run.say(outcome, (0.0, 0.0), name)
    boot = Boot({"check_two": "it failed"}, capsys.readouterr().out)
    assert "check_two" in boot.said_by("check_two")
    assert "check_one" not in boot.said_by("check_two")


def test_a_check_that_did_not_run_shows_all_that_was_said() -> None:
    with pytest.raises(AssertionError, match="of the third"):
        Boot({}, OUTPUT).expect("check_three")
