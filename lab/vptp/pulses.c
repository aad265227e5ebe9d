// SPDX-License-Identifier: GPL-2.0
/*
 * Pulses: PEROUT of one clock, by wire, to EXTTS and PPS of others.
 */
#include <linux/math64.h>

#include "vptp.h"

#define MIN_PERIOD	(100 * NSEC_PER_USEC)

/* The true time of the next rising edge. No step lies behind it: steps call vptp_perout_restart(). */
static s64 perout_when(const struct vptp_clock *clock)
{
	vptp_time edge = (vptp_time)clock->perout_next << 32;
	unsigned int back;

	for (back = 0; back < VPTP_HISTORY - 1; back++)
		if (vptp_piece_back(clock, back)->at <= edge)
			break;
	return vptp_piece_when(vptp_piece_back(clock, back), edge);
}

void vptp_perout_arm(struct vptp_clock *clock)
{
	if (clock->perout_period)
		vptp_timer_start(&clock->perout_timer, perout_when(clock));
}

/* The clock was stepped to @now: its next edge is the first that lies ahead. */
void vptp_perout_restart(struct vptp_clock *clock, vptp_time now)
{
	s64 ahead = clock->perout_next - (s64)(now >> 32);
	u64 rest;

	if (!clock->perout_period)
		return;
	div64_u64_rem(abs(ahead), clock->perout_period, &rest);
	if (ahead > 0)
		clock->perout_next = (s64)(now >> 32) + (rest ?: clock->perout_period);
	else
		clock->perout_next = (s64)(now >> 32) + clock->perout_period - rest;
}

static void extts_edge(struct vptp_clock *clock, s64 when)
{
	struct ptp_clock_event event = { .type = PTP_CLOCK_EXTTS };
	unsigned long flags;

	spin_lock_irqsave(&clock->lock, flags);
	event.timestamp = (vptp_clock_at_locked(clock, when + clock->pps_delay_ns, NULL) +
			   vptp_jitter(&clock->random, clock->extts_jitter_ns)) >> 32;
	if (clock->extts && clock->ptp)
		ptp_clock_event(clock->ptp, &event);
	if (clock->pps && clock->ptp) { /* /dev/ppsN: stamped by the system's clock, as an interrupt would be */
		event.type = PTP_CLOCK_PPS;
		ptp_clock_event(clock->ptp, &event);
	}
	spin_unlock_irqrestore(&clock->lock, flags);
}

enum hrtimer_restart vptp_perout_tick(struct hrtimer *timer)
{
	struct vptp_clock *clock = container_of(timer, struct vptp_clock, perout_timer);
	unsigned long flags;
	unsigned int i;
	s64 now, when;

	for (;;) {
		spin_lock_irqsave(&clock->lock, flags);
		now = vptp_advance_to_now(clock);
		when = perout_when(clock);
		if (!clock->perout_period || when > now)
			break;
		clock->perout_next += clock->perout_period;
		spin_unlock_irqrestore(&clock->lock, flags);

		for (i = 0; i < vptp_clock_count; i++)
			if (READ_ONCE(vptp_clocks[i]->pps_from) == clock->index)
				extts_edge(vptp_clocks[i], when);
	}
	vptp_perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
	return HRTIMER_NORESTART;
}

/* ---- what users ask for ---- */

int vptp_enable_extts(struct vptp_clock *clock, const struct ptp_extts_request *request, int on)
{
	if (request->flags & PTP_FALLING_EDGE)
		return -EOPNOTSUPP;
	if (on && ptp_find_pin(clock->ptp, PTP_PF_EXTTS, request->index) < 0)
		return -EBUSY;
	WRITE_ONCE(clock->extts, on);
	return 0;
}

int vptp_enable_perout(struct vptp_clock *clock, const struct ptp_perout_request *request, int on)
{
	s64 start = request->start.sec * NSEC_PER_SEC + request->start.nsec;
	s64 period = request->period.sec * NSEC_PER_SEC + request->period.nsec;
	unsigned long flags;
	vptp_time now;

	if (request->flags)
		return -EOPNOTSUPP;
	if (on && period < MIN_PERIOD)
		return -ERANGE;
	if (on && ptp_find_pin(clock->ptp, PTP_PF_PEROUT, request->index) < 0)
		return -EBUSY;
	spin_lock_irqsave(&clock->lock, flags);
	now = vptp_piece_at(vptp_newest(clock), vptp_advance_to_now(clock));
	clock->perout_period = on ? period : 0;
	clock->perout_next = start;
	if (start <= (s64)(now >> 32))
		vptp_perout_restart(clock, now);
	vptp_perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
	if (!on)
		hrtimer_cancel(&clock->perout_timer);
	return 0;
}
