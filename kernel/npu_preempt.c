// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Preempt fences. While a user queue runs, one of these stands in the
 * reservation of its VM and of all that the VM maps. Nobody who wants to move
 * memory waits for the process's work then, which may go on for ever, but for
 * the queue to be suspended: the first who waits starts that.
 *
 * What signals the fence allocates nothing and takes no reservation
 * (npu_userq.c), and is bounded: a queue that cannot be suspended is killed.
 */
#include <linux/module.h>
#include <linux/slab.h>

#include "npu_device.h"
#include "npu_preempt.h"
#include "npu_queue.h"
#include "npu_userq.h"

struct npu_preempt {
	struct dma_fence base;
	spinlock_t lock;	/* the fence's */
	struct npu_queue *queue;	/* a reference */
	struct rcu_head rcu;
};

static const char *npu_preempt_driver_name(struct dma_fence *fence)
{
	return "npu";
}

static const char *npu_preempt_timeline_name(struct dma_fence *fence)
{
	return "npu-preempt";
}

static bool npu_preempt_enable_signaling(struct dma_fence *base)
{
	struct npu_preempt *preempt = container_of(base, struct npu_preempt, base);
	struct npu_queue *queue = preempt->queue;

	queue_work(queue->ndev->preempt_wq, &queue->user->preempt_work);
	return true;
}

static void npu_preempt_free(struct rcu_head *rcu)
{
	struct npu_preempt *preempt = container_of(rcu, struct npu_preempt, rcu);

	npu_queue_put(preempt->queue);
	kfree(preempt);
	/* As with npu_fence.c: the module waits for this callback to return. */
	module_put(THIS_MODULE);
}

static void npu_preempt_release(struct dma_fence *base)
{
	struct npu_preempt *preempt = container_of(base, struct npu_preempt, base);

	call_rcu(&preempt->rcu, npu_preempt_free);
}

static const struct dma_fence_ops npu_preempt_ops = {
	.get_driver_name = npu_preempt_driver_name,
	.get_timeline_name = npu_preempt_timeline_name,
	.enable_signaling = npu_preempt_enable_signaling,
	.release = npu_preempt_release,
};

struct dma_fence *npu_preempt_create(struct npu_queue *queue)
{
	struct npu_preempt *preempt = kzalloc(sizeof(*preempt), GFP_KERNEL);

	if (!preempt)
		return NULL;
	/* The queue's open file holds the module already. */
	__module_get(THIS_MODULE);
	npu_queue_get(queue);
	preempt->queue = queue;
	spin_lock_init(&preempt->lock);
	dma_fence_init(&preempt->base, &npu_preempt_ops, &preempt->lock,
		       queue->user->preempt_context, ++queue->user->preempt_seqno);
	return &preempt->base;
}
