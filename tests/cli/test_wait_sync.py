"""``ptpstack wait-sync`` against a daemon that is scripted; the command's own time is short."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from ptpstack.cli import wait_sync
from ptpstack.cli.client import NotReachableError
from ptpstack.cli.main import main
from ptpstack.errors import PtpstackError


def clock(state: str, total_ns: float | None = None) -> dict[str, Any]:
    uncertainty = None if total_ns is None else {"total_ns": total_ns}
    writer = None if state == "free-running" else "ntp"
    return {
        "name": "CLOCK_REALTIME",
        "state": state,
        "state_why": "the servo is scripted",
        "why": "nobody is scripted",
        "writer": writer,
        "uncertainty": uncertainty,
    }


class Script:
    """What the daemon answers, one after the other, the last for ever; None: it does not run."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *answers: dict[str, Any] | None) -> None:
        self.answers = list(answers)
        monkeypatch.setattr(wait_sync, "ask", self._ask)
        monkeypatch.setattr(wait_sync, "LOOK_EVERY_S", 0.001)

    def _ask(self, _path: str, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        assert request == {"get": "status"}
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer is None:
            raise NotReachableError("no daemon is reachable", where="/nowhere")
        yield {"status": {"clocks": {"system": json.loads(json.dumps(answer))}}}


def test_it_waits_for_the_daemon_then_for_the_lock(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Script(monkeypatch, None, None, clock("acquiring"), clock("locked"))
    assert main(["wait-sync", "--timeout", "60"]) == 0
    assert len(script.answers) == 1
    assert capsys.readouterr().out == "system: locked, steered by ntp\n"


def test_it_waits_for_the_accuracy_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    script = Script(monkeypatch, clock("locked"), clock("locked", 5e6), clock("locked", 9e5))
    assert main(["wait-sync", "--accuracy", "1ms", "--clock", "CLOCK_REALTIME", "--quiet"]) == 0
    assert len(script.answers) == 1


@pytest.mark.parametrize(
    ("answer", "arguments", "why"),
    [
        (None, [], "no daemon is reachable"),
        (clock("free-running"), [], "it is free-running: nobody is scripted"),
        (clock("acquiring"), [], "it is acquiring: the servo is scripted"),
        (clock("locked", 5e6), ["--accuracy", "1ms"], "within ± 5000000 ns"),
        (clock("locked"), ["--accuracy", "1ms"], "not known yet"),
        (clock("locked"), ["--clock", "/dev/ptp0"], "the daemon keeps system"),
    ],
)
def test_without_time_left_it_says_what_is_missing(
    answer: dict[str, Any] | None,
    arguments: list[str],
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Script(monkeypatch, answer)
    assert main(["wait-sync", "--timeout", "0", *arguments]) == 1
    assert why in capsys.readouterr().err


def test_an_accuracy_that_is_none_is_refused() -> None:
    with pytest.raises(PtpstackError, match="is no accuracy"):
        wait_sync.accuracy_of("1 hour")
    assert wait_sync.accuracy_of("2.5us") == 2500
