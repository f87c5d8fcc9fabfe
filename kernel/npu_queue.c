// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Queues. Each kernel queue is a ring of packets in system memory, mapped for
 * privileged access into its address space, and a DRM scheduler that writes
 * jobs into it (npu_ring.c): CALLs of the user's packets, then a
 * FENCE_SIGNAL. How it ends is in npu_queue_end.c.
 */
#include <linux/delay.h>
#include <linux/dma-mapping.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_job.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_quota.h"
#include "npu_ring.h"
#include "npu_userq.h"
#include "npu_vm.h"

/* How long jobs of a stopped queue may wait for others. */
#define NPU_DRAIN_MS		20
#define NPU_DRAIN_TRIES		500

/* ---- Life -------------------------------------------------------------------- */

struct npu_queue *npu_queue_next(struct npu_device *ndev, unsigned long *number)
{
	struct npu_queue *queue;

	/* Queues take their number away before they give their handle's reference back. */
	xa_lock_irq(&ndev->queues);
	queue = xa_find(&ndev->queues, number, ULONG_MAX, XA_PRESENT);
	if (queue)
		npu_queue_get(queue);
	xa_unlock_irq(&ndev->queues);
	return queue;
}

void npu_queue_init_device(struct npu_device *ndev)
{
	xa_init_flags(&ndev->queues, XA_FLAGS_ALLOC | XA_FLAGS_LOCK_IRQ);
	INIT_WORK(&ndev->stopped_work, npu_queue_stopped_work);
}

/*
 * Takes the entity of a stopped queue down: not before the jobs in it have run
 * into the queue's error (those that wait for others for too long end with
 * ESRCH), and not with the queue's last reference, since the entity keeps the
 * fence of its last job, which keeps the queue.
 */
static void npu_queue_drain_work(struct work_struct *work)
{
	struct npu_queue *queue = container_of(work, struct npu_queue, drain_work);

	for (int i = 0; i < NPU_DRAIN_TRIES && spsc_queue_count(&queue->entity.job_queue); i++)
		msleep(NPU_DRAIN_MS);
	drm_sched_entity_fini(&queue->entity);
	npu_queue_put(queue);
}

static void npu_queue_free_work(struct work_struct *work)
{
	struct npu_queue *queue = container_of(work, struct npu_queue, free_work);
	struct drm_device *drm = &queue->ndev->drm;

	/* Every job is freed: each has a fence, and each fence a reference. */
	if (queue->user)
		npu_userq_free(queue);
	else
		drm_sched_fini(&queue->sched);
	mutex_destroy(&queue->submit_lock);
	mutex_destroy(&queue->stop_lock);
	mutex_destroy(&queue->card_lock);
	kfree(queue);
	drm_dev_put(drm);
}

static void npu_queue_release(struct kref *kref)
{
	struct npu_queue *queue = container_of(kref, struct npu_queue, kref);

	/* The last reference may be a job's: its scheduler would wait for itself. */
	queue_work(npu_cleanup_wq, &queue->free_work);
}

void npu_queue_get(struct npu_queue *queue)
{
	kref_get(&queue->kref);
}

void npu_queue_put(struct npu_queue *queue)
{
	kref_put(&queue->kref, npu_queue_release);
}

static void npu_queue_free_memory(struct npu_queue *queue, void *memory)
{
	if (queue->user)
		npu_userq_free_memory(queue, memory);
	else
		dma_free_coherent(&queue->ndev->pdev->dev, NPU_QUEUE_MEMORY, memory, queue->dma);
}

/* Takes the ring's memory out of everybody's reach, returns it to be freed. */
static void *npu_queue_take_memory(struct npu_queue *queue)
{
	void *memory;

	guard(spinlock_irqsave)(&queue->lock);
	npu_queue_read_control(queue);
	memory = queue->memory;
	queue->memory = NULL;
	return memory;
}

static unsigned int npu_queue_vector(struct npu_queue *queue)
{
	return 1 + queue->number % (queue->ndev->vector_count - 1);
}

static void npu_queue_unlink_vector(struct npu_queue *queue)
{
	struct npu_vector *vector = &queue->ndev->vectors[npu_queue_vector(queue)];

	guard(spinlock_irq)(&vector->lock);
	list_del_init(&queue->vector_link);
}

/*
 * Takes the queue off the card and ends its jobs; the object stays until its
 * last fence is gone.
 */
