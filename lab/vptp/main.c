// SPDX-License-Identifier: GPL-2.0
/*
 * The module: its parameters, its knobs and the truth, in debugfs.
 */
#include <linux/module.h>
#include <linux/seq_file.h>

#include "vptp.h"

static unsigned int ports = 2;
module_param(ports, uint, 0444);
MODULE_PARM_DESC(ports, "number of interfaces (default 2)");

static int phc[VPTP_MAX];
static unsigned int phc_given;
module_param_array(phc, int, &phc_given, 0444);
MODULE_PARM_DESC(phc, "which clock each interface uses: phc=0,1,1,2 (default: each its own)");

static int segment[VPTP_MAX];
static unsigned int segment_given;
module_param_array(segment, int, &segment_given, 0444);
MODULE_PARM_DESC(segment, "which wire each interface is on: segment=0,0,0 (default: pairs, 0,0,1,1,...)");

static ulong seed = 1;
module_param(seed, ulong, 0444);
MODULE_PARM_DESC(seed, "of the noise: the same seed gives the same noise");

static bool dpll;
module_param(dpll, bool, 0444);
MODULE_PARM_DESC(dpll, "a DPLL with the recovered clock of each port as a pin, where the kernel knows DPLLs");

static bool dpll_manual;
module_param(dpll_manual, bool, 0444);
MODULE_PARM_DESC(dpll_manual, "it takes the pin that it is told, instead of choosing by priority");

struct vptp_clock *vptp_clocks[VPTP_MAX];
struct vptp_port *vptp_ports[VPTP_MAX];
unsigned int vptp_clock_count, vptp_port_count;
static struct dentry *root;

/* ---- knobs ---- */

struct knob {
	s64 *value;
	s64 min, max;
	void (*changed)(void *owner);
	void *owner;
};

static int knob_get(void *data, u64 *value)
{
	struct knob *knob = data;

	*value = READ_ONCE(*knob->value);
	return 0;
}

static int knob_set(void *data, u64 value)
{
	struct knob *knob = data;

	if ((s64)value < knob->min || (s64)value > knob->max)
		return -ERANGE;
	WRITE_ONCE(*knob->value, value);
	if (knob->changed)
		knob->changed(knob->owner);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE_SIGNED(knob_fops, knob_get, knob_set, "%lld\n");

void vptp_knob(struct dentry *folder, struct device *device, const char *name,
	       s64 *value, s64 min, s64 max, void (*changed)(void *owner), void *owner)
{
	struct knob *knob = devm_kzalloc(device, sizeof(*knob), GFP_KERNEL);

	if (!knob)
		return;
	*knob = (struct knob) { value, min, max, changed, owner };
	debugfs_create_file_unsafe(name, 0644, folder, knob, &knob_fops);
}

/* ---- the truth ---- */

/* All clocks at one instant: name, ns, the fraction in 2^-32 ns; of a hardware
 * clock also the error of its frequency in 1e-12, and its device.
 */
static int truth_show(struct seq_file *file, void *unused)
{
	ktime_t true_time, realtime;
	unsigned int i;

	vptp_true_and_realtime(&true_time, &realtime);
	seq_printf(file, "true %lld 0\n", ktime_to_ns(true_time));
	seq_printf(file, "realtime %lld 0\n", ktime_to_ns(realtime));
	for (i = 0; i < vptp_clock_count; i++) {
		struct vptp_clock *clock = vptp_clocks[i];
		s64 rate;
		vptp_time shown = vptp_clock_at(clock, ktime_to_ns(true_time), &rate);

		seq_printf(file, "clock%u %lld %u %lld ptp%d\n", i, (s64)(shown >> 32), (u32)shown,
			   (s64)(((__int128)rate * 1000000000000LL + (1LL << 61)) >> 62), ptp_clock_index(clock->ptp));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(truth);

/* ---- coming and going ---- */

static void tear_down(void)
{
	unsigned int i;

	debugfs_remove_recursive(root);	/* waits for those who are in a knob */
	vptp_dpll_destroy();
	vptp_ports_unregister();
	for (i = 0; i < vptp_port_count; i++)
		vptp_port_destroy(vptp_ports[i]);
	for (i = 0; i < vptp_clock_count; i++)
		vptp_clock_unregister(vptp_clocks[i]);
	for (i = 0; i < vptp_clock_count; i++)
		vptp_clock_destroy(vptp_clocks[i]);
}

/* Without a parameter, @fallback; false for a number that cannot be. */
static bool fill_in(int *list, unsigned int given, int (*fallback)(int index))
{
	unsigned int i;

	for (i = 0; i < ports; i++) {
		if (!given)
			list[i] = fallback(i);
		if (list[i] < 0 || list[i] >= VPTP_MAX)
			return false;
	}
	return !given || given == ports;
}

static int own(int index)
{
	return index;
}

static int pairs(int index)
{
	return index / 2;
}

static int __init vptp_init(void)
{
	int clocks = 0;
	unsigned int i;

	if (!ports || ports > VPTP_MAX || !fill_in(phc, phc_given, own) ||
	    !fill_in(segment, segment_given, pairs)) {
		pr_err("vptp: ports is 1 to %d; phc and segment have one number, 0 to %d, for each\n",
		       VPTP_MAX, VPTP_MAX - 1);
		return -EINVAL;
	}
	for (i = 0; i < ports; i++)
		clocks = max(clocks, phc[i] + 1);

	root = debugfs_create_dir("vptp", NULL);
	while (vptp_clock_count < clocks) {
		struct vptp_clock *clock = vptp_clock_create(vptp_clock_count, seed * 2 * VPTP_MAX + vptp_clock_count,
							     root);

		if (IS_ERR(clock)) {
			tear_down();
			return PTR_ERR(clock);
		}
		vptp_clocks[vptp_clock_count++] = clock;
	}
	while (vptp_port_count < ports) {
		struct vptp_port *port = vptp_port_create(vptp_port_count, vptp_clocks[phc[vptp_port_count]],
							  segment[vptp_port_count],
							  seed * 2 * VPTP_MAX + VPTP_MAX + vptp_port_count, root);

		if (IS_ERR(port)) {
			tear_down();
			return PTR_ERR(port);
		}
		vptp_ports[vptp_port_count++] = port;
	}
	debugfs_create_file("truth", 0444, root, NULL, &truth_fops);
	if (dpll) {
		int error = vptp_dpll_create(dpll_manual);

		if (error) {
			tear_down();
			return error;
		}
	}
	return 0;
}

static void __exit vptp_exit(void)
{
	tear_down();
}

module_init(vptp_init);
module_exit(vptp_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Ethernet interfaces with PTP hardware clocks whose truth is known");
