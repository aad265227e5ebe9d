"""A guest whose kernel panics: what its script has finished by then is there."""

from pathlib import Path

import pytest

from lab.bench.results import finished
from lab.vm import Guest, GuestError, run_in_vm

pytestmark = [pytest.mark.vm, pytest.mark.timeout(600)]

SCRIPT = """
python3 -c 'from lab.bench.results import hand_over; hand_over("one", [1.5])'
echo c >/proc/sysrq-trigger
"""


def test_what_was_handed_over_survives_a_guest_that_does_not_come_to_its_end(tmp_path: Path) -> None:
    with pytest.raises(GuestError, match="stopped before its script did"):
        run_in_vm(SCRIPT, timeout=500, guest=Guest(vptp=None), results=tmp_path)
    assert finished(tmp_path, "one") == [1.5]
