// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Fences out of user queues and into them.
 *
 * USERQ_SIGNAL makes a fence of packets that have been submitted. It is a
 * promise: while there is one, the queue is watched like a kernel queue
 * (npu_stuck.c), and killed if it does not get on. It may wait for what
 * USERQ_WAIT was told to wait for before the fence was made, since those are
 * fences and older; for nothing else that takes longer than a period. So no
 * circle of fences can close: each waits for older ones alone.
 *
 * USERQ_WAIT gives a value that the kernel writes to a word of the control
 * page, for FENCE_WAIT. Values are reached in order.
 */
#include <linux/dma-fence.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_drv.h"
#include "npu_fence.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_stuck.h"
#include "npu_sync.h"
#include "npu_userq.h"

/* The word of USERQ_WAIT in the control page, bytes. */
#define NPU_USERQ_WAIT_WORD	1024
/* Of one queue that have not signalled. */
#define NPU_USERQ_WAITS_MAX	256

/* ---- USERQ_SIGNAL ---------------------------------------------------------------- */

static void npu_userq_watch(struct npu_userq *user)
{
	queue_delayed_work(user->queue->ndev->recovery_wq, &user->sync.watch_work,
			   msecs_to_jiffies(npu_stuck_period_ms()));
}

/* Does the oldest fence wait for others' that USERQ_WAIT has been given? */
static bool npu_userq_is_excused(struct npu_userq *user, u64 waits)
{
	guard(spinlock_irq)(&user->sync.lock);
	return user->sync.reached < waits;
}

static void npu_userq_watch_work(struct work_struct *work)
{
	struct npu_userq *user = container_of(work, struct npu_userq, sync.watch_work.work);
	struct npu_queue *queue = user->queue;
	struct npu_fence *first;
	u64 waits = 0;

	if (READ_ONCE(user->paused))
		return;
	scoped_guard(spinlock_irq, &queue->lock) {
		first = list_first_entry_or_null(&queue->inflight, struct npu_fence, link);
		if (first)
			waits = first->waits;
	}
	if (!first)
		return;
	/* The process can hide from the interrupt that it was stopped. */
	if (npu_userq_is_stopped(queue)) {
		npu_queue_faulted(queue);
		return;
	}
	/* A period begins when it is to get on, not before. */
	if (npu_userq_is_excused(user, waits))
		WRITE_ONCE(user->sync.watch_fresh, true);
	else if (xchg(&user->sync.watch_fresh, false))
		queue->stuck.progress = ~0ULL;
	if (!READ_ONCE(user->sync.watch_fresh) && npu_stuck_end_if(queue))
		return;
	npu_userq_watch(user);
}

/* A fence of the ring up to @index; a pointer-encoded error if that has not been submitted. */
static struct npu_fence *npu_userq_create_fence(struct npu_queue *queue, u64 index)
{
	struct npu_userq *user = queue->user;
	struct npu_fence *fence;

	guard(mutex)(&queue->submit_lock);
	if (queue->closing)
		return ERR_PTR(-ECANCELED);
	/* It has not been stopped: the doorbell is its own. */
	if (index > npu_userq_tail(queue))
		return ERR_PTR(-EINVAL);
	fence = npu_fence_create(queue);
	if (!fence)
		return ERR_PTR(-ENOMEM);
	fence->end = index;
	fence->waits = user->sync.issued;
	scoped_guard(spinlock_irq, &queue->lock) {
		if (queue->error)
			break;
		fence->value = ++queue->emitted;
		if (list_empty(&queue->inflight))
			WRITE_ONCE(user->sync.watch_fresh, true);
		dma_fence_get(&fence->base);	/* the list's */
		list_add_tail(&fence->link, &queue->inflight);
		npu_userq_reap_locked(queue);
		npu_userq_watch(user);
		return fence;
	}
	dma_fence_put(&fence->base);
	return ERR_PTR(-ECANCELED);
}

