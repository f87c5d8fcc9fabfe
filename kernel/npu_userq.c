// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * User queues. The process writes ring and doorbell by itself; the kernel
 * decides whether the queue may run:
 *
 *	suspended -> running	attend_work: memory is where it belongs, a
 *				preempt fence stands in the reservations,
 *				QUEUE_RESUME
 *	running -> suspended	preempt_work, when somebody waits for that
 *				fence: QUEUE_SUSPEND, then the fence signals
 *
 * Behind preempt_work, attend_work takes the doorbell away. If the ring has
 * work left it has the queue run again; else the queue stays as it is, and its
 * memory where it was moved, until the process rings and faults.
 *
 * preempt_work signals fences: it allocates nothing, takes no reservation and
 * nothing that others hold while they do (card_lock is held for admin commands
 * only), and ends in bounded time, if need be by killing the queue. That is
 * why the doorbell is taken away behind it: a store to it does nothing while
 * the queue is suspended.
 *
 * What stands in the control page, the process may have written: the kernel
 * wakes people up for it, and asks the card about everything else.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>

#include "npu_coredump.h"
#include "npu_device.h"
#include "npu_doorbell.h"
#include "npu_drv.h"
#include "npu_fence.h"
#include "npu_lost.h"
#include "npu_preempt.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_stuck.h"
#include "npu_userq.h"
#include "npu_vm.h"

/* What a queue gets before it is suspended again: two that contend for memory get on. */
#define NPU_USERQ_RUN_MS	10
/* How long a packet may take that is in the way of a suspension. */
#define NPU_USERQ_SUSPEND_MS	10000
/* How long a queue may wait for room for its memory, and how often it tries. */
#define NPU_USERQ_RESUME_MS	10000
#define NPU_USERQ_RETRY_MS	5

u64 npu_userq_tail(struct npu_queue *queue)
{
	return readq(queue->ndev->doorbells + NPU_DOORBELL_PAGE(queue->number) +
		     NPU_DOORBELL_TAIL);
}

/* ---- Suspending ---------------------------------------------------------------- */

/* Lets memory move. The card does not touch it for this queue any more. */
static void npu_userq_release(struct npu_userq *user)
{
	struct npu_queue *queue = user->queue;
	struct dma_fence *preempt;

	scoped_guard(spinlock_irq, &queue->lock) {
		preempt = user->preempt;
		user->preempt = NULL;
	}
	if (!preempt)
		return;
	dma_fence_signal(preempt);
	dma_fence_put(preempt);
}

static void npu_userq_note(struct npu_userq *user, const struct npu_admin_queue_result *r)
{
	struct npu_queue *queue = user->queue;

	lockdep_assert_held(&queue->card_lock);
	user->head = r->head;
	user->call = r->call;
	guard(spinlock_irq)(&queue->lock);
	queue->busy_ns = max(queue->busy_ns, user->busy_base + r->busy_ns);
	queue->energy_nj = max(queue->energy_nj, user->energy_base + r->energy_nj);
	if (r->state == NPU_QUEUE_STATE_STOPPED && !queue->card_error)
		queue->card_error = r->error;
}

/* One try. -ETIMEDOUT: a packet is still in flight. */
static int npu_userq_try_suspend(struct npu_userq *user)
{
	struct npu_queue *queue = user->queue;
	struct npu_admin_queue_args args = { .queue = queue->number };
	struct npu_admin_queue_result r;
	int ret;

	guard(mutex)(&queue->card_lock);
	if (!user->running || !queue->on_card)
		return 0;
	ret = npu_admin_run(queue->ndev, NPU_ADMIN_QUEUE_SUSPEND, &args, sizeof(args), &r,
			    sizeof(r));
	/* It has stopped by itself; a card that is gone uses nothing. */
	if (ret == -EBADFD || ret == -ENODEV || ret == -ENOENT)
		ret = 0;
	else if (!ret)
		npu_userq_note(user, &r);
	if (!ret)
		user->running = false;
	return ret;
}

