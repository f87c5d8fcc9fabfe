// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Queues across system sleep: emptied before, made on the card again after. */
#include <linux/delay.h>
#include <linux/ktime.h>

#include "npu_device.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_queue_sleep.h"
#include "npu_ring.h"
#include "npu_userq.h"

/* How long sleep waits for jobs that get on. */
#define NPU_PAUSE_TIMEOUT_MS	20000

/* Nothing on the card, nothing that waits for its turn. */
static bool npu_queue_is_idle(struct npu_queue *queue)
{
	npu_ring_reap(queue);
	guard(spinlock_irq)(&queue->lock);
	return list_empty(&queue->inflight) && !spsc_queue_count(&queue->entity.job_queue);
}

int npu_queue_pause_all(struct npu_device *ndev)
{
	ktime_t end = ktime_add_ms(ktime_get(), NPU_PAUSE_TIMEOUT_MS);
	struct npu_queue *queue;
	int ret = 0;

	/* No process runs that could add jobs; time-outs end what makes no progress. */
	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		if (queue->user) {
			npu_userq_pause(queue);
			npu_queue_put(queue);
			continue;
		}
		while (!ret && !npu_queue_is_idle(queue)) {
			if (ktime_after(ktime_get(), end))
				ret = -EBUSY;
			usleep_range(500, 1000);
		}
		drm_sched_wqueue_stop(&queue->sched);
		if (!npu_queue_is_idle(queue))
			ret = -EBUSY;
		npu_queue_put(queue);
	}
	return ret;
}

void npu_queue_resume_all(struct npu_device *ndev)
{
	struct npu_queue *queue;

	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		if (queue->user)
			npu_userq_unpause(queue);
		else
			drm_sched_wqueue_start(&queue->sched);
		npu_queue_put(queue);
	}
}

int npu_queue_restore_all(struct npu_device *ndev)
{
	struct npu_queue *queue;
	int ret = 0;

	for (unsigned long n = 0; !ret && (queue = npu_queue_next(ndev, &n)); n++) {
		if (queue->user) {
			ret = npu_queue_create_on_card(queue);
			if (!ret)
				npu_userq_restore(queue);
			npu_queue_put(queue);
			continue;
		}
		scoped_guard(spinlock_irq, &queue->lock) {
			/* The card counts from 0 again; fence values and use go on. */
			npu_queue_read_control(queue);
			*queue->control = (struct npu_queue_control){
				.need_wake = 1,
				.busy_ns = queue->busy_ns,
				.energy_nj = queue->energy_nj,
			};
			queue->tail = 0;
			queue->stuck = (struct npu_stuck){};
		}
		ret = npu_queue_create_on_card(queue);
		npu_queue_put(queue);
	}
	return ret;
}