static int npu_userq_signal(struct npu_queue *queue, struct drm_file *file, u64 index,
			    const struct drm_npu_sync *array, u32 count)
{
	struct npu_fence *fence;
	struct npu_syncs syncs;
	int ret;

	ret = npu_syncs_get(&syncs, file, array, count);
	if (ret)
		return ret;
	fence = npu_userq_create_fence(queue, index);
	if (IS_ERR(fence)) {
		ret = PTR_ERR(fence);
	} else {
		npu_syncs_signal(&syncs, &fence->base);
		dma_fence_put(&fence->base);
		/* If it is suspended: it has work, and somebody waits. */
		npu_userq_kick(queue->user, false);
	}
	npu_syncs_put(&syncs);
	return ret;
}

/* ---- USERQ_WAIT ------------------------------------------------------------------- */

struct npu_userq_wait_entry {
	struct dma_fence_cb cb;
	struct dma_fence *fence;	/* a reference */
	struct npu_userq_wait *wait;
};

struct npu_userq_wait {
	struct npu_userq *user;	/* which stops before it goes */
	struct list_head link;	/* npu_userq_sync.waits, then .done */
	u64 value;
	bool signalled;		/* npu_userq_sync.lock guards it */
	atomic_t pending;	/* fences, and whoever adds them */
	u32 count;
	struct npu_userq_wait_entry entries[] __counted_by(count);
};

static void npu_userq_wait_free(struct npu_userq_wait *wait)
{
	for (u32 i = 0; i < wait->count; i++)
		dma_fence_put(wait->entries[i].fence);
	kvfree(wait);
}

static void npu_userq_wait_free_work(struct work_struct *work)
{
	struct npu_userq *user = container_of(work, struct npu_userq, sync.free_work);
	struct npu_userq_wait *wait, *tmp;
	LIST_HEAD(done);

	scoped_guard(spinlock_irq, &user->sync.lock)
		list_splice_init(&user->sync.done, &done);
	list_for_each_entry_safe(wait, tmp, &done, link)
		npu_userq_wait_free(wait);
}

/* One fence less; any context, under the fence's lock. */
static void npu_userq_wait_drop(struct npu_userq_wait *wait)
{
	struct npu_userq *user = wait->user;
	struct npu_userq_sync *sync = &user->sync;

	if (!atomic_dec_and_test(&wait->pending))
		return;
	guard(spinlock_irqsave)(&sync->lock);
	wait->signalled = true;
	if (!sync->word)
		return;
	while (!list_empty(&sync->waits)) {
		wait = list_first_entry(&sync->waits, struct npu_userq_wait, link);
		if (!wait->signalled)
			break;
		sync->reached = wait->value;
		list_move_tail(&wait->link, &sync->done);
		sync->count--;
	}
	WRITE_ONCE(*sync->word, (__force u64)cpu_to_le64(sync->reached));
	queue_work(npu_cleanup_wq, &sync->free_work);
}

static void npu_userq_wait_signalled(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	npu_userq_wait_drop(container_of(cb, struct npu_userq_wait_entry, cb)->wait);
}

/* Takes the fences. */
static struct npu_userq_wait *npu_userq_wait_create(struct npu_userq *user,
						    struct npu_syncs *syncs)
{
	struct npu_userq_wait *wait;

	wait = kvzalloc(struct_size(wait, entries, syncs->wait_count), GFP_KERNEL_ACCOUNT);
	if (!wait)
		return NULL;
	wait->user = user;
	wait->count = syncs->wait_count;
	atomic_set(&wait->pending, wait->count + 1);
	for (u32 i = 0; i < wait->count; i++) {
		wait->entries[i].wait = wait;
		wait->entries[i].fence = syncs->waits[i];
		syncs->waits[i] = NULL;
	}
	return wait;
}