/* Steps that the card has made for the queue; ~0 when it does not say. */
static u64 npu_userq_progress(struct npu_userq *user)
{
	struct npu_queue *queue = user->queue;
	struct npu_admin_queue_result r;

	guard(mutex)(&queue->card_lock);
	if (!queue->on_card || npu_queue_admin(queue, NPU_ADMIN_QUEUE_QUERY, &r))
		return ~0ULL;
	npu_userq_note(user, &r);
	return r.progress;
}

static void npu_userq_kill(struct npu_userq *user, const char *why)
{
	struct npu_queue *queue = user->queue;
	struct npu_device *ndev = queue->ndev;

	if (npu_is_live(ndev) && npu_queue_close(queue, -ECANCELED)) {
		dev_warn_ratelimited(&ndev->pdev->dev, "user queue %u of %s (pid %d): %s: killed\n",
				     queue->number, queue->comm, queue->pid, why);
		npu_coredump_take(queue, why);
	}
	npu_queue_kill(queue);
	if (npu_is_live(ndev))
		npu_queue_end(queue, DRM_NPU_QUEUE_TIMED_OUT, -ETIME);
	else
		npu_queue_end(queue, DRM_NPU_QUEUE_INNOCENT, -ENODEV);
}

/*
 * When it returns, the card uses no memory for the queue. A packet in flight
 * is waited for while it gets on.
 */
static void npu_userq_suspend(struct npu_userq *user)
{
	ktime_t end = ktime_add_ms(ktime_get(), NPU_USERQ_SUSPEND_MS);
	ktime_t since = ktime_get();
	u64 progress = ~0ULL, now;
	int ret;

	while ((ret = npu_userq_try_suspend(user)) == -ETIMEDOUT) {
		now = npu_userq_progress(user);
		if (now != progress)
			since = ktime_get();
		progress = now;
		if (ktime_after(ktime_get(), end) ||
		    ktime_ms_delta(ktime_get(), since) >= npu_stuck_period_ms())
			break;
	}
	if (ret)
		npu_userq_kill(user, "a packet takes too long to suspend it");
}

static void npu_userq_preempt_work(struct work_struct *work)
{
	struct npu_userq *user = container_of(work, struct npu_userq, preempt_work);
	bool cookie = dma_fence_begin_signalling();
	s64 ran;

	ran = ktime_ms_delta(ktime_get(), READ_ONCE(user->resumed_at));
	if (ran >= 0 && ran < NPU_USERQ_RUN_MS)
		msleep(NPU_USERQ_RUN_MS - ran);
	npu_userq_suspend(user);
	npu_userq_release(user);
	dma_fence_end_signalling(cookie);
	npu_userq_kick(user, false);
}

/* ---- Resuming ------------------------------------------------------------------ */

void npu_userq_kick(struct npu_userq *user, bool wanted)
{
	if (wanted)
		WRITE_ONCE(user->wanted, true);
	queue_delayed_work(npu_cleanup_wq, &user->attend_work, 0);
}

/* Lets the card run it; all that its VM maps is where it belongs, and locked. */
static int npu_userq_run(struct npu_userq *user, struct dma_fence *preempt)
{
	struct npu_queue *queue = user->queue;
	struct npu_admin_queue_args args = { .queue = queue->number };
	struct npu_admin_queue_result r;
	int ret;

	guard(mutex)(&queue->card_lock);
	if (!queue->on_card || READ_ONCE(queue->error))
		return -ECANCELED;
	ret = npu_admin_run(queue->ndev, NPU_ADMIN_QUEUE_RESUME, &args, sizeof(args), &r,
			    sizeof(r));
	if (ret)
		return ret;
	user->running = true;
	WRITE_ONCE(user->resumed_at, ktime_get());
	guard(spinlock_irq)(&queue->lock);
	user->preempt = dma_fence_get(preempt);
	return 0;
}

