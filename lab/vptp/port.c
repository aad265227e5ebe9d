// SPDX-License-Identifier: GPL-2.0
/*
 * The interfaces and their wires.
 */
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>

#include "vptp.h"

/* ---- chance ---- */

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

/* ---- the wire ---- */

static void arrive(struct vptp_port *port, struct sk_buff *skb)
{
	struct net_device *dev = port->dev;
	bool stamped = port->rx_filter == HWTSTAMP_FILTER_ALL ||
		       (port->rx_filter == HWTSTAMP_FILTER_PTP_V2_EVENT && vptp_is_event(skb));
	s64 due = vptp_note_of(skb)->due;

	if (!netif_carrier_ok(dev)) {
		dev_kfree_skb_any(skb);
		return;
	}
	memset(skb->cb, 0, sizeof(skb->cb));
	if (stamped)
		skb_hwtstamps(skb)->hwtstamp = ns_to_ktime(vptp_stamp_at(port, due));
	dev->stats.rx_packets++;
	dev->stats.rx_bytes += skb->len;
	skb->protocol = eth_type_trans(skb, dev);
	netif_rx(skb);
}

static void tell_stamp(struct vptp_port *port, struct sk_buff *skb)
{
	struct skb_shared_hwtstamps stamps = { .hwtstamp = ns_to_ktime(vptp_note_of(skb)->stamp) };

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
		vptp_queue_add(&peer->arriving, copy, note);
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
	departure = vptp_true_now();
	note.stamp = vptp_stamp_at(port, departure);
	note.due = departure + READ_ONCE(port->stamp_latency_ns);
	if (port->tx_type == HWTSTAMP_TX_ONESTEP_SYNC && vptp_stamp_sync(skb, note.stamp))
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
		vptp_queue_add(&port->stamping, skb, note);
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
	vptp_dpll_changed();
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
	vptp_queue_stop(&port->arriving);
	vptp_queue_stop(&port->stamping);
	return 0;
}

static void vptp_set_rx_mode(struct net_device *dev)
{
	/* every frame of the wire is received: the stack sorts them */
}

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
	vptp_queue_init(&port->arriving, port, arrive);
	vptp_queue_init(&port->stamping, port, tell_stamp);

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