static int npu_userq_wait(struct npu_queue *queue, struct drm_file *file,
			  const struct drm_npu_sync *array, u32 count, u64 *value)
{
	struct npu_userq *user = queue->user;
	struct npu_userq_wait *wait;
	struct npu_syncs syncs;
	int ret;

	ret = npu_syncs_get(&syncs, file, array, count);
	if (ret)
		return ret;
	wait = npu_userq_wait_create(user, &syncs);
	npu_syncs_put(&syncs);
	if (!wait)
		return -ENOMEM;
	guard(mutex)(&queue->submit_lock);
	if (queue->closing || READ_ONCE(queue->error)) {
		npu_userq_wait_free(wait);
		return -ECANCELED;
	}
	scoped_guard(spinlock_irq, &user->sync.lock) {
		if (user->sync.count >= NPU_USERQ_WAITS_MAX) {
			ret = -EBUSY;
			break;
		}
		user->sync.count++;
		wait->value = ++user->sync.issued;
		*value = wait->value;
		list_add_tail(&wait->link, &user->sync.waits);
	}
	if (ret) {
		npu_userq_wait_free(wait);
		return ret;
	}
	for (u32 i = 0; i < wait->count; i++)
		if (dma_fence_add_callback(wait->entries[i].fence, &wait->entries[i].cb,
					   npu_userq_wait_signalled))
			npu_userq_wait_drop(wait);
	npu_userq_wait_drop(wait);
	return 0;
}

/* ---- WAIT_USER_FENCE ----------------------------------------------------------------- */

static bool npu_userq_compare(const struct drm_npu_wait_user_fence *args, u64 now)
{
	now &= args->mask;
	switch (args->compare) {
	case NPU_COMPARE_GE:
		return now >= args->value;
	case NPU_COMPARE_EQ:
		return now == args->value;
	default:
		return now != args->value;
	}
}

static int npu_userq_wait_memory(struct npu_queue *queue,
				 const struct drm_npu_wait_user_fence *args)
{
	u64 __user *address = u64_to_user_ptr(args->address);
	DEFINE_WAIT_FUNC(wait, woken_wake_function);
	s64 time, left;
	int ret;
	u64 now;

	add_wait_queue(&queue->user->wait, &wait);
	for (;;) {
		/* Before the look: what comes later is not missed. */
		time = ktime_get_ns();
		left = args->timeout_ns > time ? args->timeout_ns - time : 0;
		ret = -EFAULT;
		if (get_user(now, address))
			break;
		ret = 0;
		if (npu_userq_compare(args, now))
			break;
		ret = READ_ONCE(queue->error);
		if (ret)
			break;
		ret = -ETIME;
		if (!left)
			break;
		ret = -ERESTARTSYS;
		if (signal_pending(current))
			break;
		/* A second at most: a process that did not arm the interrupt gets on, too. */
		wait_woken(&wait, TASK_INTERRUPTIBLE,
			   min_t(unsigned long, HZ, nsecs_to_jiffies(left) + 1));
	}
	remove_wait_queue(&queue->user->wait, &wait);
	return ret;
}

/* ---- Life ----------------------------------------------------------------------------- */

void npu_userq_sync_init(struct npu_userq *user)
{
	INIT_DELAYED_WORK(&user->sync.watch_work, npu_userq_watch_work);
	INIT_WORK(&user->sync.free_work, npu_userq_wait_free_work);
	spin_lock_init(&user->sync.lock);
	INIT_LIST_HEAD(&user->sync.waits);
	INIT_LIST_HEAD(&user->sync.done);
	user->sync.word = user->queue->memory + NPU_USERQ_WAIT_WORD;
}

void npu_userq_sync_stop(struct npu_userq *user)
{
	struct npu_userq_wait *wait, *tmp;

	disable_delayed_work_sync(&user->sync.watch_work);
	/* From here on nothing leaves the list but by us. */
	scoped_guard(spinlock_irq, &user->sync.lock)
		user->sync.word = NULL;
	flush_work(&user->sync.free_work);
	list_for_each_entry_safe(wait, tmp, &user->sync.waits, link) {
		/* When it returns, the callback is not running either. */
		for (u32 i = 0; i < wait->count; i++)
			dma_fence_remove_callback(wait->entries[i].fence, &wait->entries[i].cb);
		npu_userq_wait_free(wait);
	}
	INIT_LIST_HEAD(&user->sync.waits);
}

