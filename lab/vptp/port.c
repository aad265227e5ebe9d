// SPDX-License-Identifier: GPL-2.0
/*
 * The Ethernet interfaces: wires with a length, and stamps taken on them.
 */
#include <linux/ethtool.h>
#include <linux/ptp_classify.h>
#include <linux/rtnetlink.h>
#include <linux/udp.h>
#include <net/checksum.h>

#include "vptp.h"

#define MAX_WAITING	1000	/* frames on one wire */
#define ORIGIN_OFFSET	34	/* of originTimestamp in a Sync message */

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 11, 0)
#define kernel_ethtool_ts_info ethtool_ts_info
#endif

/* What we note on a frame while it is ours. */
struct vptp_note {
	s64 due;	/* true time: it arrives, or its stamp is told */
	u64 stamp;	/* ns, of a sent frame */
};

static struct vptp_note *note_of(struct sk_buff *skb)
{
	BUILD_BUG_ON(sizeof(struct vptp_note) > sizeof(skb->cb));
	return (struct vptp_note *)skb->cb;
}

/* ---- frames that wait for their moment ---- */

/* Take over @skb; it is dropped when the port is down or its wire is full. */
static void queue_add(struct vptp_queue *queue, struct sk_buff *skb, struct vptp_note note)
{
	struct sk_buff *before;
	unsigned long flags;

	*note_of(skb) = note;
	spin_lock_irqsave(&queue->frames.lock, flags);
	if (!netif_running(queue->port->dev) || skb_queue_len(&queue->frames) >= MAX_WAITING) {
		spin_unlock_irqrestore(&queue->frames.lock, flags);
		dev_kfree_skb_any(skb);
		return;
	}
	skb_queue_reverse_walk(&queue->frames, before)
		if (note_of(before)->due <= note.due)
			break;
	__skb_queue_after(&queue->frames, before, skb);
	if (skb_peek(&queue->frames) == skb)
		vptp_timer_start(&queue->timer, note.due);
	spin_unlock_irqrestore(&queue->frames.lock, flags);
}

static enum hrtimer_restart queue_tick(struct hrtimer *timer)
{
	struct vptp_queue *queue = container_of(timer, struct vptp_queue, timer);
	s64 now = ktime_to_ns(ktime_get_raw());
	struct sk_buff_head ready;
	struct sk_buff *skb;
	unsigned long flags;

	__skb_queue_head_init(&ready);
	spin_lock_irqsave(&queue->frames.lock, flags);
	while ((skb = skb_peek(&queue->frames)) && note_of(skb)->due <= now) {
		__skb_unlink(skb, &queue->frames);
		__skb_queue_tail(&ready, skb);
	}
	if (skb)
		vptp_timer_start(timer, note_of(skb)->due);
	spin_unlock_irqrestore(&queue->frames.lock, flags);

	while ((skb = __skb_dequeue(&ready)))
		queue->handle(queue->port, skb);
	return HRTIMER_NORESTART;
}

static void queue_init(struct vptp_queue *queue, struct vptp_port *port,
		       void (*handle)(struct vptp_port *port, struct sk_buff *skb))
{
	queue->port = port;
	queue->handle = handle;
	skb_queue_head_init(&queue->frames);
	vptp_timer_init(&queue->timer, queue_tick);
}

/* The port is not running: nothing is added any more. */
static void queue_stop(struct vptp_queue *queue)
{
	skb_queue_purge(&queue->frames);
	hrtimer_cancel(&queue->timer);
}

/* ---- chance, and stamps ---- */

static s64 chance_below(struct vptp_port *port, u64 limit)
{
	unsigned long flags;
	u64 chance;

	spin_lock_irqsave(&port->random_lock, flags);
	chance = prandom_u32_state(&port->random);
	spin_unlock_irqrestore(&port->random_lock, flags);
	return (chance * limit) >> 32;
}

static bool happens(struct vptp_port *port, s64 ppm)
{
	return ppm && chance_below(port, 1000000) < ppm;
}

/* What the port's clock captures at the true time @when, in ns. */
static u64 stamp_at(struct vptp_port *port, s64 when)
{
	vptp_time shown = vptp_clock_at(port->clock, when, NULL);
	unsigned long flags;

	spin_lock_irqsave(&port->random_lock, flags);
	shown += vptp_jitter(&port->random, READ_ONCE(port->stamp_jitter_ns));
	spin_unlock_irqrestore(&port->random_lock, flags);
	return shown >> 32;
}

/* @skb begins with its Ethernet header. */
static bool is_ptp_event(struct sk_buff *skb)
{
	unsigned int class;
	struct ptp_header *header;

	skb_reset_mac_header(skb);
	class = ptp_classify_raw(skb);
	if ((class & PTP_CLASS_VMASK) != PTP_CLASS_V2)
		return false;
	header = ptp_parse_header(skb, class);
	return header && ptp_get_msgtype(header, class) < 4;
}