static int npu_userq_resume(struct npu_userq *user)
{
	struct drm_gpuvm_exec exec = {
		.vm = &user->queue->vm->gpuvm,
		.flags = DRM_EXEC_IGNORE_DUPLICATES,
		.num_fences = 1,
	};
	struct dma_fence *preempt;
	int ret;

	preempt = npu_preempt_create(user->queue);
	if (!preempt)
		return -ENOMEM;
	ret = drm_gpuvm_exec_lock(&exec);
	if (ret)
		goto put;
	ret = drm_gpuvm_validate(exec.vm, &exec.exec);
	if (!ret)
		ret = npu_userq_run(user, preempt);
	/* Nothing of it has moved meanwhile: the reservations are held. */
	if (!ret)
		drm_gpuvm_exec_resv_add_fence(&exec, preempt, DMA_RESV_USAGE_BOOKKEEP,
					      DMA_RESV_USAGE_BOOKKEEP);
	drm_gpuvm_exec_unlock(&exec);
put:
	dma_fence_put(preempt);
	return ret;
}

/* True: it runs, or has no work, or never will. */
static bool npu_userq_attend(struct npu_userq *user)
{
	struct npu_queue *queue = user->queue;
	int ret;

	if (READ_ONCE(user->paused) || READ_ONCE(queue->error) || !npu_is_live(queue->ndev))
		return true;
	if (!READ_ONCE(user->running)) {
		npu_doorbell_close(user);
		/* Its stores have arrived before its mapping went: none is missed. */
		if (!READ_ONCE(user->wanted) && npu_userq_tail(queue) == user->head)
			return true;
		ret = npu_userq_resume(user);
		/* The process can hide from the interrupt that it was stopped, not from this. */
		if (ret == -EBADFD && npu_userq_is_stopped(queue))
			npu_queue_faulted(queue);
		if (ret == -ECANCELED || ret == -ENODEV || ret == -EBADFD)
			return true;
		if (ret)
			return false;
	}
	WRITE_ONCE(user->wanted, false);
	npu_doorbell_open(user);
	wake_up_all(&user->wait);
	return true;
}

static void npu_userq_attend_work(struct work_struct *work)
{
	struct npu_userq *user = container_of(work, struct npu_userq, attend_work.work);
	struct npu_device *ndev = user->queue->ndev;
	bool done = true;
	int idx, srcu;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	/* A reset waits for it. */
	srcu = srcu_read_lock(&ndev->ioctl_srcu);
	done = npu_userq_attend(user);
	srcu_read_unlock(&ndev->ioctl_srcu, srcu);
	drm_dev_exit(idx);
	if (done) {
		user->wanted_since = 0;
		return;
	}
	if (!user->wanted_since)
		user->wanted_since = ktime_get();
	if (ktime_ms_delta(ktime_get(), user->wanted_since) < NPU_USERQ_RESUME_MS)
		queue_delayed_work(npu_cleanup_wq, &user->attend_work,
				   msecs_to_jiffies(NPU_USERQ_RETRY_MS));
	else
		npu_userq_kill(user, "no room for its memory");
}

int npu_userq_prepare_bo(struct npu_vm *vm, struct drm_gem_object *obj)
{
	unsigned int count = list_count_nodes(&vm->userqs);

	/* And one for a bind that is queued: what was reserved before does not add up. */
	return count ? dma_resv_reserve_fences(obj->resv, count + 1) : 0;
}

void npu_userq_add_bo(struct npu_vm *vm, struct drm_gem_object *obj)
{
	struct npu_userq *user;

	dma_resv_assert_held(drm_gpuvm_resv(&vm->gpuvm));
	/* Its own buffers share the VM's reservation, where the fences are. */
	if (obj->resv == drm_gpuvm_resv(&vm->gpuvm))
		return;
	list_for_each_entry(user, &vm->userqs, vm_link) {
		struct dma_fence *preempt;

		scoped_guard(spinlock_irq, &user->queue->lock)
			preempt = user->preempt ? dma_fence_get(user->preempt) : NULL;
		/* None: it is suspended, and looks at all buffers before it runs. */
		if (preempt)
			dma_resv_add_fence(obj->resv, preempt, DMA_RESV_USAGE_BOOKKEEP);
		dma_fence_put(preempt);
	}
}

