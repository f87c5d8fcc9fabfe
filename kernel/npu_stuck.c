// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Who is stuck, and who only waits for others. The card counts of each queue
 * the steps that it got on, and the time in which it was served (docs/card.md,
 * "Admin queue"). When a job has been on the card for a period, its queue
 *
 *	has made steps			runs; it is looked at again in a period
 *	was served, most of it	is stuck: killed, ETIME
 *	neither				waits for others, and is innocent
 *
 * As long as one waits, those that it may wait for are looked at: a queue that
 * had an engine without a step, and one that has held its slot for some periods
 * since it was told to leave it (one packet can be so long), is killed. What is
 * left are queues that may keep others out, the realtime ones. Fences signal in
 * bounded time all the same: a queue that was kept out for too long ends.
 */
#include <linux/jiffies.h>
#include <linux/module.h>

#include <drm/npu_accel.h>

#include "npu_coredump.h"
#include "npu_device.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_ring.h"
#include "npu_stuck.h"

/* In periods. */
#define NPU_STUCK_OVERSTAY	10
#define NPU_STUCK_GIVE_UP	30

static unsigned int npu_job_timeout_ms = 2000;
module_param_named(job_timeout_ms, npu_job_timeout_ms, uint, 0444);
MODULE_PARM_DESC(job_timeout_ms,
		 "a queue that the card serves and that makes no progress for a whole such period is killed, 100 ... 600000 ms [2000]");

unsigned int npu_stuck_period_ms(void)
{
	return clamp(npu_job_timeout_ms, 100u, 600000u);
}

/* So long without a step, while it could: stuck. */
static u64 npu_stuck_limit_ns(void)
{
	return npu_stuck_period_ms() * (u64)NSEC_PER_MSEC * 3 / 4;
}

/* Ends a queue that is to blame. */
static void npu_stuck_kill(struct npu_queue *queue, const char *why)
{
	struct npu_device *ndev = queue->ndev;
	bool guilty = npu_is_live(ndev) && npu_queue_close(queue, -ECANCELED);

	if (guilty) {
		dev_warn_ratelimited(&ndev->pdev->dev, "queue %u of %s (pid %d): %s: killed\n",
				     queue->number, queue->comm, queue->pid, why);
		npu_coredump_take(queue, why);
	}
	/* Also when somebody else has closed it: fences signal once the card is off them. */
	npu_queue_kill(queue);
	/* A card that does not let go of it is lost by now; the blame stays. */
	if (guilty || npu_is_live(ndev))
		npu_queue_end(queue, DRM_NPU_QUEUE_TIMED_OUT, -ETIME);
	else
		npu_queue_end(queue, DRM_NPU_QUEUE_INNOCENT, -ENODEV);
}

/* Ends a queue that others kept from the card. */
static void npu_stuck_give_up(struct npu_queue *queue)
{
	if (npu_queue_close(queue, -ECANCELED))
		dev_warn_ratelimited(&queue->ndev->pdev->dev,
				     "queue %u of %s (pid %d): kept from the card for %u ms by others: given up\n",
				     queue->number, queue->comm, queue->pid,
				     NPU_STUCK_GIVE_UP * npu_stuck_period_ms());
	npu_queue_kill(queue);
	npu_queue_end(queue, DRM_NPU_QUEUE_INNOCENT,
		      npu_is_live(queue->ndev) ? -ETIME : -ENODEV);
}

/* Somebody waits: does @queue hold up others? */
static void npu_stuck_look_at(struct npu_queue *queue)
{
	struct npu_stuck *stuck = &queue->stuck;
	struct npu_admin_queue_result r;
	u64 overstay_ms;

	if (npu_queue_admin(queue, NPU_ADMIN_QUEUE_QUERY, &r) ||
	    r.state != NPU_QUEUE_STATE_ACTIVE)
		return;
	overstay_ms = r.overstay_us / USEC_PER_MSEC;
	if (overstay_ms >= NPU_STUCK_OVERSTAY * npu_stuck_period_ms()) {
		npu_stuck_kill(queue, "its packet keeps a slot from others");
		return;
	}
	if (r.progress != stuck->look_progress) {
		stuck->look_progress = r.progress;
		stuck->look_busy_ns = r.busy_ns;
	} else if (r.busy_ns - stuck->look_busy_ns >= npu_stuck_limit_ns()) {
		npu_stuck_kill(queue, "its packet keeps an engine from others");
	}
}

static void npu_stuck_look_around(struct npu_device *ndev)
{
	u64 now = get_jiffies_64();
	struct npu_queue *queue;

	/* Once for all that wait. */
	if (time_before64(now, ndev->stuck_looked + msecs_to_jiffies(npu_stuck_period_ms())))
		return;
	ndev->stuck_looked = now;
	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		if (npu_is_live(ndev))
			npu_stuck_look_at(queue);
		npu_queue_put(queue);
	}
}

bool npu_stuck_end_if(struct npu_queue *queue)
{
	struct npu_stuck *stuck = &queue->stuck;
	struct npu_admin_queue_result r;

	npu_ring_reap(queue);
	scoped_guard(spinlock_irq, &queue->lock)
		if (list_empty(&queue->inflight))
			return false;
	if (npu_queue_admin(queue, NPU_ADMIN_QUEUE_QUERY, &r)) {
		npu_stuck_kill(queue, "the card does not know it");
		return true;
	}
	if (r.progress != stuck->progress || r.served_ns < stuck->served_ns) {
		stuck->progress = r.progress;
		stuck->served_ns = r.served_ns;
		stuck->starved = 0;
		return false;
	}
	if (r.served_ns - stuck->served_ns >= npu_stuck_limit_ns()) {
		npu_stuck_kill(queue, "no progress");
		return true;
	}
	if (++stuck->starved >= NPU_STUCK_GIVE_UP) {
		npu_stuck_give_up(queue);
		return true;
	}
	npu_stuck_look_around(queue->ndev);
	/* It may have been the one that held up others. */
	return READ_ONCE(queue->error);
}
