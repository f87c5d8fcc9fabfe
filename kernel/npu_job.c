// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Jobs. EXEC builds one, the DRM scheduler holds it until its dependencies
 * have signalled, npu_ring_write() hands it to the card, and its hardware
 * fence signals when the card is done.
 *
 * Everything that can fail happens before drm_sched_job_arm(): from there on
 * the job's fence may be waited for, and it will signal.
 */
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_exec.h>
#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_drv.h"
#include "npu_job.h"
#include "npu_fence.h"
#include "npu_queue.h"
#include "npu_queue_end.h"
#include "npu_ring.h"
#include "npu_sync.h"
#include "npu_trace.h"
#include "npu_turn.h"
#include "npu_user.h"
#include "npu_vm.h"

#define NPU_JOB_COMMANDS_MAX	64

/* ---- The scheduler's side -------------------------------------------------- */

static struct npu_job *to_npu_job(struct drm_sched_job *job)
{
	return container_of(job, struct npu_job, base);
}

static struct dma_fence *npu_job_run(struct drm_sched_job *base)
{
	struct npu_job *job = to_npu_job(base);
	struct npu_queue *queue = job->queue;
	int idx, ret = -ENODEV;

	scoped_guard(spinlock_irq, &queue->lock)
		list_add_tail(&job->link, &queue->jobs);
	if (drm_dev_enter(&queue->ndev->drm, &idx)) {
		ret = npu_ring_write(queue, job->fence, job->calls, job->count);
		drm_dev_exit(idx);
	}
	if (ret) {
		dma_fence_set_error(&job->fence->base, ret);
		dma_fence_signal(&job->fence->base);
	}
	return dma_fence_get(&job->fence->base);
}

/*
 * drm_sched_stop() has taken the hardware fences away from the jobs that were
 * not done. They get them back, so that drm_sched_start() waits for them, or
 * finds them signalled.
 */
static void npu_job_restore_fences(struct npu_queue *queue)
{
	struct npu_job *job;

	guard(spinlock_irq)(&queue->lock);
	list_for_each_entry(job, &queue->jobs, link)
		if (!job->base.s_fence->parent)
			job->base.s_fence->parent = dma_fence_get(&job->fence->base);
}

static enum drm_gpu_sched_stat npu_job_timed_out(struct drm_sched_job *base)
{
	struct npu_queue *queue = to_npu_job(base)->queue;

	if (!npu_stuck_end_if(queue)) {
#ifdef NPU_HAVE_SCHED_STAT_NO_HANG
		return DRM_GPU_SCHED_STAT_NO_HANG;
#endif
	}
	/* Gives the job that timed out back to the scheduler's list. */
	drm_sched_stop(&queue->sched, base);
	npu_job_restore_fences(queue);
	npu_compat_sched_start(&queue->sched);
	return NPU_COMPAT_STAT_RESET;
}

/* A job that was armed: run, or given up by its entity. */
static void npu_job_free(struct drm_sched_job *base)
{
	struct npu_job *job = to_npu_job(base);
	struct npu_fence *fence = job->fence;

	scoped_guard(spinlock_irq, &job->queue->lock)
		list_del_init(&job->link);
	/*
	 * The scheduler's fence has the queue's scheduler in its name. Its
	 * parent keeps that: a job that never ran needs one, too.
	 */
	if (!base->s_fence->parent)
		base->s_fence->parent = dma_fence_get(&fence->base);
	drm_sched_job_cleanup(base);
	kfree(job);
	dma_fence_put(&fence->base);
}

const struct drm_sched_backend_ops npu_sched_ops = {
	.run_job = npu_job_run,
	.timedout_job = npu_job_timed_out,
	.free_job = npu_job_free,
};

/* ---- EXEC ------------------------------------------------------------------ */

static struct npu_job *npu_job_create(struct npu_queue *queue, struct drm_file *file,
				      const struct drm_npu_command *commands, u32 count)
{
	struct npu_job *job;
	int ret = -ENOMEM;

	job = kzalloc(struct_size(job, calls, count), GFP_KERNEL_ACCOUNT);
	if (!job)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&job->link);
	job->queue = queue;
	job->count = count;
	for (u32 i = 0; i < count; i++) {
		job->calls[i].header.opcode = NPU_PACKET_CALL;
		job->calls[i].header.tag = i;
		job->calls[i].address = commands[i].va;
		job->calls[i].count = commands[i].count;
	}
	job->fence = npu_fence_create(queue);
	if (!job->fence)
		goto free;
	/* A credit for each CALL and one for the FENCE_SIGNAL. */
	ret = npu_compat_sched_job_init(&job->base, &queue->entity, count + 1, NULL,
					file->client_id);
	if (ret)
		goto put_fence;
	return job;

put_fence:
	dma_fence_put(&job->fence->base);
free:
	kfree(job);
	return ERR_PTR(ret);
}

/* A job that was not armed. */
static void npu_job_discard(struct npu_job *job)
{
	struct npu_fence *fence = job->fence;

	drm_sched_job_cleanup(&job->base);
	kfree(job);
	dma_fence_put(&fence->base);
}

