"""asCapableAcrossDomains with the reason for it, measured against its limits (IEEE 802.1AS-2020 11.2.2, 11.2.19).

What lives here: the reasons and what a user may do about each. What does not: the exchange (``md_pdelay_req.py``).
"""

from __future__ import annotations

from collections import deque
from enum import Enum
from statistics import median

from ptpstack.gptp.settings import LinkSettings
from ptpstack.time import TimeInterval, interval_from_ns, interval_to_ns

DELAYS_REMEMBERED = 16
DELAYS_TO_KEEP = 4
"""So many are measured before one is worth keeping."""
KEPT_DELAY_TOLERANCE: TimeInterval = interval_from_ns(100)
"""AVnu Automotive 6.2.2: what is kept is written anew beyond this."""
THRESHOLD_MARGIN = 1.5
THRESHOLD_STEPS_NS = tuple(mantissa * 10**exponent for exponent in range(1, 10) for mantissa in (1, 2, 5))


class Reason(Enum):
    """Why a link, or a port, is asCapable or is not."""

    CAPABLE = "capable"
    LINK_UP = "link up"
    PORT_DISABLED = "port disabled"
    NOT_MEASURED = "not measured"
    NO_RESPONSE = "no response"
    RESPONSES_LOST = "responses lost"
    DELAY_ABOVE_THRESHOLD = "delay above threshold"
    DELAY_NEGATIVE = "delay negative"
    OWN_CLOCK_ANSWERED = "own clock answered"
    RATE_RATIO_UNKNOWN = "rate ratio unknown"
    SEVERAL_NEIGHBORS = "several neighbors"
    NEIGHBOR_NOT_GPTP_CAPABLE = "neighbor not gPTP-capable"
    NEIGHBOR_OF_2011 = "neighbor of 2011"


DELAY_FAULTS = Reason.DELAY_ABOVE_THRESHOLD, Reason.DELAY_NEGATIVE


