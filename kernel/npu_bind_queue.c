// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Queued binds: the books have changed when the ioctl returns, page tables
 * follow here, in the VM's order, once the fences are there that a bind waits
 * for.
 *
 * A bind's fence is in the reservations of the buffers that it maps and
 * unmaps: whoever is about to move or free one waits for it. So on the way to
 * that fence nothing is allocated, no reservation taken and no fence waited
 * for; what it takes is run_lock, npu_mmu.lock and an admin command, which
 * ends in bounded time. Waits that ended with an error count as signalled:
 * the books have changed already.
 *
 * drm_sched would give each VM an entity, a scheduler and a thread of teardown
 * for what is a list of binds that run one after another and cannot time out.
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/slab.h>

#include "npu_bind.h"
#include "npu_bind_queue.h"
#include "npu_device.h"
#include "npu_vm.h"

/* ---- Fences ------------------------------------------------------------------ */

static const char *npu_bind_fence_driver_name(struct dma_fence *fence)
{
	return "npu";
}

static const char *npu_bind_fence_timeline_name(struct dma_fence *fence)
{
	return "npu-bind";
}

static void npu_bind_fence_free(struct rcu_head *rcu)
{
	kfree(container_of(rcu, struct npu_bind_fence, rcu));
	/* The module waits for this callback to return: see npu_drv.c. */
	module_put(THIS_MODULE);
}

static void npu_bind_fence_release(struct dma_fence *base)
{
	call_rcu(&container_of(base, struct npu_bind_fence, base)->rcu, npu_bind_fence_free);
}

static const struct dma_fence_ops npu_bind_fence_ops = {
	.get_driver_name = npu_bind_fence_driver_name,
	.get_timeline_name = npu_bind_fence_timeline_name,
	.release = npu_bind_fence_release,
};

struct npu_bind_fence *npu_bind_fence_create(void)
{
	struct npu_bind_fence *fence = kzalloc(sizeof(*fence), GFP_KERNEL_ACCOUNT);

	if (!fence)
		return NULL;
	/* The caller's open file holds the module already. */
	__module_get(THIS_MODULE);
	spin_lock_init(&fence->lock);
	return fence;
}

void npu_bind_fence_put(struct npu_bind_fence *fence)
{
	if (!fence)
		return;
	if (fence->numbered) {
		dma_fence_put(&fence->base);
		return;
	}
	kfree(fence);
	module_put(THIS_MODULE);
}

/* ---- The queue --------------------------------------------------------------- */

static struct npu_bind *npu_bind_queue_first(struct npu_bind_queue *queue, int *error)
{
	guard(spinlock_irqsave)(&queue->lock);
	*error = queue->error;
	return list_first_entry_or_null(&queue->binds, struct npu_bind, link);
}

/* Applied: nothing refers to the queue any more when the fence signals. */
static void npu_bind_queue_finish(struct npu_bind_queue *queue, struct npu_bind *bind, int error)
{
	/* Afterwards no callback is under way, or will be. */
	for (u32 i = 0; i < bind->syncs.wait_count; i++)
		dma_fence_remove_callback(bind->syncs.waits[i], &bind->waits[i].cb);
	scoped_guard(spinlock_irqsave, &queue->lock)
		list_del(&bind->link);
	if (error)
		dma_fence_set_error(&bind->fence->base, error);
	dma_fence_signal(&bind->fence->base);
	queue_work(npu_cleanup_wq, &bind->release_work);
}

static void npu_bind_queue_run(struct npu_bind_queue *queue)
{
	bool cookie = dma_fence_begin_signalling();
	struct npu_bind *bind;
	int error;

	mutex_lock(&queue->run_lock);
	while ((bind = npu_bind_queue_first(queue, &error))) {
		/* Whoever signals the last of its waits queues the work once more. */
		if (!error && atomic_read(&bind->unsignalled))
			break;
		npu_bind_apply(bind);
		npu_bind_queue_finish(queue, bind, error);
	}
	mutex_unlock(&queue->run_lock);
	dma_fence_end_signalling(cookie);
}

static void npu_bind_queue_work(struct work_struct *work)
{
	npu_bind_queue_run(container_of(work, struct npu_bind_queue, work));
}

static void npu_bind_count_down(struct npu_bind *bind)
{
	struct npu_vm *vm = bind->vm;

	if (atomic_dec_and_test(&bind->unsignalled))
		queue_work(vm->ndev->sched_wq, &vm->binds.work);
}

static void npu_bind_wait_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	npu_bind_count_down(container_of(cb, struct npu_bind_wait, cb)->bind);
}

static void npu_bind_queue_release_work(struct work_struct *work)
{
	npu_bind_release_queued(container_of(work, struct npu_bind, release_work));
}

void npu_bind_queue_number(struct npu_bind_queue *queue, struct npu_bind *bind)
{
	dma_fence_init(&bind->fence->base, &npu_bind_fence_ops, &bind->fence->lock,
		       queue->fence_context, ++queue->fence_seqno);
	bind->fence->numbered = true;
}

void npu_bind_queue_push(struct npu_bind_queue *queue, struct npu_bind *bind)
{
	int error;

	INIT_WORK(&bind->release_work, npu_bind_queue_release_work);
	atomic_set(&bind->unsignalled, bind->syncs.wait_count + 1);
	for (u32 i = 0; i < bind->syncs.wait_count; i++) {
		bind->waits[i].bind = bind;
		if (dma_fence_add_callback(bind->syncs.waits[i], &bind->waits[i].cb,
					   npu_bind_wait_signalled))
			atomic_dec(&bind->unsignalled);
	}
	scoped_guard(spinlock_irqsave, &queue->lock) {
		list_add_tail(&bind->link, &queue->binds);
		error = queue->error;
		if (!error)
			npu_bind_count_down(bind);
	}
	/* Abandoned already: it would not be looked at any more. */
	if (error)
		npu_bind_queue_run(queue);
}

struct dma_fence *npu_bind_queue_last(struct npu_bind_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	if (list_empty(&queue->binds))
		return NULL;
	return dma_fence_get(&list_last_entry(&queue->binds, struct npu_bind, link)->fence->base);
}

void npu_bind_queue_abandon(struct npu_bind_queue *queue, int error)
{
	scoped_guard(spinlock_irqsave, &queue->lock)
		queue->error = queue->error ?: error;
	npu_bind_queue_run(queue);
}

int npu_bind_queue_wait_idle(struct npu_bind_queue *queue, ktime_t end)
{
	struct npu_bind *bind;
	int error;

	while ((bind = npu_bind_queue_first(queue, &error))) {
		if (ktime_after(ktime_get(), end))
			return -EBUSY;
		usleep_range(500, 1000);
	}
	return 0;
}

void npu_bind_queue_init(struct npu_bind_queue *queue)
{
	mutex_init(&queue->run_lock);
	spin_lock_init(&queue->lock);
	INIT_WORK(&queue->work, npu_bind_queue_work);
	INIT_LIST_HEAD(&queue->binds);
	queue->fence_context = dma_fence_context_alloc(1);
}

void npu_bind_queue_fini(struct npu_bind_queue *queue)
{
	WARN_ON(!list_empty(&queue->binds));
	/* Queued by a wait of a bind that did not wait for it. */
	cancel_work_sync(&queue->work);
}