/* Write @stamp into the originTimestamp of a Sync; false when the frame is none. */
static bool stamp_sync(struct sk_buff *skb, u64 stamp)
{
	struct { __be16 seconds_high; __be32 seconds_low, ns; } __packed origin;
	struct ptp_header *header;
	unsigned int class;
	__wsum before;
	u32 ns;
	u64 seconds = div_u64_rem(stamp, NSEC_PER_SEC, &ns);
	u8 *field;

	skb_reset_mac_header(skb);
	class = ptp_classify_raw(skb);
	if (class == PTP_CLASS_NONE || !ptp_msg_is_sync(skb, class) ||
	    skb_ensure_writable(skb, skb->len))
		return false;
	skb_reset_mac_header(skb);
	header = ptp_parse_header(skb, class);
	field = (u8 *)header + ORIGIN_OFFSET;
	if (!header || field + sizeof(origin) > skb_tail_pointer(skb))
		return false;

	origin.seconds_high = cpu_to_be16(seconds >> 32);
	origin.seconds_low = cpu_to_be32(seconds);
	origin.ns = cpu_to_be32(ns);
	before = csum_partial(field, sizeof(origin), 0);
	memcpy(field, &origin, sizeof(origin));
	if ((class & PTP_CLASS_PMASK) != PTP_CLASS_L2) {
		struct udphdr *udp = (struct udphdr *)header - 1;

		if (udp->check) {
			csum_replace_by_diff(&udp->check,
					     csum_sub(csum_partial(field, sizeof(origin), 0), before));
			udp->check = udp->check ?: CSUM_MANGLED_0;
		}
	}
	return true;
}

/* ---- the wire ---- */

static void arrive(struct vptp_port *port, struct sk_buff *skb)
{
	struct net_device *dev = port->dev;
	bool stamped = port->rx_filter == HWTSTAMP_FILTER_ALL ||
		       (port->rx_filter == HWTSTAMP_FILTER_PTP_V2_EVENT && is_ptp_event(skb));
	s64 due = note_of(skb)->due;

	if (!netif_carrier_ok(dev)) {
		dev_kfree_skb_any(skb);
		return;
	}
	memset(skb->cb, 0, sizeof(skb->cb));
	if (stamped)
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(stamp_at(port, due));
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += skb->len;
	skb->protocol = eth_type_trans(skb, dev);
	netif_rx(skb);
}

static void tell_stamp(struct vptp_port *port, struct sk_buff *skb)
{
	struct skb_shared_hwtstamps stamps = { .hwtstamp = ns_to_ktime(note_of(skb)->stamp) };

	skb_tstamp_tx(skb, &stamps);
	dev_consume_skb_any(skb);
}

/* One frame to every other port of the segment. */
static void send(struct vptp_port *port, struct sk_buff *skb, s64 departure)
{
	unsigned int i;

	for (i = 0; i < vptp_port_count; i++) {
		struct vptp_port *peer = vptp_ports[i];
		struct vptp_note note = { .due = departure + READ_ONCE(port->delay_ns) };
		struct sk_buff *copy;

		if (peer == port || peer->segment != port->segment)
			continue;
		if (happens(port, READ_ONCE(port->loss_ppm))) {
			port->lost_frames++;
			continue;
		}
		copy = skb_copy(skb, GFP_ATOMIC);
		if (!copy)
			continue;
		skb_scrub_packet(copy, true);
		if (port->delay_variation_ns)
			note.due += chance_below(port, port->delay_variation_ns);
		queue_add(&peer->arriving, copy, note);
	}
}

static netdev_tx_t vptp_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct vptp_port *port = netdev_priv(dev);
	bool wanted = skb_shinfo(skb)->tx_flags & SKBTX_HW_TSTAMP && port->tx_type != HWTSTAMP_TX_OFF;
	struct vptp_note note;
	s64 departure;

	if (eth_skb_pad(skb))
		return NETDEV_TX_OK;
	dev->stats.tx_packets++;
	dev->stats.tx_bytes += skb->len;
	departure = ktime_to_ns(ktime_get_raw());
	note.stamp = stamp_at(port, departure);
	note.due = departure + READ_ONCE(port->stamp_latency_ns);
	if (port->tx_type == HWTSTAMP_TX_ONESTEP_SYNC && stamp_sync(skb, note.stamp))
		wanted = false;
	send(port, skb, departure);

	if (wanted)
		skb_shinfo(skb)->tx_flags |= SKBTX_IN_PROGRESS;
	skb_tx_timestamp(skb);
	if (wanted && happens(port, READ_ONCE(port->stamp_loss_ppm))) {
		port->lost_stamps++;
		wanted = false;
	}
	if (wanted)
		queue_add(&port->stamping, skb, note);
	else
		dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}

