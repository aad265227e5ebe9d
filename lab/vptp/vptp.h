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
#include <linux/ethtool.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/net_tstamp.h>
#include <linux/netdevice.h>
#include <linux/platform_device.h>
#include <linux/prandom.h>
#include <linux/ptp_clock_kernel.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/version.h>

#define VPTP_MAX	32	/* interfaces, and clocks */
#define VPTP_HISTORY	64	/* pieces of a clock that are remembered */
#define VPTP_MAX_PPB	100000000

/* 2^62 / unit, with 30 more bits: for vptp_rate_of() */
#define PER_PPB		4951760157141521100LL
#define PER_PPT		4951760157141521LL
#define PER_SCALED_PPM	75557863725914323LL

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info ethtool_ts_info
#endif

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
	bool pps;
	s64 perout_period;	/* ns; 0 is off */
	s64 perout_next;	/* ns of this clock */
	struct hrtimer perout_timer;

	/* knobs */
	s64 error_ppb;
	s64 walk_ppt;
	s64 seed;
	s64 read_latency_ns;
	s64 phase_slew_ns;
	s64 pps_from;
	s64 pps_delay_ns;
	s64 extts_jitter_ns;
};

/* What we note on a frame while it is ours. */
struct vptp_note {
	s64 due;	/* true time: it arrives, or its stamp is told */
	u64 stamp;	/* ns, of a sent frame */
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

/* oscillator.c: those without a note want the clock's lock held */
s64 vptp_rate_of(s64 value, s64 unit);
vptp_time vptp_piece_at(const struct vptp_piece *piece, s64 when);
s64 vptp_piece_when(const struct vptp_piece *piece, vptp_time shown);
void vptp_begin_piece(struct vptp_clock *clock, s64 start, vptp_time at);
s64 vptp_advance_to_now(struct vptp_clock *clock);
vptp_time vptp_clock_at_locked(struct vptp_clock *clock, s64 when, s64 *rate);
vptp_time vptp_clock_at(struct vptp_clock *clock, s64 when, s64 *rate);	/* takes the lock */
vptp_time vptp_jitter(struct rnd_state *random, s64 jitter_ns);
void vptp_oscillator_changed(void *owner);				/* takes the lock */
void vptp_oscillator_seeded(void *owner);				/* takes the lock */

/* pulses.c */
void vptp_perout_arm(struct vptp_clock *clock);				/* under the lock */
void vptp_perout_restart(struct vptp_clock *clock, vptp_time now);	/* under the lock */
enum hrtimer_restart vptp_perout_tick(struct hrtimer *timer);
int vptp_enable_extts(struct vptp_clock *clock, const struct ptp_extts_request *request, int on);
int vptp_enable_perout(struct vptp_clock *clock, const struct ptp_perout_request *request, int on);

/* clock.c */
struct vptp_clock *vptp_clock_create(int index, u64 seed, struct dentry *root);
void vptp_clock_unregister(struct vptp_clock *clock);
void vptp_clock_destroy(struct vptp_clock *clock);

/* queue.c */
void vptp_queue_add(struct vptp_queue *queue, struct sk_buff *skb, struct vptp_note note);
void vptp_queue_init(struct vptp_queue *queue, struct vptp_port *port,
		     void (*handle)(struct vptp_port *port, struct sk_buff *skb));
void vptp_queue_stop(struct vptp_queue *queue);

/* stamps.c */
u64 vptp_stamp_at(struct vptp_port *port, s64 when);
bool vptp_is_event(struct sk_buff *skb);
bool vptp_stamp_sync(struct sk_buff *skb, u64 stamp);
int vptp_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info);
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
int vptp_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config);
int vptp_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
		      struct netlink_ext_ack *extack);
#else
int vptp_eth_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd);
#endif

/* port.c */
struct vptp_port *vptp_port_create(int index, struct vptp_clock *clock, int segment, u64 seed,
				   struct dentry *root);
void vptp_ports_unregister(void);
void vptp_port_destroy(struct vptp_port *port);

/* dpll.c */
#ifdef VPTP_DPLL
int vptp_dpll_create(bool manual);
void vptp_dpll_destroy(void);
void vptp_dpll_changed(void);
#else
static inline int vptp_dpll_create(bool manual)
{
	return 0;
}
static inline void vptp_dpll_destroy(void) {}
static inline void vptp_dpll_changed(void) {}
#endif

static inline const struct vptp_piece *vptp_piece_back(const struct vptp_clock *clock, unsigned int back)
{
	return &clock->history[(clock->newest - back) % VPTP_HISTORY];
}

static inline const struct vptp_piece *vptp_newest(const struct vptp_clock *clock)
{
	return vptp_piece_back(clock, 0);
}

static inline struct vptp_note *vptp_note_of(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct vptp_note) > sizeof(skb->cb));
	return (struct vptp_note *)skb->cb;
}

static inline s64 vptp_true_now(void)
{
	return ktime_to_ns(ktime_get_raw());
}

/* True time and CLOCK_REALTIME at one instant. */
static inline void vptp_true_and_realtime(ktime_t *true_time, ktime_t *realtime)
{
	struct system_time_snapshot snapshot;

#ifdef VPTP_SNAPSHOT_ID	/* since 7.x: Kbuild looks */
	ktime_get_snapshot_id(CLOCK_REALTIME, &snapshot);
	*true_time = snapshot.monoraw;
	*realtime = snapshot.systime;
#else
	ktime_get_snapshot(&snapshot);
	*true_time = snapshot.raw;
	*realtime = snapshot.real;
#endif
}

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

/* Have @timer run when the true time @when has come; or before, then to be started
 * again: it runs by the system's clock, which may be steered meanwhile.
 */
static inline void vptp_timer_start(struct hrtimer *timer, s64 when)
{
	s64 wait = when - vptp_true_now();

	if (wait > 100 * NSEC_PER_USEC)
		wait -= wait >> 4;
	hrtimer_start(timer, ns_to_ktime(max_t(s64, wait, 0)), HRTIMER_MODE_REL_SOFT);
}

#endif
