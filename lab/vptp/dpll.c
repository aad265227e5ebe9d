// SPDX-License-Identifier: GPL-2.0
/*
 * A DPLL of type EEC with the recovered clock of each port as a pin: what the
 * kernel tells of one, and lets one do with it. No frequency follows it.
 *
 * Its state is under the kernel's own lock of DPLLs, which every operation has.
 */
#include <linux/dpll.h>
#include <linux/module.h>

#include "vptp.h"

#define CLOCK_ID 0x76707470ULL	/* "vptp" */

static struct {
	struct dpll_device *device;
	struct dpll_pin *pins[VPTP_MAX];
	enum dpll_pin_state wanted[VPTP_MAX];
	u32 priority[VPTP_MAX];
	char labels[VPTP_MAX][16];
	enum dpll_mode mode;
	bool was_locked;
} eec;

static int index_of(void *priv)
{
	return (int)(long)priv;
}

/* The port that the frequency comes from, or -1: one that is wanted, and whose link is up. */
static int selected(void)
{
	int best = -1;
	unsigned int i;

	for (i = 0; i < vptp_port_count; i++) {
		if (eec.wanted[i] == DPLL_PIN_STATE_DISCONNECTED || !netif_carrier_ok(vptp_ports[i]->dev))
			continue;
		if (best < 0 || eec.priority[i] < eec.priority[best])
			best = i;
	}
	if (best >= 0)
		eec.was_locked = true;
	return best;
}

static int mode_get(const struct dpll_device *device, void *priv, enum dpll_mode *mode,
		    struct netlink_ext_ack *extack)
{
	*mode = eec.mode;
	return 0;
}

static int lock_status_get(const struct dpll_device *device, void *priv, enum dpll_lock_status *status,
			   enum dpll_lock_status_error *error, struct netlink_ext_ack *extack)
{
	if (selected() >= 0)
		*status = DPLL_LOCK_STATUS_LOCKED_HO_ACQ;
	else
		*status = eec.was_locked ? DPLL_LOCK_STATUS_HOLDOVER : DPLL_LOCK_STATUS_UNLOCKED;
	*error = DPLL_LOCK_STATUS_ERROR_NONE;
	return 0;
}

static int temp_get(const struct dpll_device *device, void *priv, s32 *temp, struct netlink_ext_ack *extack)
{
	*temp = 42 * DPLL_TEMP_DIVIDER + 500;
	return 0;
}

static const struct dpll_device_ops device_ops = {
	.mode_get = mode_get,
	.lock_status_get = lock_status_get,
	.temp_get = temp_get,
};

static int direction_get(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
			 void *priv, enum dpll_pin_direction *direction, struct netlink_ext_ack *extack)
{
	*direction = DPLL_PIN_DIRECTION_INPUT;
	return 0;
}

static int frequency_get(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
			 void *priv, u64 *frequency, struct netlink_ext_ack *extack)
{
	*frequency = 25000000;
	return 0;
}

static int state_get(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
		     void *priv, enum dpll_pin_state *state, struct netlink_ext_ack *extack)
{
	int index = index_of(pin_priv);

	*state = selected() == index ? DPLL_PIN_STATE_CONNECTED : eec.wanted[index];
	return 0;
}

static int state_set(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
		     void *priv, const enum dpll_pin_state state, struct netlink_ext_ack *extack)
{
	if (state == (eec.mode == DPLL_MODE_AUTOMATIC ? DPLL_PIN_STATE_CONNECTED : DPLL_PIN_STATE_SELECTABLE)) {
		NL_SET_ERR_MSG(extack, "not a state that can be set in this mode");
		return -EINVAL;
	}
	eec.wanted[index_of(pin_priv)] = state;
	return 0;
}

static int prio_get(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
		    void *priv, u32 *prio, struct netlink_ext_ack *extack)
{
	*prio = eec.priority[index_of(pin_priv)];
	return 0;
}

static int prio_set(const struct dpll_pin *pin, void *pin_priv, const struct dpll_device *device,
		    void *priv, const u32 prio, struct netlink_ext_ack *extack)
{
	eec.priority[index_of(pin_priv)] = prio;
	return 0;
}

static const struct dpll_pin_ops pin_ops = {
	.direction_get = direction_get,
	.frequency_get = frequency_get,
	.state_on_dpll_get = state_get,
	.state_on_dpll_set = state_set,
	.prio_get = prio_get,
	.prio_set = prio_set,
};

/* A link came or went. */
void vptp_dpll_changed(void)
{
	if (eec.device)
		dpll_device_change_ntf(eec.device);
}

static int pin_create(int index)
{
	struct dpll_pin_properties properties = {
		.board_label = eec.labels[index],
		.type = DPLL_PIN_TYPE_SYNCE_ETH_PORT,
		.capabilities = DPLL_PIN_CAPABILITIES_STATE_CAN_CHANGE | DPLL_PIN_CAPABILITIES_PRIORITY_CAN_CHANGE,
	};
	struct dpll_pin *pin;
	int error;

	snprintf(eec.labels[index], sizeof(eec.labels[index]), "RCLK%d", index);
	eec.wanted[index] = DPLL_PIN_STATE_DISCONNECTED;
	eec.priority[index] = 15;
	pin = dpll_pin_get(CLOCK_ID, index, THIS_MODULE, &properties, NULL);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	error = dpll_pin_register(eec.device, pin, &pin_ops, (void *)(long)index);
	if (error) {
		dpll_pin_put(pin, NULL);
		return error;
	}
	eec.pins[index] = pin;
	dpll_netdev_pin_set(vptp_ports[index]->dev, pin);
	return 0;
}

/* When all ports are there; @manual: it chooses nothing by itself. */
int vptp_dpll_create(bool manual)
{
	unsigned int i;
	int error;

	eec.mode = manual ? DPLL_MODE_MANUAL : DPLL_MODE_AUTOMATIC;
	eec.device = dpll_device_get(CLOCK_ID, 0, THIS_MODULE, NULL);
	if (IS_ERR(eec.device)) {
		error = PTR_ERR(eec.device);
		eec.device = NULL;
		return error;
	}
	error = dpll_device_register(eec.device, DPLL_TYPE_EEC, &device_ops, NULL);
	if (error) {
		dpll_device_put(eec.device, NULL);
		eec.device = NULL;
		return error;
	}
	for (i = 0; i < vptp_port_count && !error; i++)
		error = pin_create(i);
	if (error)
		vptp_dpll_destroy();
	return error;
}

/* Before the ports go. */
void vptp_dpll_destroy(void)
{
	unsigned int i;

	if (!eec.device)
		return;
	for (i = 0; i < vptp_port_count; i++) {
		if (!eec.pins[i])
			continue;
		dpll_netdev_pin_clear(vptp_ports[i]->dev);
		dpll_pin_unregister(eec.device, eec.pins[i], &pin_ops, (void *)(long)i);
		dpll_pin_put(eec.pins[i], NULL);
		eec.pins[i] = NULL;
	}
	dpll_device_unregister(eec.device, &device_ops, NULL);
	dpll_device_put(eec.device, NULL);
	eec.device = NULL;
}
