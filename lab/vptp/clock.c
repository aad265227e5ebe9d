// SPDX-License-Identifier: GPL-2.0
/*
 * The PTP hardware clocks: each an imperfect oscillator and what has been done
 * to steer it, kept as straight pieces so that any recent instant can be asked.
 */
#include <linux/math64.h>
#include <linux/slab.h>

#include "vptp.h"

#define MAX_ADJ_PPB	100000000
#define WALK_INTERVAL	(100 * NSEC_PER_MSEC)
#define MIN_PERIOD	(100 * NSEC_PER_USEC)

/* 2^62 / unit, with 30 more bits: a rate is (value * this) >> 30 */
#define PER_PPB		4951760157141521100LL
#define PER_PPT		4951760157141521LL
#define PER_SCALED_PPM	75557863725914323LL

static s64 rate_of(s64 value, s64 unit)
{
	return ((__int128)value * unit) >> 30;
}

static s64 true_now(void)
{
	return ktime_to_ns(ktime_get_raw());
}

/* ---- the oscillator ---- */

static vptp_time piece_at(const struct vptp_piece *piece, s64 when)
{
	s64 gone = when - piece->start;

	return piece->at + ((vptp_time)gone << 32) + (((__int128)gone * piece->rate) >> 30);
}

/* When did, or will, this piece show @shown? The steps shrink by the rate. */
static s64 piece_when(const struct vptp_piece *piece, vptp_time shown)
{
	s64 gone = (shown - piece->at) >> 32;
	int i;

	for (i = 0; i < 12; i++)
		gone += (shown - piece_at(piece, piece->start + gone)) >> 32;
	return piece->start + gone;
}

static const struct vptp_piece *newest(const struct vptp_clock *clock)
{
	return &clock->history[clock->newest];
}

static const struct vptp_piece *piece_back(const struct vptp_clock *clock, unsigned int back)
{
	return &clock->history[(clock->newest - back) % VPTP_HISTORY];
}

static void begin_piece(struct vptp_clock *clock, s64 start, vptp_time at)
{
	struct vptp_piece piece = {
		.start = start,
		.at = at,
		.rate = rate_of(clock->error_ppb, PER_PPB) + clock->walk + clock->steering + clock->slew,
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
	return ((__int128)rate_of(clock->walk_ppt, PER_PPT) * sum * 20724) >> 32;
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
		begin_piece(clock, next, piece_at(newest(clock), next));
	}
}

/* The first moment at which something new can begin: now. */
static s64 advance_to_now(struct vptp_clock *clock)
{
	s64 now = max(true_now(), newest(clock)->start);

	advance(clock, now);
	return now;
}

static vptp_time clock_at(struct vptp_clock *clock, s64 when, s64 *rate)
{
	const struct vptp_piece *piece;
	unsigned int back;

	advance(clock, when);
	for (back = 0; back < VPTP_HISTORY - 1; back++)
		if (piece_back(clock, back)->start <= when)
			break;
	piece = piece_back(clock, back);
	if (rate)
		*rate = piece->rate;
	return piece_at(piece, when);
}

vptp_time vptp_clock_at(struct vptp_clock *clock, s64 when, s64 *rate)
{
	unsigned long flags;
	vptp_time shown;

	spin_lock_irqsave(&clock->lock, flags);
	shown = clock_at(clock, when, rate);
	spin_unlock_irqrestore(&clock->lock, flags);
	return shown;
}

/* Evenly spread over +-jitter_ns, in the units of vptp_time. */
vptp_time vptp_jitter(struct rnd_state *random, s64 jitter_ns)
{
	u64 chance = ((u64)prandom_u32_state(random) << 1) | 1;

	return (__int128)jitter_ns * ((s64)chance - (1LL << 32));
}

/* ---- pulses: PEROUT of one clock, by wire, to EXTTS of others ---- */

/* The true time of the next rising edge. No step lies behind it: steps call perout_restart(). */
static s64 perout_when(const struct vptp_clock *clock)
{
	vptp_time edge = (vptp_time)clock->perout_next << 32;
	unsigned int back;

	for (back = 0; back < VPTP_HISTORY - 1; back++)
		if (piece_back(clock, back)->at <= edge)
			break;
	return piece_when(piece_back(clock, back), edge);
}

static void perout_arm(struct vptp_clock *clock)
{
	if (clock->perout_period)
		vptp_timer_start(&clock->perout_timer, perout_when(clock));
}