/* ---- Interrupts and the end ------------------------------------------------------- */

/* Packets retired, by the control page. */
static u64 npu_userq_read_head(struct npu_queue *queue)
{
	u64 head = le64_to_cpu((__force __le64)READ_ONCE(queue->control->head));

	dma_rmb();	/* what the packets wrote is not older than head */
	return head;
}

void npu_userq_reap_locked(struct npu_queue *queue)
{
	struct npu_fence *fence, *tmp;
	u64 head;

	lockdep_assert_held(&queue->lock);
	if (!queue->memory)
		return;
	head = npu_userq_read_head(queue);
	for (;;) {
		list_for_each_entry_safe(fence, tmp, &queue->inflight, link) {
			if (fence->end > head)
				break;
			npu_fence_signal(fence, 0);
		}
		fence = list_first_entry_or_null(&queue->inflight, struct npu_fence, link);
		if (!fence)
			break;
		WRITE_ONCE(queue->control->driver_event, (__force u64)cpu_to_le64(fence->end));
		mb();	/* event before the next look at head; the card: head before event */
		/* Each turn signals one at least, whatever the process writes there. */
		head = npu_userq_read_head(queue);
		if (head < fence->end)
			break;
	}
	wake_up_all(&queue->user->wait);
}

void npu_userq_ended(struct npu_queue *queue)
{
	struct npu_userq *user = queue->user;

	scoped_guard(spinlock_irqsave, &queue->lock) {
		/* The card says so only of queues that stood in a slot. */
		if (queue->memory) {
			WRITE_ONCE(queue->control->error, queue->card_error ?:
							  NPU_QUEUE_ERROR_KILLED);
			/* Whoever sees the state sees the error. */
			smp_store_release(&queue->control->state, NPU_QUEUE_STATE_STOPPED);
		}
	}
	npu_userq_release(user);
	wake_up_all(&user->wait);
}

void npu_userq_refresh(struct npu_queue *queue)
{
	npu_userq_progress(queue->user);
}

bool npu_userq_is_stopped(struct npu_queue *queue)
{
	struct npu_admin_queue_result r;

	guard(mutex)(&queue->card_lock);
	if (!queue->on_card || npu_queue_admin(queue, NPU_ADMIN_QUEUE_QUERY, &r) ||
	    r.state != NPU_QUEUE_STATE_STOPPED)
		return false;
	npu_userq_note(queue->user, &r);
	return true;
}

/* ---- Life ------------------------------------------------------------------------- */

static bool npu_userq_args_are_valid(u64 ring_va, u32 ring_shift)
{
	u64 size;

	if (ring_shift < NPU_RING_SHIFT_MIN || ring_shift > NPU_RING_SHIFT_MAX)
		return false;
	size = (u64)NPU_PACKET_SIZE << ring_shift;
	return IS_ALIGNED(ring_va, NPU_PAGE_SIZE) && ring_va >= NPU_MMU_USER_START &&
	       ring_va < NPU_MMU_USER_END && size <= NPU_MMU_USER_END - ring_va;
}

