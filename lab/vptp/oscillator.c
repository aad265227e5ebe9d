// SPDX-License-Identifier: GPL-2.0
/*
 * The oscillator of a clock: an imperfect rate that wanders and is steered, kept
 * as straight pieces so that any recent instant can be asked.
 */
#include "vptp.h"

#define WALK_INTERVAL	(100 * NSEC_PER_MSEC)

/* @value in a unit such as PER_PPB, in 2^-62. */
s64 vptp_rate_of(s64 value, s64 unit)
{
	return ((__int128)value * unit) >> 30;
}

vptp_time vptp_piece_at(const struct vptp_piece *piece, s64 when)
{
	s64 gone = when - piece->start;

	return piece->at + ((vptp_time)gone << 32) + (((__int128)gone * piece->rate) >> 30);
}

/* When did, or will, this piece show @shown? The steps shrink by the rate. */
s64 vptp_piece_when(const struct vptp_piece *piece, vptp_time shown)
{
	s64 gone = (shown - piece->at) >> 32;
	int i;

	for (i = 0; i < 12; i++)
		gone += (shown - vptp_piece_at(piece, piece->start + gone)) >> 32;
	return piece->start + gone;
}

void vptp_begin_piece(struct vptp_clock *clock, s64 start, vptp_time at)
{
	struct vptp_piece piece = {
		.start = start,
		.at = at,
		.rate = vptp_rate_of(clock->error_ppb, PER_PPB) + clock->walk + clock->steering + clock->slew,
	};

	clock->newest = (clock->newest + 1) % VPTP_HISTORY;
	clock->history[clock->newest] = piece;
}

/* One step of the random walk: a sum of twelve even chances is nearly normal. */
static s64 walk_step(struct vptp_clock *clock)
{
	s64 sum = -6 * 65536;
	int i;

	for (i = 0; i < 12; i++)
		sum += prandom_u32_state(&clock->random) & 0xffff;
	/* ten steps a second: 1 / sqrt(10) of walk_ppt each */
	return ((__int128)vptp_rate_of(clock->walk_ppt, PER_PPT) * sum * 20724) >> 32;
}

/* Let happen what the clock does by itself, up to the true time @when. */
static void advance(struct vptp_clock *clock, s64 when)
{
	for (;;) {
		s64 walk = clock->walking ? clock->next_walk : S64_MAX;
		s64 slew = clock->slew ? clock->slew_end : S64_MAX;
		s64 next = min(walk, slew);

		if (next > when)
			return;
		if (next == walk) {
			clock->walk += walk_step(clock);
			clock->next_walk += WALK_INTERVAL;
		}
		if (next == slew)
			clock->slew = 0;
		vptp_begin_piece(clock, next, vptp_piece_at(vptp_newest(clock), next));
	}
}

/* The first moment at which something new can begin: now. */
s64 vptp_advance_to_now(struct vptp_clock *clock)
{
	s64 now = max(vptp_true_now(), vptp_newest(clock)->start);

	advance(clock, now);
	return now;
}

vptp_time vptp_clock_at_locked(struct vptp_clock *clock, s64 when, s64 *rate)
{
	const struct vptp_piece *piece;
	unsigned int back;

	advance(clock, when);
	for (back = 0; back < VPTP_HISTORY - 1; back++)
		if (vptp_piece_back(clock, back)->start <= when)
			break;
	piece = vptp_piece_back(clock, back);
	if (rate)
		*rate = piece->rate;
	return vptp_piece_at(piece, when);
}

vptp_time vptp_clock_at(struct vptp_clock *clock, s64 when, s64 *rate)
{
	unsigned long flags;
	vptp_time shown;

	spin_lock_irqsave(&clock->lock, flags);
	shown = vptp_clock_at_locked(clock, when, rate);
	spin_unlock_irqrestore(&clock->lock, flags);
	return shown;
}

/* Evenly spread over +-jitter_ns, in the units of vptp_time. */
vptp_time vptp_jitter(struct rnd_state *random, s64 jitter_ns)
{
	u64 chance = ((u64)prandom_u32_state(random) << 1) | 1;

	return (__int128)jitter_ns * ((s64)chance - (1LL << 32));
}

/* Chance begins anew: clocks of one seed walk alike from here on. */
void vptp_oscillator_seeded(void *owner)
{
	struct vptp_clock *clock = owner;
	unsigned long flags;

	spin_lock_irqsave(&clock->lock, flags);
	vptp_advance_to_now(clock);
	prandom_seed_state(&clock->random, clock->seed);
	spin_unlock_irqrestore(&clock->lock, flags);
}

/* A knob has changed the rate. Where the walk ends, the wanderer goes home. */
void vptp_oscillator_changed(void *owner)
{
	struct vptp_clock *clock = owner;
	unsigned long flags;
	s64 now;

	spin_lock_irqsave(&clock->lock, flags);
	now = vptp_advance_to_now(clock);
	if (!clock->walking)
		clock->next_walk = now + WALK_INTERVAL;
	clock->walking = clock->walk_ppt;
	if (!clock->walking)
		clock->walk = 0;
	vptp_begin_piece(clock, now, vptp_piece_at(vptp_newest(clock), now));
	vptp_perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}