/* The clock was stepped to @now: its next edge is the first that lies ahead. */
static void perout_restart(struct vptp_clock *clock, vptp_time now)
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
	event.timestamp = (clock_at(clock, when + clock->pps_delay_ns, NULL) +
			   vptp_jitter(&clock->random, clock->extts_jitter_ns)) >> 32;
	if (clock->extts && clock->ptp)
		ptp_clock_event(clock->ptp, &event);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static enum hrtimer_restart perout_tick(struct hrtimer *timer)
{
	struct vptp_clock *clock = container_of(timer, struct vptp_clock, perout_timer);
	unsigned long flags;
	unsigned int i;
	s64 now, when;

	for (;;) {
		spin_lock_irqsave(&clock->lock, flags);
		now = advance_to_now(clock);
		when = perout_when(clock);
		if (!clock->perout_period || when > now)
			break;
		clock->perout_next += clock->perout_period;
		spin_unlock_irqrestore(&clock->lock, flags);

		for (i = 0; i < vptp_clock_count; i++)
			if (READ_ONCE(vptp_clocks[i]->pps_from) == clock->index)
				extts_edge(vptp_clocks[i], when);
	}
	perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
	return HRTIMER_NORESTART;
}

/* ---- what the kernel asks of a PTP clock ---- */

static struct vptp_clock *clock_of(struct ptp_clock_info *info)
{
	return container_of(info, struct vptp_clock, info);
}

/* A new rate holds from now on; the time shown does not jump. */
static void change_rate(struct vptp_clock *clock, s64 *rate, s64 value)
{
	unsigned long flags;
	s64 now;

	spin_lock_irqsave(&clock->lock, flags);
	now = advance_to_now(clock);
	*rate = value;
	begin_piece(clock, now, piece_at(newest(clock), now));
	perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static void step(struct vptp_clock *clock, bool relative, s64 ns)
{
	unsigned long flags;
	vptp_time at;
	s64 now;

	spin_lock_irqsave(&clock->lock, flags);
	now = advance_to_now(clock);
	at = (vptp_time)ns << 32;
	if (relative)
		at += piece_at(newest(clock), now);
	begin_piece(clock, now, at);
	perout_restart(clock, at);
	perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static int vptp_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct vptp_clock *clock = clock_of(info);

	change_rate(clock, &clock->steering, rate_of(scaled_ppm, PER_SCALED_PPM));
	return 0;
}

/* The phase is slewed away within one second. */
static int vptp_adjphase(struct ptp_clock_info *info, s32 phase)
{
	struct vptp_clock *clock = clock_of(info);
	unsigned long flags;

	if (abs(phase) > MAX_ADJ_PPB)
		return -ERANGE;
	spin_lock_irqsave(&clock->lock, flags);
	clock->slew_end = advance_to_now(clock) + NSEC_PER_SEC;
	spin_unlock_irqrestore(&clock->lock, flags);
	change_rate(clock, &clock->slew, rate_of(phase, PER_PPB));
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
static s32 vptp_getmaxphase(struct ptp_clock_info *info)
{
	return MAX_ADJ_PPB;
}
#endif

static int vptp_adjtime(struct ptp_clock_info *info, s64 delta)
{
	step(clock_of(info), true, delta);
	return 0;
}

static int vptp_settime(struct ptp_clock_info *info, const struct timespec64 *ts)
{
	step(clock_of(info), false, timespec64_to_ns(ts));
	return 0;
}

static int vptp_gettimex(struct ptp_clock_info *info, struct timespec64 *ts,
			 struct ptp_system_timestamp *sts)
{
	struct vptp_clock *clock = clock_of(info);
	s64 latency = READ_ONCE(clock->read_latency_ns);
	s64 now;

	ptp_read_system_prets(sts);
	ndelay(latency / 2);
	now = true_now();
	ndelay(latency - latency / 2);
	ptp_read_system_postts(sts);
	*ts = ns_to_timespec64(vptp_clock_at(clock, now, NULL) >> 32);
	return 0;
}

static int vptp_getcrosststamp(struct ptp_clock_info *info, struct system_device_crosststamp *cts)
{
	struct system_time_snapshot snapshot;

	ktime_get_snapshot(&snapshot);
	cts->sys_realtime = snapshot.real;
	cts->sys_monoraw = snapshot.raw;
	cts->device = vptp_clock_at(clock_of(info), ktime_to_ns(snapshot.raw), NULL) >> 32;
	return 0;
}

static int enable_extts(struct vptp_clock *clock, const struct ptp_extts_request *request, int on)
{
	if (request->flags & PTP_FALLING_EDGE)
		return -EOPNOTSUPP;
	if (on && ptp_find_pin(clock->ptp, PTP_PF_EXTTS, request->index) < 0)
		return -EBUSY;
	WRITE_ONCE(clock->extts, on);
	return 0;
}

static int enable_perout(struct vptp_clock *clock, const struct ptp_perout_request *request, int on)
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
	now = piece_at(newest(clock), advance_to_now(clock));
	clock->perout_period = on ? period : 0;
	clock->perout_next = start;
	if (start <= (s64)(now >> 32))
		perout_restart(clock, now);
	perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
	if (!on)
		hrtimer_cancel(&clock->perout_timer);
	return 0;
}

static int vptp_enable(struct ptp_clock_info *info, struct ptp_clock_request *request, int on)
{
	switch (request->type) {
	case PTP_CLK_REQ_EXTTS:
		return enable_extts(clock_of(info), &request->extts, on);
	case PTP_CLK_REQ_PEROUT:
		return enable_perout(clock_of(info), &request->perout, on);
	default:
		return -EOPNOTSUPP;
	}
}

static int vptp_verify(struct ptp_clock_info *info, unsigned int pin, enum ptp_pin_function function,
		       unsigned int channel)
{
	return function == PTP_PF_PHYSYNC ? -EOPNOTSUPP : 0;
}

static const struct ptp_clock_info vptp_info = {
	.owner = THIS_MODULE,
	.max_adj = MAX_ADJ_PPB,
	.n_ext_ts = 1,
	.n_per_out = 1,
	.n_pins = 2,
	.adjfine = vptp_adjfine,
	.adjphase = vptp_adjphase,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	.getmaxphase = vptp_getmaxphase,
#endif
	.adjtime = vptp_adjtime,
	.gettimex64 = vptp_gettimex,
	.getcrosststamp = vptp_getcrosststamp,
	.settime64 = vptp_settime,
	.enable = vptp_enable,
	.verify = vptp_verify,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 17, 0)
	.supported_extts_flags = PTP_RISING_EDGE | PTP_STRICT_FLAGS,
#endif
};