int npu_userq_create(struct npu_queue *queue, u64 ring_va, u32 ring_shift)
{
	struct device *dev = &queue->ndev->pdev->dev;
	struct npu_userq *user;
	struct page *page;

	/* A process must get its own doorbell and no other. */
	if (PAGE_SIZE != NPU_DOORBELL_PAGE_SIZE)
		return -EOPNOTSUPP;
	if (!npu_userq_args_are_valid(ring_va, ring_shift))
		return -EINVAL;
	user = kzalloc(sizeof(*user), GFP_KERNEL_ACCOUNT);
	if (!user)
		return -ENOMEM;
	page = dma_alloc_pages(dev, PAGE_SIZE, &queue->dma, DMA_BIDIRECTIONAL, GFP_KERNEL_ACCOUNT);
	if (!page) {
		kfree(user);
		return -ENOMEM;
	}
	/* Card and process look at it without anybody in between. */
	if (dma_need_sync(dev, queue->dma)) {
		dma_free_pages(dev, PAGE_SIZE, page, queue->dma, DMA_BIDIRECTIONAL);
		kfree(user);
		return -EOPNOTSUPP;
	}
	user->queue = queue;
	user->ring_va = ring_va;
	user->ring_shift = ring_shift;
	INIT_LIST_HEAD(&user->vm_link);
	drm_vma_node_reset(&user->node);
	mutex_init(&user->map_lock);
	user->control_page = page;
	init_waitqueue_head(&user->wait);
	INIT_WORK(&user->preempt_work, npu_userq_preempt_work);
	INIT_DELAYED_WORK(&user->attend_work, npu_userq_attend_work);
	user->preempt_context = dma_fence_context_alloc(1);
	queue->memory = page_address(page);
	queue->control = queue->memory;
	queue->user = user;
	npu_userq_sync_init(user);
	return 0;
}

void npu_userq_free_memory(struct npu_queue *queue, void *memory)
{
	dma_free_pages(&queue->ndev->pdev->dev, PAGE_SIZE, virt_to_page(memory), queue->dma,
		       DMA_BIDIRECTIONAL);
}

void npu_userq_free(struct npu_queue *queue)
{
	npu_doorbell_free(queue->user);
	mutex_destroy(&queue->user->map_lock);
	kfree(queue->user);
}

int npu_userq_publish(struct npu_queue *queue, struct drm_file *file)
{
	struct dma_resv *resv = drm_gpuvm_resv(&queue->vm->gpuvm);

	dma_resv_lock(resv, NULL);
	list_add_tail(&queue->user->vm_link, &queue->vm->userqs);
	dma_resv_unlock(resv);
	return npu_doorbell_publish(queue->user, file);
}

void npu_userq_stop_begin(struct npu_queue *queue)
{
	/* It may be waiting for fences of jobs, whose time is bounded. */
	disable_delayed_work_sync(&queue->user->attend_work);
	npu_userq_sync_stop(queue->user);
}

void npu_userq_stop_end(struct npu_queue *queue)
{
	struct dma_resv *resv = drm_gpuvm_resv(&queue->vm->gpuvm);
	struct npu_userq *user = queue->user;

	npu_userq_release(user);
	/* Nobody starts it any more: the fence is gone. */
	cancel_work_sync(&user->preempt_work);
	npu_doorbell_unpublish(user);
	npu_doorbell_abandon(user);
	wake_up_all(&user->wait);
	dma_resv_lock(resv, NULL);
	list_del_init(&user->vm_link);
	dma_resv_unlock(resv);
}

/* ---- System sleep -------------------------------------------------------------------- */

void npu_userq_pause(struct npu_queue *queue)
{
	struct npu_userq *user = queue->user;

	WRITE_ONCE(user->paused, true);
	cancel_delayed_work_sync(&user->attend_work);
	npu_userq_sync_pause(user);
	npu_userq_suspend(user);
	npu_userq_release(user);
	npu_doorbell_close(user);
	user->tail = npu_userq_tail(queue);
}

void npu_userq_restore(struct npu_queue *queue)
{
	struct npu_userq *user = queue->user;

	scoped_guard(spinlock_irq, &queue->lock) {
		/* The card counts from 0 again. */
		user->busy_base = queue->busy_ns;
		user->energy_base = queue->energy_nj;
		/* No slot looks at it. */
		WRITE_ONCE(queue->control->need_wake, 1);
	}
	/* Behind QUEUE_CREATE, which sets it to zero. */
	writeq(user->tail, queue->ndev->doorbells + NPU_DOORBELL_PAGE(queue->number) +
	       NPU_DOORBELL_TAIL);
}

void npu_userq_unpause(struct npu_queue *queue)
{
	WRITE_ONCE(queue->user->paused, false);
	npu_userq_kick(queue->user, false);
	npu_userq_sync_unpause(queue->user);
}