static void npu_queue_stop(struct npu_queue *queue)
{
	struct npu_device *ndev = queue->ndev;
	void *memory;

	guard(mutex)(&queue->stop_lock);
	if (queue->stopped)
		return;
	queue->stopped = true;
	scoped_guard(mutex, &queue->submit_lock)
		queue->closing = true;
	npu_queue_close(queue, npu_is_live(ndev) ? -ECANCELED : -ENODEV);
	if (queue->user)
		npu_userq_stop_begin(queue);
	scoped_guard(mutex, &queue->card_lock) {
		queue->on_card = false;
		npu_queue_admin(queue, NPU_ADMIN_QUEUE_DESTROY, NULL);
	}
	npu_queue_unlink_vector(queue);
	npu_queue_end(queue, 0, npu_is_live(ndev) ? -ECANCELED : -ENODEV);
	if (queue->user) {
		npu_userq_stop_end(queue);
	} else {
		/* What still waits for its turn runs into queue->error; then the entity goes. */
		npu_queue_get(queue);
		queue_work(npu_cleanup_wq, &queue->drain_work);
	}
	memory = npu_queue_take_memory(queue);
	npu_mmu_unmap(&queue->vm->mmu, NPU_QUEUE_VA(queue->number), NPU_QUEUE_MEMORY);
	/* The tables stay, a few pages at most: other queues may be about to use them. */
	npu_mmu_flush(&queue->vm->mmu, NPU_QUEUE_VA(queue->number), NPU_QUEUE_MEMORY);
	npu_queue_free_memory(queue, memory);
	xa_erase_irq(&ndev->queues, queue->number);
	npu_quota_uncharge(queue->quota, NPU_QUOTA_QUEUES);
	npu_vm_put(queue->vm);
	queue->vm = NULL;
}

void npu_queue_stop_all(struct npu_device *ndev)
{
	struct npu_queue *queue;

	for (unsigned long n = 0; (queue = npu_queue_next(ndev, &n)); n++) {
		npu_queue_stop(queue);
		npu_queue_put(queue);
	}
}

static int npu_queue_alloc_memory(struct npu_queue *queue)
{
	struct device *dev = &queue->ndev->pdev->dev;

	BUILD_BUG_ON(NPU_QUEUE_MEMORY > SZ_128K);
	queue->memory = dma_alloc_coherent(dev, NPU_QUEUE_MEMORY, &queue->dma, GFP_KERNEL_ACCOUNT);
	if (!queue->memory)
		return -ENOMEM;
	queue->control = queue->memory + NPU_RING_SIZE;
	queue->fence = queue->memory + NPU_QUEUE_FENCE_OFFSET;
	return 0;
}

int npu_queue_create_on_card(struct npu_queue *queue)
{
	const struct npu_userq *user = queue->user;
	const u64 va = NPU_QUEUE_VA(queue->number);
	struct npu_admin_queue_create_args args = {
		.queue = queue->number,
		.context = queue->context,
		.ring_va = va,
		.control_va = va + NPU_RING_SIZE,
		.flags = NPU_QUEUE_PRIVILEGED,
		.vector = npu_queue_vector(queue),
		.ring_shift = NPU_RING_SHIFT,
		.priority = queue->priority,
		.time_slice_us = queue->slice_us,
	};

	if (user) {
		args.ring_va = user->ring_va;
		args.control_va = va;
		args.flags = NPU_QUEUE_SUSPENDED;
		args.ring_shift = user->ring_shift;
		args.head = user->head;
		args.call = user->call;
	}
	return npu_admin_run(queue->ndev, NPU_ADMIN_QUEUE_CREATE, &args, sizeof(args), NULL, 0);
}

/* Maps the queue's memory and makes it on the card. */
static int npu_queue_start(struct npu_queue *queue)
{
	const u64 va = NPU_QUEUE_VA(queue->number);
	const u64 size = queue->user ? PAGE_SIZE : NPU_QUEUE_MEMORY;
	struct npu_vector *vector = &queue->ndev->vectors[npu_queue_vector(queue)];
	int ret;

	ret = npu_mmu_prepare(&queue->vm->mmu, va, size);
	if (ret)
		return ret;
	npu_mmu_map(&queue->vm->mmu, va, queue->dma, size,
		    NPU_PTE_WRITE | NPU_PTE_SNOOP | (queue->user ? 0 : NPU_PTE_PRIV));
	/* No slot looks at it yet (docs/card.md, "Control block"). */
	queue->control->need_wake = 1;
	ret = npu_queue_create_on_card(queue);
	if (ret) {
		npu_mmu_unmap(&queue->vm->mmu, va, size);
		npu_mmu_flush(&queue->vm->mmu, va, size);
		return ret;
	}
	queue->on_card = true;
	scoped_guard(spinlock_irq, &vector->lock)
		list_add_tail(&queue->vector_link, &vector->queues);
	return 0;
}

