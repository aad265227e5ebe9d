"""What a process of ours gives up before it speaks with strangers."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ntp.child import exists_here

ROOT = Path(__file__).parents[2]
CODE = "from ntp.child import give_up_rights; give_up_rights('nobody'); print(open('/proc/self/status').read())"
FORBIDDEN = ["setpriv", "--bounding-set", "-setuid,-setgid", "--inh-caps", "-setuid,-setgid"]

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not exists_here(65_534), reason="only root has rights to give up, and another user to become"
)


def status_after(*prefix: str) -> dict[str, list[str]]:
    done = subprocess.run([*prefix, sys.executable, "-c", CODE], cwd=ROOT, capture_output=True, text=True, check=True)
    return {name: value.split() for name, _, value in (line.partition(":") for line in done.stdout.splitlines())}


def test_root_becomes_another_user_without_a_capability() -> None:
    status = status_after()
    assert set(status["Uid"]) != {"0"}
    assert {int(status[name][0], 16) for name in ("CapEff", "CapPrm", "CapInh")} == {0}
    assert status["NoNewPrivs"] == ["1"]


def test_root_that_may_not_become_another_keeps_nothing_that_makes_it_root() -> None:
    status = status_after(*FORBIDDEN)
    assert set(status["Uid"]) == {"0"}
    assert {int(status[name][0], 16) for name in ("CapEff", "CapPrm", "CapInh")} == {0}
    assert status["NoNewPrivs"] == ["1"]
