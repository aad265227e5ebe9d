"""``python3 -m lab demo [--seconds N] [--json FILE]``: the demo from start to verdict.

What lives here: the arguments, the course of events, what counts as failed. What does not: the rest of it.
"""

from __future__ import annotations

import argparse
import queue
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from lab import bootstrap, namespaces
from lab.demo import report
from lab.demo.bed import Bed
from lab.demo.screen import Screen, open_screen
from lab.demo.watch import Track, Watch
from ptpstack.errors import PtpstackError

DEFAULT_S, SHORTEST_S = 75.0, 60.0
PICTURE = bootstrap.CHECKOUT / "lab" / "out" / "demo.png"
FARTHEST_RMS_NS = 100_000.0
"""A locked clock that is farther off the truth has not survived, whatever it says; one bad stamp is forgiven."""

_GRACE_S = 20.0
"""So much longer a clock may take that begins anew just when the demo ends."""

_SAMPLE_EVERY_S = 0.25
_TOLD_SEVERITIES = {"ERROR", "WARNING", "NOTICE"}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python3 -m lab demo", description=__doc__.partition("\n\n")[0])
    parser.add_argument("--seconds", type=_seconds, default=DEFAULT_S, help=f"how long (default {DEFAULT_S:.0f})")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcome to FILE")
    options = parser.parse_args(arguments)
    schedule = report.Schedule(options.seconds * 0.4, options.seconds * 0.65, options.seconds)
    try:
        namespaces.enter()
        tracks, schedule, failures = _run(schedule)
        report.print_table(tracks, schedule, failures)
        if options.json:
            report.write_json(options.json, report.as_json(tracks, schedule, failures))
        report.draw(PICTURE, tracks, schedule)
        print(f"picture: {PICTURE.relative_to(bootstrap.CHECKOUT)}")
    except PtpstackError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped before the end")
        return 130
    return 1 if failures else 0


def _seconds(text: str) -> float:
    seconds = float(text)
    if seconds < SHORTEST_S:
        raise argparse.ArgumentTypeError(f"a lock, a cut and a recovery take {SHORTEST_S:.0f} s at least")
    return seconds


def _run(schedule: report.Schedule) -> tuple[Mapping[str, Track], report.Schedule, Mapping[str, str]]:
    """Run the demo to its end; return the clocks' histories, when what happened, and why which of them failed."""
    with tempfile.TemporaryDirectory(prefix="ptpstack-demo-") as directory, namespaces.Network() as net:
        bed = Bed(Path(directory))
        started = time.monotonic()
        bed.build(net)
        watch = Watch(bed.daemons, started)
        schedule = schedule.later_by(watch.seconds())  # a slow machine takes its time until all programs run
        screen = open_screen(schedule.end_s)
        try:
            _show(bed, watch, screen, schedule)
        finally:
            screen.close()
        return watch.tracks, schedule, _failures(watch.tracks, schedule)


def _show(bed: Bed, watch: Watch, screen: Screen, schedule: report.Schedule) -> None:
    """Sample and show until the end, and cut and restore the grandmaster on the way."""
    decisions: queue.SimpleQueue[tuple[str, dict[str, Any]]] = queue.SimpleQueue()

    def take(name: str, event: dict[str, Any]) -> None:
        decisions.put((name, event))

    for name, daemon in bed.daemons.items():
        daemon.follow_events(partial(take, name))
    course: list[tuple[float, str, Callable[[], None]]] = [
        (0.0, "three wrong clocks look for a master", lambda: None),
        (schedule.cut_s, "the grandmaster is cut off", bed.cut),
        (schedule.restore_s, "the grandmaster is back", bed.restore),
    ]
    next_s = watch.seconds()
    while (now_s := watch.seconds()) < schedule.end_s or (
        now_s < schedule.end_s + _GRACE_S and not all(map(_is_where_it_should_be, watch.tracks.values()))
    ):
        while course and course[0][0] <= now_s:
            _, text, act = course.pop(0)
            act()
            screen.announce(now_s, text)
        watch.sample()
        heard = [decisions.get() for _ in range(decisions.qsize())]
        for name, event in sorted(heard, key=lambda each: each[1]["monotonic_ns"]):
            if _is_worth_telling(event):
                screen.decide(watch.at(event["monotonic_ns"]), name, event["text"])
        screen.update(now_s, watch.tracks)
        next_s = max(next_s + _SAMPLE_EVERY_S, now_s)
        time.sleep(max(0.0, next_s - watch.seconds()))


def _is_worth_telling(event: dict[str, Any]) -> bool:
    """Return whether *event* is a decision, and not just that a program or port begins."""
    begins = event["event"] == "DaemonStarted" or event.get("old_state") == "INITIALIZING"
    return event["severity"] in _TOLD_SEVERITIES and not begins


def _is_where_it_should_be(track: Track) -> bool:
    """Return whether a clock is locked, and in the state that its part in the demo ends with."""
    expected = {"grandmaster": "MASTER", "standby": "PASSIVE"}.get(track.clock.name, "SLAVE")
    return track.locked and expected in track.port_states


def _failures(tracks: Mapping[str, Track], schedule: report.Schedule) -> dict[str, str]:
    """Return why a clock did not lock or did not survive, by its name."""
    failures = {}
    for name, track in tracks.items():
        before, after = report.before_cut(track, schedule), report.after_recovery(track, schedule)
        if not track.answers:
            failures[name] = "its daemon ended"
        elif before is None or after is None:
            failures[name] = "gave no samples"
        elif not track.clock.is_grandmaster and (track.locked_after_s is None or track.locked_after_s > schedule.cut_s):
            failures[name] = "did not lock before the cut"
        elif not _is_where_it_should_be(track):
            failures[name] = f"ended {'locked' if track.locked else 'unlocked'} in {', '.join(track.port_states)}"
        elif max(before.rms_ns, after.rms_ns) > FARTHEST_RMS_NS:
            failures[name] = f"was {max(before.rms_ns, after.rms_ns):,.0f} ns (rms) off the truth"
    return failures


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