/* A port has carrier when its plug is in and another of its segment is alive. */
static void update_carriers(int segment)
{
	unsigned int i, j;

	for (i = 0; i < vptp_port_count; i++) {
		struct vptp_port *port = vptp_ports[i];
		bool carrier = false;

		if (port->segment != segment)
			continue;
		for (j = 0; j < vptp_port_count; j++)
			if (j != i && vptp_ports[j]->segment == segment && vptp_ports[j]->link &&
			    netif_running(vptp_ports[j]->dev))
				carrier = port->link;
		if (carrier)
			netif_carrier_on(port->dev);
		else
			netif_carrier_off(port->dev);
	}
}

static void link_changed(void *owner)
{
	struct vptp_port *port = owner;

	rtnl_lock();
	update_carriers(port->segment);
	rtnl_unlock();
}

/* ---- what the kernel asks of an interface ---- */

static int vptp_open(struct net_device *dev)
{
	struct vptp_port *port = netdev_priv(dev);

	update_carriers(port->segment);
	netif_start_queue(dev);
	return 0;
}

static int vptp_stop(struct net_device *dev)
{
	struct vptp_port *port = netdev_priv(dev);

	netif_stop_queue(dev);
	update_carriers(port->segment);
	queue_stop(&port->arriving);
	queue_stop(&port->stamping);
	return 0;
}

static void vptp_set_rx_mode(struct net_device *dev)
{
	/* every frame of the wire is received: the stack sorts them */
}

/* Like hardware, widen the filter to the next that is there and say so. */
static int set_stamping(struct vptp_port *port, int *tx_type, int *rx_filter)
{
	switch (*tx_type) {
	case HWTSTAMP_TX_OFF:
	case HWTSTAMP_TX_ON:
	case HWTSTAMP_TX_ONESTEP_SYNC:
		break;
	default:
		return -ERANGE;
	}
	switch (*rx_filter) {
	case HWTSTAMP_FILTER_NONE:
		break;
	case HWTSTAMP_FILTER_PTP_V2_EVENT ... HWTSTAMP_FILTER_PTP_V2_DELAY_REQ:
	case HWTSTAMP_FILTER_PTP_V2_L4_EVENT ... HWTSTAMP_FILTER_PTP_V2_L4_DELAY_REQ:
	case HWTSTAMP_FILTER_PTP_V2_L2_EVENT ... HWTSTAMP_FILTER_PTP_V2_L2_DELAY_REQ:
		*rx_filter = HWTSTAMP_FILTER_PTP_V2_EVENT;
		break;
	case HWTSTAMP_FILTER_ALL:
	case HWTSTAMP_FILTER_SOME:
	case HWTSTAMP_FILTER_NTP_ALL:
	case HWTSTAMP_FILTER_PTP_V1_L4_EVENT ... HWTSTAMP_FILTER_PTP_V1_L4_DELAY_REQ:
		*rx_filter = HWTSTAMP_FILTER_ALL;
		break;
	default:
		return -ERANGE;
	}
	port->tx_type = *tx_type;
	port->rx_filter = *rx_filter;
	return 0;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
static int vptp_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	struct vptp_port *port = netdev_priv(dev);

	config->flags = 0;
	config->tx_type = port->tx_type;
	config->rx_filter = port->rx_filter;
	return 0;
}

static int vptp_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
			     struct netlink_ext_ack *extack)
{
	return set_stamping(netdev_priv(dev), &config->tx_type, &config->rx_filter);
}
#else
static int vptp_eth_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
{
	struct vptp_port *port = netdev_priv(dev);
	struct hwtstamp_config config;
	int error;

	switch (cmd) {
	case SIOCSHWTSTAMP:
		if (copy_from_user(&config, ifr->ifr_data, sizeof(config)))
			return -EFAULT;
		error = set_stamping(port, &config.tx_type, &config.rx_filter);
		if (error)
			return error;
		break;
	case SIOCGHWTSTAMP:
		config = (struct hwtstamp_config) {
			.tx_type = port->tx_type,
			.rx_filter = port->rx_filter,
		};
		break;
	default:
		return -EOPNOTSUPP;
	}
	return copy_to_user(ifr->ifr_data, &config, sizeof(config)) ? -EFAULT : 0;
}
#endif

static const struct net_device_ops vptp_netdev_ops = {
	.ndo_open = vptp_open,
	.ndo_stop = vptp_stop,
	.ndo_start_xmit = vptp_xmit,
	.ndo_set_rx_mode = vptp_set_rx_mode,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
	.ndo_hwtstamp_get = vptp_hwtstamp_get,
	.ndo_hwtstamp_set = vptp_hwtstamp_set,
#else
	.ndo_eth_ioctl = vptp_eth_ioctl,
#endif
};