void npu_userq_sync_pause(struct npu_userq *user)
{
	cancel_delayed_work_sync(&user->sync.watch_work);
}

void npu_userq_sync_unpause(struct npu_userq *user)
{
	WRITE_ONCE(user->sync.watch_fresh, true);
	npu_userq_watch(user);
}

/* ---- ioctls ---------------------------------------------------------------------------- */

/* The user queue of that handle, referenced. */
static struct npu_queue *npu_userq_lookup(struct drm_file *file, u32 handle)
{
	struct npu_queue *queue = npu_queue_lookup(file->driver_priv, handle);

	if (!queue)
		return ERR_PTR(-ENOENT);
	if (queue->user)
		return queue;
	npu_queue_put(queue);
	return ERR_PTR(-EINVAL);
}

/* The array of @flags alone, and not empty. */
static struct drm_npu_sync *npu_userq_sync_array(const struct drm_npu_array *array, u32 flags)
{
	struct drm_npu_sync *syncs = npu_sync_array(array);

	if (IS_ERR(syncs))
		return syncs;
	for (u32 i = 0; i < array->count; i++) {
		if (syncs[i].flags != flags) {
			kvfree(syncs);
			return ERR_PTR(-EINVAL);
		}
	}
	return syncs ?: ERR_PTR(-EINVAL);
}

int npu_userq_signal_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_userq_signal *args = data;
	struct npu_section section;
	struct drm_npu_sync *syncs;
	struct npu_queue *queue;
	int ret;

	if (args->flags)
		return -EINVAL;
	syncs = npu_userq_sync_array(&args->syncs, DRM_NPU_SYNC_SIGNAL);
	if (IS_ERR(syncs))
		return PTR_ERR(syncs);
	queue = npu_userq_lookup(file, args->queue);
	if (IS_ERR(queue)) {
		kvfree(syncs);
		return PTR_ERR(queue);
	}
	ret = npu_enter(drm, file, &section);
	if (!ret) {
		ret = npu_userq_signal(queue, file, args->index, syncs, args->syncs.count);
		npu_exit(drm, &section);
	}
	npu_queue_put(queue);
	kvfree(syncs);
	return ret;
}

int npu_userq_wait_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_userq_wait *args = data;
	struct npu_section section;
	struct drm_npu_sync *syncs;
	struct npu_queue *queue;
	int ret;

	if (args->flags)
		return -EINVAL;
	syncs = npu_userq_sync_array(&args->syncs, DRM_NPU_SYNC_WAIT);
	if (IS_ERR(syncs))
		return PTR_ERR(syncs);
	queue = npu_userq_lookup(file, args->queue);
	if (IS_ERR(queue)) {
		kvfree(syncs);
		return PTR_ERR(queue);
	}
	ret = npu_enter(drm, file, &section);
	if (!ret) {
		ret = npu_userq_wait(queue, file, syncs, args->syncs.count, &args->value);
		args->va = NPU_QUEUE_VA(queue->number) + NPU_USERQ_WAIT_WORD;
		npu_exit(drm, &section);
	}
	npu_queue_put(queue);
	kvfree(syncs);
	return ret;
}

/* Enters no section: it may sleep for as long as the process likes. */
int npu_wait_user_fence_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_wait_user_fence *args = data;
	struct npu_queue *queue;
	int ret;

	if (args->flags || args->mbz || args->compare >= NPU_COMPARE_COUNT ||
	    !IS_ALIGNED(args->address, sizeof(u64)))
		return -EINVAL;
	queue = npu_userq_lookup(file, args->queue);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	ret = npu_userq_wait_memory(queue, args);
	npu_queue_put(queue);
	return ret;
}