static int npu_queue_init_sched(struct npu_queue *queue)
{
	struct npu_device *ndev = queue->ndev;
	const struct drm_sched_init_args args = {
		.ops = &npu_sched_ops,
		.submit_wq = ndev->sched_wq,
		.timeout_wq = ndev->recovery_wq,
		.num_rqs = 1,
		.credit_limit = NPU_RING_CREDITS,
		.timeout = msecs_to_jiffies(npu_stuck_period_ms()),
		.name = "npu-queue",
		.dev = &ndev->pdev->dev,
	};
	struct drm_gpu_scheduler *sched = &queue->sched;
	int ret;

	ret = npu_compat_sched_init(sched, &args);
	if (ret)
		return ret;
	ret = drm_sched_entity_init(&queue->entity, 0, &sched, 1, NULL);
	if (ret)
		drm_sched_fini(sched);
	return ret;
}

static struct npu_queue *npu_queue_create(struct npu_file *nfile, struct npu_vm *vm,
					  const struct drm_npu_queue_create *args)
{
	struct npu_device *ndev = nfile->ndev;
	struct npu_queue *queue;
	int ret;

	if (!npu_quota_charge(nfile->quota, NPU_QUOTA_QUEUES))
		return ERR_PTR(-EDQUOT);
	queue = kzalloc(sizeof(*queue), GFP_KERNEL_ACCOUNT);
	if (!queue) {
		npu_quota_uncharge(nfile->quota, NPU_QUOTA_QUEUES);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&queue->kref);
	queue->ndev = ndev;
	queue->quota = nfile->quota;
	queue->vm = npu_vm_get(vm);
	queue->context = vm->mmu.context;
	queue->client_id = nfile->client_id;
	queue->pid = task_tgid_nr(current);
	get_task_comm(queue->comm, current);
	queue->priority = args->priority;
	queue->fence_context = dma_fence_context_alloc(1);
	mutex_init(&queue->submit_lock);
	mutex_init(&queue->stop_lock);
	mutex_init(&queue->card_lock);
	spin_lock_init(&queue->lock);
	INIT_WORK(&queue->drain_work, npu_queue_drain_work);
	INIT_WORK(&queue->free_work, npu_queue_free_work);
	INIT_LIST_HEAD(&queue->vector_link);
	INIT_LIST_HEAD(&queue->inflight);
	INIT_LIST_HEAD(&queue->jobs);

	ret = args->flags & DRM_NPU_QUEUE_USER ?
	      npu_userq_create(queue, args->ring_va, args->ring_shift) :
	      npu_queue_alloc_memory(queue);
	if (ret)
		goto free;
	ret = queue->user ? 0 : npu_queue_init_sched(queue);
	if (ret)
		goto free_memory;
	/* Reserved only: nobody finds a queue that is half made. */
	ret = xa_alloc_irq(&ndev->queues, &queue->number, NULL,
			   XA_LIMIT(0, ndev->queues_max - 1), GFP_KERNEL);
	if (ret) {
		if (ret == -EBUSY)
			ret = -ENOSPC;
		goto fini_sched;
	}
	ret = npu_queue_start(queue);
	if (ret)
		goto erase;
	drm_dev_get(&ndev->drm);
	/* The place is reserved: this allocates nothing. */
	xa_store_irq(&ndev->queues, queue->number, queue, GFP_KERNEL);
	return queue;

erase:
	xa_erase_irq(&ndev->queues, queue->number);
fini_sched:
	if (!queue->user) {
		drm_sched_entity_fini(&queue->entity);
		drm_sched_fini(&queue->sched);
	}
free_memory:
	npu_queue_free_memory(queue, queue->memory);
	if (queue->user)
		npu_userq_free(queue);
free:
	npu_vm_put(queue->vm);
	npu_quota_uncharge(queue->quota, NPU_QUOTA_QUEUES);
	kfree(queue);
	return ERR_PTR(ret);
}

