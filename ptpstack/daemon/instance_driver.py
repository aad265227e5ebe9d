"""One instance of IEEE 1588 and what it is wired to: it answers delay requests in a hurry. No protocol rule."""

from __future__ import annotations

from collections.abc import Sequence

from hw.sockets import Received
from ptpstack.core.instance import PtpInstance
from ptpstack.core.settings import LocalQuality
from ptpstack.daemon.following_driver import FollowingDriver
from ptpstack.daemon.loop import monotonic_now
from ptpstack.engine.time_properties import TimeProperties
from ptpstack.wire.types import ClockQuality


class InstanceDriver(FollowingDriver[PtpInstance]):
    """Drives a PTP instance."""

    def answer(self, port_number: int, frames: Sequence[Received]) -> tuple[list[bytes], Sequence[Received]]:
        """Return the answers to the event frames that the instance can answer at once, and the other frames."""
        responder = self.instance.delay_responder(port_number)
        if responder is None:
            return [], frames
        answers, others, now, local_time = [], [], monotonic_now(), self._local_times[port_number]
        for frame in frames:
            stamp_ns = frame.stamp_ns
            answer = None if stamp_ns is None else responder.answer(frame.payload, local_time(stamp_ns), now)
            if answer is None:
                others.append(frame)
            else:
                answers.append(answer)
        return answers, others

    def set_local_quality(
        self,
        clock_quality: ClockQuality,
        time_properties: TimeProperties,
        *,
        uncertain: bool = False,
        when_parent_is_lost: LocalQuality | None = None,
    ) -> None:
        """Tell what the clock is worth from now on, should this instance be a grandmaster."""
        self._carry_out(
            self.instance.set_local_quality(
                clock_quality,
                time_properties,
                monotonic_now(),
                uncertain=uncertain,
                when_parent_is_lost=when_parent_is_lost,
            )
        )
