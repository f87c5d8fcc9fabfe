// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The life of queues and of their jobs; see queue.h. */
#include "queue.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ioctl.h"

int npu_queue_create(struct npu_context *context, uint32_t priority, struct npu_queue **queue,
		     struct npu_error *error)
{
	struct npu_queue *q;
	int ret;

	if (!context || !queue)
		return npu_fail(error, -EINVAL, "npu_queue_create: no context or no place");
	if (priority > NPU_QUEUE_REALTIME)
		return npu_fail(error, -EINVAL, "cannot create a queue: there is no priority %u",
				priority);
	q = calloc(1, sizeof(*q));
	if (!q)
		return npu_fail(error, -ENOMEM, "cannot create a queue: no memory");
	ret = npu_kernel_queue_create(context->device->fd, context->vm, priority, &q->handle);
	if (ret) {
		free(q);
		if (ret == -EACCES)
			return npu_fail(error, ret,
					"cannot create a queue: priority %s needs CAP_SYS_NICE",
					priority == NPU_QUEUE_HIGH ? "high" : "realtime");
		if (ret == -ENOSPC)
			return npu_fail(error, ret,
					"cannot create a queue: all %u of the card are in use",
					context->device->info.queues_max);
		return npu_device_fail(context->device, error, ret, "cannot create a queue");
	}
	atomic_init(&q->refs, 1);
	pthread_mutex_init(&q->lock, NULL);
	q->context = npu_context_ref(context);
	npu_log(context->device, NPU_LOG_DEBUG, "queue %u: created, priority %u", q->handle, priority);
	*queue = q;
	return 0;
}

struct npu_queue *npu_queue_ref(struct npu_queue *queue)
{
	npu_ref_get(&queue->refs);
	return queue;
}

static void release_resources(struct npu_job *job)
{
	for (size_t i = 0; i < job->buffer_count; i++)
		npu_buffer_unref(job->buffers[i]);
	job->buffer_count = 0;
	npu_model_unref(job->model);
	job->model = NULL;
}

static void destroy_slab(struct npu_queue *queue, struct npu_slab *slab)
{
	for (int i = 0; i < NPU_SLAB_JOBS; i++) {
		struct npu_job *job = &slab->jobs[i];

		release_resources(job);
		npu_graph_unref(job->graph);
		npu_buffer_unref(job->profile);
		free(job->buffers);
		if (job->syncobj)
			npu_kernel_syncobj_destroy(queue->context->device->fd, job->syncobj);
	}
	npu_buffer_unref(slab->buffer);
	free(slab);
}

void npu_queue_unref(struct npu_queue *queue)
{
	struct npu_slab *slab, *next;

	if (!queue || !npu_ref_put(&queue->refs))
		return;
	npu_log(queue->context->device, NPU_LOG_DEBUG, "queue %u: destroyed after %llu jobs",
		queue->handle, (unsigned long long)queue->submitted);
	/* When this returns the card no longer touches memory of the queue's jobs. */
	npu_kernel_queue_destroy(queue->context->device->fd, queue->handle);
	for (slab = queue->slabs; slab; slab = next) {
		next = slab->next;
		destroy_slab(queue, slab);
	}
	npu_buffer_unref(queue->scratch);
	free(queue->syncs);
	pthread_mutex_destroy(&queue->lock);
	npu_context_unref(queue->context);
	free(queue);
}

static int add_slab(struct npu_queue *queue, struct npu_error *error)
{
	struct npu_slab *slab = calloc(1, sizeof(*slab));
	struct npu_slot *slots;
	void *data;
	int ret;

	if (!slab)
		return npu_fail(error, -ENOMEM, "cannot submit: no memory");
	ret = npu_buffer_create(queue->context, sizeof(*slots) * NPU_SLAB_JOBS,
				NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE, &slab->buffer, error);
	if (ret)
		goto err_free;
	ret = npu_buffer_map(slab->buffer, &data, error);
	if (ret)
		goto err_buffer;
	slots = data;
	for (int i = 0; i < NPU_SLAB_JOBS; i++) {
		struct npu_job *job = &slab->jobs[i];

		job->queue = queue;
		job->slot = &slots[i];
		job->slot_address = npu_buffer_address(slab->buffer) + i * sizeof(*slots);
		job->next = queue->free;
		queue->free = job;
	}
	slab->next = queue->slabs;
	queue->slabs = slab;
	return 0;
err_buffer:
	npu_buffer_unref(slab->buffer);
err_free:
	free(slab);
	return ret;
}

int npu_queue_take_job(struct npu_queue *queue, struct npu_job **job, struct npu_error *error)
{
	struct npu_job *j;
	int ret = 0;

	if (!queue->free)
		ret = add_slab(queue, error);
	if (ret)
		return ret;
	j = queue->free;
	if (!j->syncobj) {
		ret = npu_kernel_syncobj_create(queue->context->device->fd, &j->syncobj);
		if (ret)
			return npu_device_fail(queue->context->device, error, ret,
					       "cannot submit: no fence");
	}
	queue->free = j->next;
	j->next = NULL;
	j->number = queue->submitted + 1;
	*job = j;
	return 0;
}

void npu_queue_give_job(struct npu_queue *queue, struct npu_job *job)
{
	release_resources(job);
	npu_graph_unref(job->graph);
	job->graph = NULL;
	job->next = queue->free;
	queue->free = job;
}

void npu_queue_start_job(struct npu_queue *queue, struct npu_job *job, bool owned)
{
	queue->submitted = job->number;
	atomic_store(&job->result, NPU_JOB_RUNNING);
	job->owned = owned;
	job->in_flight = true;
	job->prev = queue->newest;
	if (queue->newest)
		queue->newest->next = job;
	else
		queue->oldest = job;
	queue->newest = job;
	if (owned) {
		atomic_store(&job->refs, 1);
		npu_queue_ref(queue);
	}
}