static void npu_queue_destroy(struct npu_file *nfile, struct npu_queue *queue)
{
	npu_queue_stop(queue);
	atomic64_add(npu_queue_busy_ns(queue), &nfile->busy_ns);
	npu_queue_put(queue);
}

void npu_queue_close_file(struct npu_file *nfile)
{
	struct npu_queue *queue;
	unsigned long handle;

	xa_for_each(&nfile->queues, handle, queue) {
		xa_erase(&nfile->queues, handle);
		npu_queue_destroy(nfile, queue);
	}
	xa_destroy(&nfile->queues);
}

struct npu_queue *npu_queue_lookup(struct npu_file *nfile, u32 handle)
{
	struct npu_queue *queue;

	xa_lock(&nfile->queues);
	queue = xa_load(&nfile->queues, handle);
	if (queue)
		npu_queue_get(queue);
	xa_unlock(&nfile->queues);
	return queue;
}

u32 npu_queue_find_handle(struct npu_device *ndev, u32 context, u32 number)
{
	struct npu_queue *queue;
	u32 handle = 0;

	xa_lock_irq(&ndev->queues);
	queue = xa_load(&ndev->queues, number);
	if (queue && queue->context == context)
		handle = READ_ONCE(queue->handle);
	xa_unlock_irq(&ndev->queues);
	return handle;
}

u64 npu_queue_busy_ns(struct npu_queue *queue)
{
	if (queue->user)
		npu_userq_refresh(queue);
	guard(spinlock_irq)(&queue->lock);
	npu_queue_read_control(queue);
	return queue->busy_ns;
}

/* ---- ioctls ------------------------------------------------------------------ */

int npu_queue_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_queue_create *args = data;
	struct npu_queue *queue;
	struct npu_vm *vm;
	int ret;

	if ((args->flags & ~DRM_NPU_QUEUE_USER) || args->mbz ||
	    args->priority > DRM_NPU_PRIORITY_REALTIME)
		return -EINVAL;
	if (!(args->flags & DRM_NPU_QUEUE_USER) && (args->ring_va || args->ring_shift))
		return -EINVAL;
	if (args->priority > DRM_NPU_PRIORITY_NORMAL && !capable(CAP_SYS_NICE))
		return -EACCES;
	vm = npu_vm_lookup(nfile, args->vm);
	if (!vm)
		return -ENOENT;
	queue = npu_queue_create(nfile, vm, args);
	npu_vm_put(vm);
	if (IS_ERR(queue))
		return PTR_ERR(queue);
	args->control_va = 0;
	args->mmap_offset = 0;
	if (queue->user) {
		ret = npu_userq_publish(queue, file);
		if (ret) {
			npu_queue_destroy(nfile, queue);
			return ret;
		}
		args->control_va = NPU_QUEUE_VA(queue->number);
		args->mmap_offset = drm_vma_node_offset_addr(&queue->user->node);
	}
	queue->vm_handle = args->vm;
	/* xa_alloc() publishes it: the handle is written under the same lock. */
	xa_lock(&nfile->queues);
	ret = __xa_alloc(&nfile->queues, &queue->handle, queue, xa_limit_31b, GFP_KERNEL_ACCOUNT);
	if (!ret)
		args->queue = queue->handle;
	xa_unlock(&nfile->queues);
	if (ret)
		npu_queue_destroy(nfile, queue);
	return ret;
}

int npu_queue_destroy_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_queue_destroy *args = data;
	struct npu_queue *queue;

	if (args->mbz)
		return -EINVAL;
	queue = xa_erase(&nfile->queues, args->queue);
	if (!queue)
		return -ENOENT;
	npu_queue_destroy(nfile, queue);
	return 0;
}

int npu_queue_get_state_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_queue_get_state *args = data;
	struct npu_queue *queue;

	if (args->mbz)
		return -EINVAL;
	queue = npu_queue_lookup(nfile, args->queue);
	if (!queue)
		return -ENOENT;
	if (queue->user)
		npu_userq_refresh(queue);
	scoped_guard(spinlock_irq, &queue->lock) {
		npu_queue_read_control(queue);
		args->state = queue->state;
		args->error = queue->card_error;
		args->error_tag = queue->card_error_tag;
		args->error_va = queue->card_error_va;
		args->error_op = queue->card_error_op;
		args->jobs = queue->jobs_done;
		args->busy_ns = queue->busy_ns;
		args->energy_nj = queue->energy_nj;
	}
	npu_queue_put(queue);
	return 0;
}
