// SPDX-License-Identifier: GPL-2.0
/*
 * Frames that wait for their moment: to arrive, or to have their stamp told.
 */
#include "vptp.h"

#define MAX_WAITING	1000	/* frames on one wire */

/* Take over @skb; it is dropped when the port is down or its wire is full. */
void vptp_queue_add(struct vptp_queue *queue, struct sk_buff *skb, struct vptp_note note)
{
	struct sk_buff *before;
	unsigned long flags;

	*vptp_note_of(skb) = note;
	spin_lock_irqsave(&queue->frames.lock, flags);
	if (!netif_running(queue->port->dev) || skb_queue_len(&queue->frames) >= MAX_WAITING) {
		spin_unlock_irqrestore(&queue->frames.lock, flags);
		dev_kfree_skb_any(skb);
		return;
	}
	skb_queue_reverse_walk(&queue->frames, before)
		if (vptp_note_of(before)->due <= note.due)
			break;
	__skb_queue_after(&queue->frames, before, skb);
	if (skb_peek(&queue->frames) == skb)
		vptp_timer_start(&queue->timer, note.due);
	spin_unlock_irqrestore(&queue->frames.lock, flags);
}

static enum hrtimer_restart queue_tick(struct hrtimer *timer)
{
	struct vptp_queue *queue = container_of(timer, struct vptp_queue, timer);
	s64 now = vptp_true_now();
	struct sk_buff_head ready;
	struct sk_buff *skb;
	unsigned long flags;

	__skb_queue_head_init(&ready);
	spin_lock_irqsave(&queue->frames.lock, flags);
	while ((skb = skb_peek(&queue->frames)) && vptp_note_of(skb)->due <= now) {
		__skb_unlink(skb, &queue->frames);
		__skb_queue_tail(&ready, skb);
	}
	if (skb)
		vptp_timer_start(timer, vptp_note_of(skb)->due);
	spin_unlock_irqrestore(&queue->frames.lock, flags);

	while ((skb = __skb_dequeue(&ready)))
		queue->handle(queue->port, skb);
	return HRTIMER_NORESTART;
}

void vptp_queue_init(struct vptp_queue *queue, struct vptp_port *port,
		       void (*handle)(struct vptp_port *port, struct sk_buff *skb))
{
	queue->port = port;
	queue->handle = handle;
	skb_queue_head_init(&queue->frames);
	vptp_timer_init(&queue->timer, queue_tick);
}

/* The port is not running: nothing is added any more. */
void vptp_queue_stop(struct vptp_queue *queue)
{
	skb_queue_purge(&queue->frames);
	hrtimer_cancel(&queue->timer);
}