static int vptp_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
{
	struct vptp_port *port = netdev_priv(dev);

	info->so_timestamping = SOF_TIMESTAMPING_TX_HARDWARE | SOF_TIMESTAMPING_RX_HARDWARE |
				SOF_TIMESTAMPING_RAW_HARDWARE | SOF_TIMESTAMPING_TX_SOFTWARE |
				SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE;
	info->phc_index = ptp_clock_index(port->clock->ptp);
	info->tx_types = BIT(HWTSTAMP_TX_OFF) | BIT(HWTSTAMP_TX_ON) | BIT(HWTSTAMP_TX_ONESTEP_SYNC);
	info->rx_filters = BIT(HWTSTAMP_FILTER_NONE) | BIT(HWTSTAMP_FILTER_PTP_V2_EVENT) |
			   BIT(HWTSTAMP_FILTER_ALL);
	return 0;
}

static int vptp_get_link_ksettings(struct net_device *dev, struct ethtool_link_ksettings *settings)
{
	settings->base.speed = SPEED_1000;
	settings->base.duplex = DUPLEX_FULL;
	settings->base.port = PORT_TP;
	return 0;
}

static void vptp_get_drvinfo(struct net_device *dev, struct ethtool_drvinfo *info)
{
	strscpy(info->driver, "vptp", sizeof(info->driver));
}

static const struct ethtool_ops vptp_ethtool_ops = {
	.get_drvinfo = vptp_get_drvinfo,
	.get_link = ethtool_op_get_link,
	.get_link_ksettings = vptp_get_link_ksettings,
	.get_ts_info = vptp_get_ts_info,
};

/* ---- coming and going ---- */

static void port_knobs(struct vptp_port *port, int index, struct dentry *root)
{
	struct device *device = &port->clock->device->dev;
	struct dentry *folder;
	char name[16];

	snprintf(name, sizeof(name), "port%d", index);
	folder = debugfs_create_dir(name, root);
#define KNOB(knob, max, changed) vptp_knob(folder, device, #knob, &port->knob, 0, max, changed, port)
	KNOB(link, 1, link_changed);
	KNOB(delay_ns, NSEC_PER_SEC, NULL);
	KNOB(delay_variation_ns, NSEC_PER_SEC, NULL);
	KNOB(loss_ppm, 1000000, NULL);
	KNOB(stamp_jitter_ns, NSEC_PER_MSEC, NULL);
	KNOB(stamp_loss_ppm, 1000000, NULL);
	KNOB(stamp_latency_ns, 10 * NSEC_PER_SEC, NULL);
	KNOB(lost_frames, S64_MAX, NULL);
	KNOB(lost_stamps, S64_MAX, NULL);
#undef KNOB
}

struct vptp_port *vptp_port_create(int index, struct vptp_clock *clock, int segment, u64 seed,
				   struct dentry *root)
{
	const u8 address[ETH_ALEN] = { 0x02, 'v', 'p', 't', 'p', index };
	struct net_device *dev = alloc_etherdev(sizeof(struct vptp_port));
	struct vptp_port *port;
	int error;

	if (!dev)
		return ERR_PTR(-ENOMEM);
	port = netdev_priv(dev);
	port->dev = dev;
	port->clock = clock;
	port->segment = segment;
	port->link = 1;
	port->delay_ns = 500;
	port->stamp_latency_ns = 10 * NSEC_PER_USEC;
	spin_lock_init(&port->random_lock);
	prandom_seed_state(&port->random, seed);
	queue_init(&port->arriving, port, arrive);
	queue_init(&port->stamping, port, tell_stamp);

	SET_NETDEV_DEV(dev, &clock->device->dev);
	snprintf(dev->name, sizeof(dev->name), "vptp%d", index);
	dev->netdev_ops = &vptp_netdev_ops;
	dev->ethtool_ops = &vptp_ethtool_ops;
	dev->priv_flags &= ~IFF_TX_SKB_SHARING;	/* our notes are on the frame */
	eth_hw_addr_set(dev, address);
	netif_carrier_off(dev);
	error = register_netdev(dev);
	if (error) {
		free_netdev(dev);
		return ERR_PTR(error);
	}
	port_knobs(port, index, root);
	return port;
}

/* All at once: a port that stops tells the others of its segment, which must be
 * there to hear it.
 */
void vptp_ports_unregister(void)
{
	LIST_HEAD(leaving);
	unsigned int i;

	rtnl_lock();
	for (i = 0; i < vptp_port_count; i++)
		unregister_netdevice_queue(vptp_ports[i]->dev, &leaving);
	unregister_netdevice_many(&leaving);
	rtnl_unlock();
}

void vptp_port_destroy(struct vptp_port *port)
{
	free_netdev(port->dev);
}