static void land(struct npu_queue *queue, struct npu_job *job)
{
	if (job->prev)
		job->prev->next = job->next;
	else
		queue->oldest = job->next;
	if (job->next)
		job->next->prev = job->prev;
	else
		queue->newest = job->prev;
	job->prev = NULL;
	job->next = NULL;
	job->in_flight = false;
	release_resources(job);
	if (!job->owned)
		npu_queue_give_job(queue, job);
}

void npu_queue_reap(struct npu_queue *queue)
{
	while (queue->oldest && npu_job_succeeded(queue->oldest)) {
		atomic_store(&queue->oldest->result, 0);
		land(queue, queue->oldest);
	}
}

void npu_queue_finish_job(struct npu_queue *queue, struct npu_job *job, int result)
{
	pthread_mutex_lock(&queue->lock);
	/* Another thread may have been here first. */
	if (job->in_flight) {
		atomic_store(&job->result, result);
		land(queue, job);
	}
	pthread_mutex_unlock(&queue->lock);
}

static const char *const causes[NPU_QUEUE_ERROR_COUNT] = {
	[NPU_QUEUE_ERROR_NONE] = "the card gave no reason",
	[NPU_QUEUE_ERROR_PACKET] = "a malformed packet",
	[NPU_QUEUE_ERROR_PROGRAM] = "a malformed program or operation",
	[NPU_QUEUE_ERROR_OPERAND] =
		"an operand outside its buffer, or of a wrong type or shape",
	[NPU_QUEUE_ERROR_KILLED] = "it was killed",
	[NPU_QUEUE_ERROR_TAIL] = "a wrong doorbell value",
	[NPU_QUEUE_ERROR_ECC] = "an uncorrectable memory error",
};

static void describe_cause(const struct drm_npu_queue_get_state *state, char *text, size_t size)
{
	if (state->state & DRM_NPU_QUEUE_INNOCENT)
		snprintf(text, size, "lost when the card was reset for a fault of somebody else");
	else if (state->state & DRM_NPU_QUEUE_TIMED_OUT)
		snprintf(text, size, "made no progress and was killed");
	else if (state->error == NPU_QUEUE_ERROR_FAULT)
		snprintf(text, size, "access to address 0x%llx, which is not mapped that way",
			 (unsigned long long)state->error_va);
	else
		snprintf(text, size, "%s",
			 state->error < NPU_QUEUE_ERROR_COUNT ? causes[state->error] :
								"an unknown error of the card");
}

/* "operation 3, 'conv1' (CONV)", or empty if the job has no such operation. */
static void describe_operation(const struct npu_job *job, uint32_t op, char *text, size_t size)
{
	uint32_t opcode, node;

	text[0] = '\0';
	if (job && job->graph && !npu_graph_operation(job->graph, op, &opcode, &node))
		snprintf(text, size, ", operation %u, '%.128s' (%s)", op,
			 npu_graph_node(job->graph, node), npu_op_name(opcode));
}

int npu_queue_autopsy(struct npu_queue *queue)
{
	struct drm_npu_queue_get_state state = { .queue = queue->handle };
	const struct npu_job *guilty;
	char cause[96], operation[192];
	int ret;

	if (queue->dead)
		return 0;
	ret = npu_kernel_queue_state(queue->context->device->fd, &state);
	if (ret || !state.state)
		return ret;
	for (guilty = queue->oldest; guilty && npu_job_succeeded(guilty); guilty = guilty->next)
		;
	describe_cause(&state, cause, sizeof(cause));
	describe_operation(guilty, state.error_op, operation, sizeof(operation));
	snprintf(queue->cause, sizeof(queue->cause), "job %llu%s: %s",
		 (unsigned long long)(guilty ? guilty->number : 0), operation, cause);
	npu_log(queue->context->device, NPU_LOG_WARNING, "queue %u is dead: %s", queue->handle,
		queue->cause);
	queue->card_gone = state.state & DRM_NPU_QUEUE_INNOCENT;
	queue->dead = true;
	return 0;
}

int npu_queue_status(struct npu_queue *queue, struct npu_error *error)
{
	int ret;

	if (!queue)
		return npu_fail(error, -EINVAL, "npu_queue_status: no queue");
	pthread_mutex_lock(&queue->lock);
	ret = npu_queue_autopsy(queue);
	if (!ret && queue->card_gone)
		ret = -ENODEV;
	if (ret)
		npu_device_fail(queue->context->device, error, ret, "cannot use the queue");
	else if (queue->dead)
		ret = npu_fail(error, -ECANCELED,
			       "the queue is dead: %s; make a new queue, models and buffers of the "
			       "context remain good",
			       queue->cause);
	pthread_mutex_unlock(&queue->lock);
	return ret;
}

uint32_t npu_queue_number(const struct npu_queue *queue)
{
	return queue->handle;
}

int npu_queue_usage(struct npu_queue *queue, struct npu_queue_usage *usage, struct npu_error *error)
{
	struct drm_npu_queue_get_state state = { 0 };
	int ret;

	if (!queue || !usage)
		return npu_fail(error, -EINVAL, "npu_queue_usage: no queue or no place");
	state.queue = queue->handle;
	ret = npu_kernel_queue_state(queue->context->device->fd, &state);
	if (ret)
		return npu_device_fail(queue->context->device, error, ret,
				       "cannot read the queue's usage");
	memset(usage, 0, sizeof(*usage));
	usage->jobs = state.jobs;
	usage->busy_ns = state.busy_ns;
	usage->energy_nj = state.energy_nj;
	return 0;
}
