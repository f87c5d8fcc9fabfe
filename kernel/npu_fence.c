// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * A job's end on the card. A fence keeps its queue, and with it the device,
 * and the module: processes keep fences for as long as they like.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "npu_fence.h"
#include "npu_queue.h"
#include "npu_trace.h"

static const char *npu_fence_driver_name(struct dma_fence *fence)
{
	return "npu";
}

static const char *npu_fence_timeline_name(struct dma_fence *fence)
{
	return "npu-queue";
}

static void npu_fence_free(struct rcu_head *rcu)
{
	struct npu_fence *fence = container_of(rcu, struct npu_fence, rcu);

	npu_queue_put(fence->queue);
	kfree(fence);
	/* The module waits for this callback to return: see npu_drv.c. */
	module_put(THIS_MODULE);
}

static void npu_fence_release(struct dma_fence *base)
{
	struct npu_fence *fence = container_of(base, struct npu_fence, base);

	call_rcu(&fence->rcu, npu_fence_free);
}

static const struct dma_fence_ops npu_fence_ops = {
	.get_driver_name = npu_fence_driver_name,
	.get_timeline_name = npu_fence_timeline_name,
	.release = npu_fence_release,
};

struct npu_fence *npu_fence_create(struct npu_queue *queue)
{
	struct npu_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL_ACCOUNT);

	if (!fence)
		return NULL;
	/* The caller's open file holds the module already. */
	__module_get(THIS_MODULE);
	npu_queue_get(queue);
	fence->queue = queue;
	INIT_LIST_HEAD(&fence->link);
	scoped_guard(spinlock_irq, &queue->lock)
		dma_fence_init(&fence->base, &npu_fence_ops, &queue->lock,
			       queue->fence_context, ++queue->fence_seqno);
	return fence;
}

void npu_fence_signal(struct npu_fence *fence, int error)
{
	struct npu_queue *queue = fence->queue;

	lockdep_assert_held(&queue->lock);
	list_del_init(&fence->link);
	if (error)
		dma_fence_set_error(&fence->base, error);
	else
		queue->jobs_done++;
	trace_npu_job_done(fence);
	dma_fence_signal_locked(&fence->base);
	dma_fence_put(&fence->base);	/* the list's */
}