class LinkCapability:
    """The verdict on one link; :meth:`measured` and :meth:`lost` are told what each exchange came to.

    With ``as_capable_on_link_up`` a link that is up is capable, and what would say otherwise is only its ``trouble``
    (AVnu Automotive 6.2.1.2). The delay begins as the one that was kept from last time, if any (6.2.2).
    """

    def __init__(self, settings: LinkSettings) -> None:
        self._settings = settings
        self.kept_mean_link_delay = settings.kept_mean_link_delay
        self.pdelay_resp_timeout_count = 0
        self.mean_link_delay_exceeded_count = 0
        self.reset(Reason.PORT_DISABLED)

    def reset(self, reason: Reason) -> None:
        """Begin anew, not capable for *reason*, or capable where the link being up is enough."""
        is_enough = self._settings.as_capable_on_link_up and reason is not Reason.PORT_DISABLED
        self.as_capable_across_domains = is_enough
        self.reason = Reason.LINK_UP if is_enough else reason
        self.trouble: Reason | None = reason if is_enough else None
        self.lost_responses = 0
        self.detected_faults = 0
        self.mean_link_delay: TimeInterval = self.kept_mean_link_delay or 0
        self._delays: deque[TimeInterval] = deque(maxlen=DELAYS_REMEMBERED)

    def lost(self) -> None:
        """Take that a request stayed without a complete answer."""
        settings = self._settings
        self.pdelay_resp_timeout_count += 1
        if self.lost_responses <= settings.allowed_lost_responses:
            self.lost_responses += 1
        if self.lost_responses > settings.allowed_lost_responses:
            self._refuse(Reason.RESPONSES_LOST if self._delays else Reason.NO_RESPONSE)
        elif not self._delays and self.lost_responses > 1:
            self._refuse(Reason.NO_RESPONSE)

    def measured(self, mean_link_delay: TimeInterval, *, own_clock: bool, rate_ratio_is_valid: bool) -> None:
        """Take one measurement; a capable link may miss the limits allowedFaults times in a row."""
        self.lost_responses = 0
        self.mean_link_delay = mean_link_delay
        self._delays.append(mean_link_delay)
        fault = self._fault(own_clock=own_clock, rate_ratio_is_valid=rate_ratio_is_valid)
        self.mean_link_delay_exceeded_count += fault in DELAY_FAULTS
        if fault is None:
            self.as_capable_across_domains, self.reason, self.detected_faults = True, Reason.CAPABLE, 0
            self.trouble = None
        elif (
            fault is Reason.RATE_RATIO_UNKNOWN
            and Reason.NOT_MEASURED in (self.reason, self.trouble)
            and len(self._delays) == 1
        ):
            pass  # a ratio takes two exchanges
        elif (
            not self.as_capable_across_domains
            or self.detected_faults >= self._settings.allowed_faults
            or self.reason is Reason.LINK_UP
        ):
            self._refuse(fault)
            self.detected_faults = 0
        else:
            self.detected_faults += 1

    def refuse(self, reason: Reason) -> None:
        """Take that the link is not capable, at once."""
        self._refuse(reason)

    def _refuse(self, reason: Reason) -> None:
        if self._settings.as_capable_on_link_up:
            self.reason, self.trouble = Reason.LINK_UP, reason
        else:
            self.as_capable_across_domains, self.reason = False, reason

    def delay_to_keep(self) -> TimeInterval | None:
        """Return the delay that is to be kept for the next start, None while the kept one is near enough (6.2.2).

        One that lies among the last ones is near enough too, or noise would be written down all the time.
        """
        if not self._settings.as_capable_on_link_up or len(self._delays) < DELAYS_TO_KEEP:
            return None
        kept, delay = self.kept_mean_link_delay, round(median(self._delays))
        if kept is not None and abs(delay - kept) <= KEPT_DELAY_TOLERANCE:
            return None
        if kept is not None and min(self._delays) <= kept <= max(self._delays):
            return None
        self.kept_mean_link_delay = delay
        return delay

    def _fault(self, *, own_clock: bool, rate_ratio_is_valid: bool) -> Reason | None:
        if own_clock:
            return Reason.OWN_CLOCK_ANSWERED
        if not rate_ratio_is_valid:
            return Reason.RATE_RATIO_UNKNOWN
        if self.mean_link_delay > self._settings.mean_link_delay_thresh:
            return Reason.DELAY_ABOVE_THRESHOLD
        if self.mean_link_delay < -self._settings.mean_link_delay_thresh:
            return Reason.DELAY_NEGATIVE
        return None

    @property
    def suggested_thresh_ns(self) -> float | None:
        """A threshold that all delays seen lately would have passed, with a margin; None where it is wide enough."""
        if not self._delays:
            return None
        wanted_ns = THRESHOLD_MARGIN * interval_to_ns(max(map(abs, self._delays)))
        if max(map(abs, self._delays)) <= self._settings.mean_link_delay_thresh:
            return None
        return float(next((step for step in THRESHOLD_STEPS_NS if step >= wanted_ns), THRESHOLD_STEPS_NS[-1]))

    @property
    def explanation(self) -> str:
        """What was measured against which limit, and what a user may do."""
        delay_ns, thresh_ns = map(interval_to_ns, (self.mean_link_delay, self._settings.mean_link_delay_thresh))
        measured = f"meanLinkDelay {delay_ns:.0f} ns, threshold {thresh_ns:.0f} ns"
        suggested_ns = self.suggested_thresh_ns or thresh_ns
        sentences = {
            Reason.CAPABLE: measured,
            Reason.PORT_DISABLED: "the interface is down or not usable",
            Reason.NOT_MEASURED: "it takes two complete Pdelay exchanges",
            Reason.NO_RESPONSE: f"{self.lost_responses} Pdelay_Req unanswered: does the neighbour speak IEEE 802.1AS?",
            Reason.RESPONSES_LOST: f"{self.lost_responses} Pdelay_Req in a row without a complete answer",
            Reason.DELAY_ABOVE_THRESHOLD: (
                f"{measured}; if no device without gPTP is on the link, set mean_link_delay_thresh_ns ="
                f" {suggested_ns:.0f}"
            ),
            Reason.DELAY_NEGATIVE: f"{measured}: a latency is set wrongly, or frames are stamped by another clock",
            Reason.OWN_CLOCK_ANSWERED: "this system answered itself: a loop",
            Reason.RATE_RATIO_UNKNOWN: (
                "neighborRateRatio needs another exchange, or the clocks run apart by more than 1000 ppm"
            ),
            Reason.SEVERAL_NEIGHBORS: "several ports answer: the link is not point to point",
        }
        if self.trouble is not None:
            return f"a link that is up is enough here; {self.trouble.value}: {sentences[self.trouble]}"
        return sentences[self.reason]
