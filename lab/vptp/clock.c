// SPDX-License-Identifier: GPL-2.0
/*
 * The PTP hardware clocks: what the kernel asks of one, and how one comes and goes.
 */
#include <linux/slab.h>

#include "vptp.h"

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
	now = vptp_advance_to_now(clock);
	*rate = value;
	vptp_begin_piece(clock, now, vptp_piece_at(vptp_newest(clock), now));
	vptp_perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static void step(struct vptp_clock *clock, bool relative, s64 ns)
{
	unsigned long flags;
	vptp_time at;
	s64 now;

	spin_lock_irqsave(&clock->lock, flags);
	now = vptp_advance_to_now(clock);
	at = (vptp_time)ns << 32;
	if (relative)
		at += vptp_piece_at(vptp_newest(clock), now);
	vptp_begin_piece(clock, now, at);
	vptp_perout_restart(clock, at);
	vptp_perout_arm(clock);
	spin_unlock_irqrestore(&clock->lock, flags);
}

static int vptp_adjfine(struct ptp_clock_info *info, long scaled_ppm)
{
	struct vptp_clock *clock = clock_of(info);

	change_rate(clock, &clock->steering, vptp_rate_of(scaled_ppm, PER_SCALED_PPM));
	return 0;
}

/* The phase is slewed away within phase_slew_ns. */
static int vptp_adjphase(struct ptp_clock_info *info, s32 phase)
{
	struct vptp_clock *clock = clock_of(info);
	s64 takes = READ_ONCE(clock->phase_slew_ns);
	s64 ppb = div64_s64((s64)phase * NSEC_PER_SEC, takes);
	unsigned long flags;

	if (abs(ppb) > VPTP_MAX_PPB)
		return -ERANGE;
	spin_lock_irqsave(&clock->lock, flags);
	clock->slew_end = vptp_advance_to_now(clock) + takes;
	spin_unlock_irqrestore(&clock->lock, flags);
	change_rate(clock, &clock->slew, vptp_rate_of(ppb, PER_PPB));
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
static s32 vptp_getmaxphase(struct ptp_clock_info *info)
{
	return VPTP_MAX_PPB;
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
	now = vptp_true_now();
	ndelay(latency - latency / 2);
	ptp_read_system_postts(sts);
	*ts = ns_to_timespec64(vptp_clock_at(clock, now, NULL) >> 32);
	return 0;
}

static int vptp_getcrosststamp(struct ptp_clock_info *info, struct system_device_crosststamp *cts)
{
	ktime_t true_time, realtime;

#ifdef VPTP_SNAPSHOT_ID
	if (cts->clock_id != CLOCK_REALTIME)
		return -EOPNOTSUPP;
#endif
	vptp_true_and_realtime(&true_time, &realtime);
#ifdef VPTP_SNAPSHOT_ID
	cts->sys_systime = realtime;
#else
	cts->sys_realtime = realtime;
#endif
	cts->sys_monoraw = true_time;
	cts->device = vptp_clock_at(clock_of(info), ktime_to_ns(true_time), NULL) >> 32;
	return 0;
}

static int vptp_enable(struct ptp_clock_info *info, struct ptp_clock_request *request, int on)
{
	switch (request->type) {
	case PTP_CLK_REQ_EXTTS:
		return vptp_enable_extts(clock_of(info), &request->extts, on);
	case PTP_CLK_REQ_PEROUT:
		return vptp_enable_perout(clock_of(info), &request->perout, on);
	case PTP_CLK_REQ_PPS:
		WRITE_ONCE(clock_of(info)->pps, on);
		return 0;
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
	.max_adj = VPTP_MAX_PPB,
	.n_ext_ts = 1,
	.n_per_out = 1,
	.n_pins = 2,
	.pps = 1,
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

static void clock_knobs(struct vptp_clock *clock, struct dentry *root)
{
	struct device *device = &clock->device->dev;
	struct dentry *folder;
	char name[16];

	snprintf(name, sizeof(name), "clock%d", clock->index);
	folder = debugfs_create_dir(name, root);
#define KNOB(knob, min, max, changed) \
	vptp_knob(folder, device, #knob, &clock->knob, min, max, changed, clock)
	KNOB(error_ppb, -VPTP_MAX_PPB, VPTP_MAX_PPB, vptp_oscillator_changed);
	KNOB(walk_ppt, 0, 1000000000, vptp_oscillator_changed);
	KNOB(seed, 0, S64_MAX, vptp_oscillator_seeded);
	KNOB(read_latency_ns, 0, NSEC_PER_MSEC, NULL);
	KNOB(phase_slew_ns, NSEC_PER_MSEC, 10 * NSEC_PER_SEC, NULL);
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
	clock->phase_slew_ns = NSEC_PER_SEC;
	clock->pps_from = -1;
	spin_lock_init(&clock->lock);
	clock->seed = seed;
	prandom_seed_state(&clock->random, seed);
	vptp_timer_init(&clock->perout_timer, vptp_perout_tick);
	vptp_begin_piece(clock, vptp_true_now(), (vptp_time)ktime_get_real_ns() << 32);

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