/* ---- coming and going ---- */

/* A knob has changed the rate. Where the walk ends, the wanderer goes home. */
static void clock_changed(void *owner)
{
	struct vptp_clock *clock = owner;
	unsigned long flags;
	s64 now;

	spin_lock_irqsave(&clock->lock, flags);
	now = advance_to_now(clock);
	if (!clock->walking)
		clock->next_walk = now + WALK_INTERVAL;
	clock->walking = clock->walk_ppt;
	if (!clock->walking)
		clock->walk = 0;
	begin_piece(clock, now, piece_at(newest(clock), now));
	perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static void clock_knobs(struct vptp_clock *clock, struct dentry *root)
{
	struct device *device = &clock->device->dev;
	struct dentry *folder;
	char name[16];

	snprintf(name, sizeof(name), "clock%d", clock->index);
	folder = debugfs_create_dir(name, root);
#define KNOB(knob, min, max, changed) \
	vptp_knob(folder, device, #knob, &clock->knob, min, max, changed, clock)
	KNOB(error_ppb, -MAX_ADJ_PPB, MAX_ADJ_PPB, clock_changed);
	KNOB(walk_ppt, 0, 1000000000, clock_changed);
	KNOB(read_latency_ns, 0, NSEC_PER_MSEC, NULL);
	KNOB(pps_from, -1, VPTP_MAX - 1, NULL);
	KNOB(pps_delay_ns, 0, NSEC_PER_MSEC, NULL);
	KNOB(extts_jitter_ns, 0, NSEC_PER_MSEC, NULL);
#undef KNOB
}

struct vptp_clock *vptp_clock_create(int index, u64 seed, struct dentry *root)
{
	struct vptp_clock *clock = kzalloc(sizeof(*clock), GFP_KERNEL);
	unsigned int pin;
	int error;

	if (!clock)
		return ERR_PTR(-ENOMEM);
	clock->device = platform_device_register_simple("vptp", index, NULL, 0);
	if (IS_ERR(clock->device)) {
		error = PTR_ERR(clock->device);
		goto free_clock;
	}
	clock->index = index;
	clock->pps_from = -1;
	spin_lock_init(&clock->lock);
	prandom_seed_state(&clock->random, seed);
	vptp_timer_init(&clock->perout_timer, perout_tick);
	begin_piece(clock, true_now(), (vptp_time)ktime_get_real_ns() << 32);

	clock->info = vptp_info;
	snprintf(clock->info.name, sizeof(clock->info.name), "vptp%d", index);
	clock->info.pin_config = clock->pins;
	for (pin = 0; pin < ARRAY_SIZE(clock->pins); pin++) {
		clock->pins[pin].index = pin;
		snprintf(clock->pins[pin].name, sizeof(clock->pins[pin].name), "SDP%u", pin);
	}
	clock->ptp = ptp_clock_register(&clock->info, &clock->device->dev);
	if (IS_ERR(clock->ptp)) {
		error = PTR_ERR(clock->ptp);
		goto unregister_device;
	}
	clock_knobs(clock, root);
	return clock;

unregister_device:
	platform_device_unregister(clock->device);
free_clock:
	kfree(clock);
	return ERR_PTR(error);
}

/* No user and no pulse after this. Every clock is unregistered before one is
 * destroyed: an edge of one looks at the others.
 */
void vptp_clock_unregister(struct vptp_clock *clock)
{
	struct ptp_clock *ptp = clock->ptp;
	unsigned long flags;

	spin_lock_irqsave(&clock->lock, flags);
	clock->ptp = NULL;
	spin_unlock_irqrestore(&clock->lock, flags);
	ptp_clock_unregister(ptp);

	spin_lock_irqsave(&clock->lock, flags);
	clock->perout_period = 0;
	spin_unlock_irqrestore(&clock->lock, flags);
	hrtimer_cancel(&clock->perout_timer);
}

void vptp_clock_destroy(struct vptp_clock *clock)
{
	platform_device_unregister(clock->device);
	kfree(clock);
}
