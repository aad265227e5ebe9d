// SPDX-License-Identifier: GPL-2.0
/*
 * Stamps: what a port captures, writes into a Sync, and is told to stamp.
 */
#include <linux/ethtool.h>
#include <linux/ptp_classify.h>
#include <linux/udp.h>
#include <net/checksum.h>

#include "vptp.h"

#define ORIGIN_OFFSET	34	/* of originTimestamp in a Sync message */

/* What the port's clock captures at the true time @when, in ns. */
u64 vptp_stamp_at(struct vptp_port *port, s64 when)
{
	vptp_time shown = vptp_clock_at(port->clock, when, NULL);
	unsigned long flags;

	spin_lock_irqsave(&port->random_lock, flags);
	shown += vptp_jitter(&port->random, READ_ONCE(port->stamp_jitter_ns));
	spin_unlock_irqrestore(&port->random_lock, flags);
	return shown >> 32;
}

/* @skb begins with its Ethernet header. */
bool vptp_is_event(struct sk_buff *skb)
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
bool vptp_stamp_sync(struct sk_buff *skb, u64 stamp)
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

/* ---- what users ask for ---- */

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
int vptp_hwtstamp_get(struct net_device *dev, struct kernel_hwtstamp_config *config)
{
	struct vptp_port *port = netdev_priv(dev);

	config->flags = 0;
	config->tx_type = port->tx_type;
	config->rx_filter = port->rx_filter;
	return 0;
}

int vptp_hwtstamp_set(struct net_device *dev, struct kernel_hwtstamp_config *config,
			     struct netlink_ext_ack *extack)
{
	return set_stamping(netdev_priv(dev), &config->tx_type, &config->rx_filter);
}
#else
int vptp_eth_ioctl(struct net_device *dev, struct ifreq *ifr, int cmd)
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

int vptp_get_ts_info(struct net_device *dev, struct kernel_ethtool_ts_info *info)
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