/* drm_sched_job_add_syncobj_dependency() knows points of 32 bits only. */
static int npu_job_add_waits(struct npu_job *job, struct npu_syncs *syncs)
{
	for (u32 i = 0; i < syncs->wait_count; i++) {
		struct dma_fence *fence = syncs->waits[i];
		int ret;

		/* Takes the reference, also when it fails. */
		syncs->waits[i] = NULL;
		ret = drm_sched_job_add_dependency(&job->base, fence);
		if (ret)
			return ret;
	}
	return 0;
}

/* Hands the job over; @finished is its fence, referenced. On an error it is still ours. */
static int npu_job_push(struct npu_job *job, struct dma_fence **finished)
{
	struct npu_queue *queue = job->queue;
	struct drm_gpuvm_exec exec = {
		/* Two imports of one buffer share its reservation. */
		.flags = DRM_EXEC_INTERRUPTIBLE_WAIT | DRM_EXEC_IGNORE_DUPLICATES,
		.num_fences = 1,
	};
	enum npu_turn turn;
	struct npu_vm *vm;
	int ret;

	/* The queue's own reference ends when it is stopped. */
	scoped_guard(mutex, &queue->submit_lock) {
		if (queue->closing)
			return -ECANCELED;
		vm = npu_vm_get(queue->vm);
	}
	exec.vm = &vm->gpuvm;
	ret = npu_turn_lock_vm(queue->ndev, &exec, &turn);
	if (ret)
		goto put_vm;
	scoped_guard(mutex, &queue->submit_lock) {
		if (queue->closing || READ_ONCE(queue->error)) {
			ret = -ECANCELED;
			break;
		}
		drm_sched_job_arm(&job->base);
		*finished = dma_fence_get(&job->base.s_fence->finished);
		drm_gpuvm_exec_resv_add_fence(&exec, *finished, DMA_RESV_USAGE_BOOKKEEP,
					      DMA_RESV_USAGE_BOOKKEEP);
		trace_npu_job_exec(job->fence);
		drm_sched_entity_push_job(&job->base);
	}
	npu_turn_unlock_vm(queue->ndev, &exec, turn);
put_vm:
	npu_vm_put(vm);
	return ret;
}

static bool npu_job_commands_are_valid(const struct drm_npu_command *commands, u32 command_count)
{
	for (u32 i = 0; i < command_count; i++)
		if (commands[i].flags || !commands[i].count || commands[i].count > NPU_CALL_MAX ||
		    !IS_ALIGNED(commands[i].va, NPU_PACKET_SIZE) ||
		    commands[i].va < NPU_MMU_USER_START || commands[i].va >= NPU_MMU_USER_END)
			return false;
	return true;
}

static int npu_exec(struct npu_queue *queue, struct drm_file *file,
		    const struct drm_npu_exec *args, const struct drm_npu_command *commands,
		    const struct drm_npu_sync *sync_array)
{
	struct dma_fence *finished;
	struct npu_syncs syncs;
	struct npu_job *job;
	int ret;

	job = npu_job_create(queue, file, commands, args->commands.count);
	if (IS_ERR(job))
		return PTR_ERR(job);
	ret = npu_syncs_get(&syncs, file, sync_array, args->syncs.count);
	if (!ret)
		ret = npu_job_add_waits(job, &syncs);
	if (!ret)
		ret = npu_job_push(job, &finished);
	if (ret) {
		npu_job_discard(job);
	} else {
		npu_syncs_signal(&syncs, finished);
		dma_fence_put(finished);
	}
	npu_syncs_put(&syncs);
	return ret;
}

int npu_exec_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_file *nfile = file->driver_priv;
	struct drm_npu_exec *args = data;
	struct drm_npu_command *commands;
	struct npu_section section;
	struct drm_npu_sync *syncs;
	struct npu_queue *queue;
	int ret;

	if (args->flags)
		return -EINVAL;
	commands = npu_user_array(&args->commands, sizeof(*commands), NPU_JOB_COMMANDS_MAX);
	if (IS_ERR(commands))
		return PTR_ERR(commands);
	syncs = npu_sync_array(&args->syncs);
	if (IS_ERR(syncs)) {
		ret = PTR_ERR(syncs);
		goto free_commands;
	}
	ret = -EINVAL;
	if (!npu_job_commands_are_valid(commands, args->commands.count))
		goto free_syncs;
	ret = -ENOENT;
	queue = npu_queue_lookup(nfile, args->queue);
	if (!queue)
		goto free_syncs;
	ret = -EINVAL;
	if (queue->user)
		goto put_queue;
	ret = npu_enter(drm, file, &section);
	if (!ret) {
		ret = npu_exec(queue, file, args, commands, syncs);
		npu_exit(drm, &section);
	}
put_queue:
	npu_queue_put(queue);
free_syncs:
	kvfree(syncs);
free_commands:
	kvfree(commands);
	return ret;
}
