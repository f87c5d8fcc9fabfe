// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * How a queue ends, in order: npu_queue.error is set (jobs that come now end
 * at once), the card lets go of it, the fences in flight signal. The fence
 * that is oldest then is the guilty job's and gets the reason; those behind
 * it get ECANCELED.
 */
#include <drm/npu_accel.h>

#include "npu_coredump.h"
#include "npu_device.h"
#include "npu_event.h"
#include "npu_fence.h"
#include "npu_lost.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_ring.h"
#include "npu_trace.h"
#include "npu_userq.h"

void npu_queue_read_control(struct npu_queue *queue)
{
	const struct npu_queue_control *c = queue->control;

	lockdep_assert_held(&queue->lock);
	/* A process can write its own: npu_userq_refresh() asks the card. */
	if (!queue->memory || queue->user)
		return;
	queue->busy_ns = max(queue->busy_ns, READ_ONCE(c->busy_ns));
	queue->energy_nj = max(queue->energy_nj, READ_ONCE(c->energy_nj));
	if (queue->card_error || READ_ONCE(c->state) != NPU_QUEUE_STATE_STOPPED)
		return;
	queue->card_error = READ_ONCE(c->error);
	queue->card_error_tag = READ_ONCE(c->error_tag);
	queue->card_error_op = READ_ONCE(c->error_op);
	queue->card_error_va = READ_ONCE(c->error_va);
}

void npu_queue_end(struct npu_queue *queue, u32 state, int error)
{
	struct npu_fence *fence, *tmp;
	u32 told = 0, card_error;

	scoped_guard(spinlock_irqsave, &queue->lock) {
		npu_ring_reap_locked(queue);
		npu_queue_read_control(queue);
		/* The first reason counts: a loss that follows takes no blame away. */
		if (!queue->state) {
			queue->state = state;
			told = state;
		}
		card_error = queue->card_error;
		trace_npu_queue_end(queue, state, error);
		list_for_each_entry_safe(fence, tmp, &queue->inflight, link) {
			npu_fence_signal(fence, error);
			/* The others are not to blame, unless all are in the same boat. */
			if (error != -ENODEV)
				error = -ECANCELED;
		}
	}
	if (queue->user)
		npu_userq_ended(queue);
	if (told)
		npu_event_queue(queue, told, card_error);
}

bool npu_queue_close(struct npu_queue *queue, int error)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (queue->error)
		return false;
	queue->error = error;
	return true;
}

int npu_queue_admin(struct npu_queue *queue, u8 opcode, struct npu_admin_queue_result *r)
{
	const struct npu_admin_queue_args args = { .queue = queue->number };
	int ret;

	ret = npu_admin_run(queue->ndev, opcode, &args, sizeof(args), r, r ? sizeof(*r) : 0);
	/* Memory that the card may still write to cannot be given back. */
	if (ret && ret != -ENODEV && ret != -ENOENT && opcode != NPU_ADMIN_QUEUE_QUERY)
		npu_lost(queue->ndev, "an engine does not let go of a queue");
	return ret;
}

void npu_queue_kill(struct npu_queue *queue)
{
	struct npu_admin_queue_result r;

	guard(mutex)(&queue->card_lock);
	/* Its number may be another queue's already. */
	if (queue->on_card)
		npu_queue_admin(queue, NPU_ADMIN_QUEUE_KILL, &r);
}

void npu_queue_faulted(struct npu_queue *queue)
{
	if (!npu_queue_close(queue, -ECANCELED))
		return;
	npu_coredump_take(queue, "stopped by the card");
	npu_queue_end(queue, DRM_NPU_QUEUE_FAULTED, -EIO);
}

/* A queue that the card has stopped (a packet was refused, or faulted), or lies about. */
static void npu_queue_check_stopped(struct npu_queue *queue)
{
	bool stopped = false, lied;

	scoped_guard(spinlock_irq, &queue->lock) {
		if (queue->memory)
			stopped = READ_ONCE(queue->control->state) == NPU_QUEUE_STATE_STOPPED;
		lied = queue->lied && !queue->lie_handled;
		queue->lie_handled = queue->lied;
	}
	if (lied) {
		npu_coredump_take(queue, "impossible fence value");
		npu_queue_kill(queue);
		npu_queue_end(queue, DRM_NPU_QUEUE_FAULTED, -EIO);
	} else if (stopped && (!queue->user || npu_userq_is_stopped(queue))) {
		npu_queue_faulted(queue);
	}
}

void npu_queue_stopped_work(struct work_struct *work)
{
	struct npu_device *ndev = container_of(work, struct npu_device, stopped_work);
	struct npu_queue *queue;

	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		npu_queue_check_stopped(queue);
		npu_queue_put(queue);
	}
}

void npu_queue_abandon_all(struct npu_device *ndev)
{
	struct npu_queue *queue;

	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		npu_queue_close(queue, -ENODEV);
		npu_queue_end(queue, DRM_NPU_QUEUE_INNOCENT, -ENODEV);
		npu_queue_put(queue);
	}
}
