/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vptp: Ethernet interfaces with PTP hardware clocks, and the truth about them.
 *
 * True time is ktime_get_raw(): nobody steers it. Every stamp is computed from
 * the model (when the frame left, how long the wire is), never from the moment
 * at which some interrupt happened to run.
 */
#ifndef VPTP_H
#define VPTP_H

#include <linux/debugfs.h>
#include <linux/etherdevice.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/spinlock.h>
#include <linux/version.h>

#define VPTP_MAX	32	/* interfaces, and clocks */
#define VPTP_HISTORY	64	/* pieces of a clock that are remembered */

/* What a clock shows, in units of 2^-32 ns. */
typedef __int128 vptp_time;

/* A piece of a clock: from the true time @start on it shows @at, plus the true
 * time gone since, times 1 + @rate * 2^-62.
 */
struct vptp_piece {
	s64 start;
	vptp_time at;
	s64 rate;
};

struct vptp_clock {
	struct ptp_clock_info info;
	struct ptp_pin_desc pins[2];
	struct ptp_clock *ptp;
	struct platform_device *device;
	int index;

	spinlock_t lock;	/* everything below */
	struct vptp_piece history[VPTP_HISTORY];
	unsigned int newest;
	s64 steering;		/* adjfine, 2^-62 */
	s64 walk;		/* how far the oscillator has wandered, 2^-62 */
	s64 next_walk;		/* true time of its next step */
	bool walking;
	s64 slew;		/* adjphase at work, 2^-62 ... */
	s64 slew_end;		/* ... until then */
	struct rnd_state random;

	bool extts;
	s64 perout_period;	/* ns; 0 is off */
	s64 perout_next;	/* ns of this clock */
	struct hrtimer perout_timer;

	/* knobs */
	s64 error_ppb;
	s64 walk_ppt;
	s64 read_latency_ns;
	s64 pps_from;
	s64 pps_delay_ns;
	s64 extts_jitter_ns;
};

/* Frames that wait for their moment, the earliest first. */
struct vptp_queue {
	struct vptp_port *port;
	void (*handle)(struct vptp_port *port, struct sk_buff *skb);
	struct sk_buff_head frames;
	struct hrtimer timer;
};

struct vptp_port {
	struct net_device *dev;
	struct vptp_clock *clock;
	int segment;
	int tx_type;
	int rx_filter;
	struct vptp_queue arriving;	/* on their way to this port */
	struct vptp_queue stamping;	/* sent by it, their stamp not yet told */
	spinlock_t random_lock;
	struct rnd_state random;

	/* knobs */
	s64 link;
	s64 delay_ns;
	s64 delay_variation_ns;
	s64 loss_ppm;
	s64 stamp_jitter_ns;
	s64 stamp_loss_ppm;
	s64 stamp_latency_ns;
	s64 lost_frames;
	s64 lost_stamps;
};

extern struct vptp_clock *vptp_clocks[VPTP_MAX];
extern struct vptp_port *vptp_ports[VPTP_MAX];
extern unsigned int vptp_clock_count, vptp_port_count;

/* main.c */
void vptp_knob(struct dentry *folder, struct device *device, const char *name,
	       s64 *value, s64 min, s64 max, void (*changed)(void *owner), void *owner);

/* clock.c */
struct vptp_clock *vptp_clock_create(int index, u64 seed, struct dentry *root);
void vptp_clock_unregister(struct vptp_clock *clock);
void vptp_clock_destroy(struct vptp_clock *clock);
vptp_time vptp_clock_at(struct vptp_clock *clock, s64 when, s64 *rate);
vptp_time vptp_jitter(struct rnd_state *random, s64 jitter_ns);

/* port.c */
struct vptp_port *vptp_port_create(int index, struct vptp_clock *clock, int segment, u64 seed,
				   struct dentry *root);
void vptp_ports_unregister(void);
void vptp_port_destroy(struct vptp_port *port);

static inline void vptp_timer_init(struct hrtimer *timer,
				   enum hrtimer_restart (*function)(struct hrtimer *))
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 13, 0)
	hrtimer_setup(timer, function, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
#else
	hrtimer_init(timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_SOFT);
	timer->function = function;
#endif
}

/* Have @timer run when the true time @when has come. */
static inline void vptp_timer_start(struct hrtimer *timer, s64 when)
{
	s64 wait = when - ktime_to_ns(ktime_get_raw());

	hrtimer_start(timer, ns_to_ktime(max_t(s64, wait, 0)), HRTIMER_MODE_REL_SOFT);
}

#endif
