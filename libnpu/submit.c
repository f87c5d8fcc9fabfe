// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Submission: every _submit function checks its arguments, then begin(), then
 * writes packets into the job's slot, then commit(), which appends the packet
 * that marks completion and hands all to the kernel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ioctl.h"
#include "queue.h"
#include "timeline.h"

#define SYNCS_MAX 1000 /* EXEC takes 1024 */
#define BINDING_ALIGN 64
#define TRANSFER_MAX (1ULL << 40) /* of a COPY or FILL packet */

struct submission {
	struct npu_queue *queue;
	struct npu_job *job;
	const struct npu_submit_options *options;
	struct drm_npu_command commands[3];
	uint32_t command_count;
	uint32_t slot_packets; /* written so far */
	uint32_t slot_commands; /* of them, in commands[] */
	uint32_t sync_count;
	uint32_t fence_count; /* the first syncs are the fences', see drop_fences() */
	struct npu_error *error;
};

static const struct npu_submit_options no_options;

static int check_points(const struct npu_queue *queue, const struct npu_point *points, size_t count,
			const char *what, struct npu_error *error)
{
	for (size_t i = 0; i < count; i++)
		if (!points[i].timeline || !points[i].value ||
		    points[i].timeline->device != queue->context->device)
			return npu_fail(error, -EINVAL,
					"cannot submit: point %zu to %s has no value, or its timeline is "
					"absent or of another device handle",
					i, what);
	return 0;
}

static int check_after(const struct npu_queue *queue, const struct npu_submit_options *options,
		       struct npu_error *error)
{
	for (size_t i = 0; i < options->after_count; i++)
		if (!options->after[i] ||
		    options->after[i]->queue->context->device != queue->context->device)
			return npu_fail(error, -EINVAL,
					"cannot submit: job %zu to wait for is absent or of another "
					"device handle",
					i);
	return 0;
}

static int check_options(const struct npu_queue *queue, const struct npu_submit_options *options,
			 struct npu_error *error)
{
	const size_t counts[] = {
		options->after_count, options->wait_count, options->signal_count,
		options->fence_count,
	};
	const void *const arrays[] = {
		options->after, options->wait, options->signal, options->fences,
	};
	size_t left = SYNCS_MAX;
	int ret;

	for (size_t i = 0; i < sizeof(options->reserved) / sizeof(options->reserved[0]); i++)
		if (options->reserved[i] || options->mbz)
			return npu_fail(error, -EINVAL,
					"cannot submit: reserved options are not zero");
	if (options->flags & ~(uint32_t)NPU_SUBMIT_PROFILE)
		return npu_fail(error, -EINVAL,
				"cannot submit: flags 0x%x are not known to libnpu %s",
				options->flags & ~(uint32_t)NPU_SUBMIT_PROFILE, NPU_VERSION);
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (counts[i] > left || (counts[i] && !arrays[i]))
			return npu_fail(error, -EINVAL,
					"cannot submit: at most %d jobs, points and fences to wait for "
					"and to signal, and each list must be there",
					SYNCS_MAX);
		left -= counts[i];
	}
	ret = check_after(queue, options, error);
	if (!ret)
		ret = check_points(queue, options->wait, options->wait_count, "wait for", error);
	if (!ret)
		ret = check_points(queue, options->signal, options->signal_count, "reach", error);
	return ret;
}

static int reserve_syncs(struct npu_queue *queue, size_t count, struct npu_error *error)
{
	struct drm_npu_sync *bigger;

	if (count <= queue->sync_room)
		return 0;
	bigger = realloc(queue->syncs, count * sizeof(*bigger));
	if (!bigger)
		return npu_fail(error, -ENOMEM, "cannot submit: no memory");
	queue->syncs = bigger;
	queue->sync_room = count;
	return 0;
}

/* EXEC has taken the fences, or will not be called. */
static void drop_fences(struct submission *s)
{
	while (s->fence_count)
		npu_kernel_syncobj_destroy(s->queue->context->device->fd,
					   s->queue->syncs[--s->fence_count].handle);
}

static void add_sync(struct submission *s, uint32_t flags, uint32_t handle, uint64_t point)
{
	s->queue->syncs[s->sync_count++] = (struct drm_npu_sync){
		.flags = flags, .handle = handle, .point = point,
	};
}

/* sync_files are waited for through syncobjs that hold their fences. */
static int gather_fences(struct submission *s)
{
	struct npu_device *device = s->queue->context->device;
	uint32_t handle;
	int ret = 0;

	for (size_t i = 0; i < s->options->fence_count; i++) {
		ret = npu_kernel_syncobj_create(device->fd, &handle);
		if (ret)
			return npu_device_fail(device, s->error, ret, "cannot submit: no fence");
		add_sync(s, DRM_NPU_SYNC_WAIT, handle, 0);
		s->fence_count++;
		ret = npu_kernel_syncobj_import(device->fd, handle, s->options->fences[i]);
		if (ret == -EINVAL || ret == -EBADF)
			return npu_fail(s->error, -EINVAL,
					"cannot submit: descriptor %d to wait for is no sync_file",
					s->options->fences[i]);
		if (ret)
			return npu_device_fail(device, s->error, ret,
					       "cannot submit: cannot import the fence of descriptor %d",
					       s->options->fences[i]);
	}
	return 0;
}

static int gather_signals(struct submission *s)
{
	for (size_t i = 0; i < s->options->signal_count; i++) {
		const struct npu_point *p = &s->options->signal[i];

		if (!npu_timeline_is_next(p->timeline, p->value))
			return npu_fail(s->error, -EINVAL,
					"cannot submit: point %llu to reach: points of a timeline go "
					"up, and it has, or will have, reached it",
					(unsigned long long)p->value);
		add_sync(s, DRM_NPU_SYNC_SIGNAL, p->timeline->syncobj, p->value);
	}
	add_sync(s, DRM_NPU_SYNC_SIGNAL, s->job->syncobj, 0);
	return 0;
}

static int gather_syncs(struct submission *s)
{
	const struct npu_submit_options *options = s->options;
	struct npu_queue *queue = s->queue;
	int ret = reserve_syncs(queue, options->after_count + options->wait_count +
					       options->signal_count + options->fence_count + 1,
				s->error);

	if (!ret)
		ret = gather_fences(s);
	if (ret)
		return ret;
	for (size_t i = 0; i < options->after_count; i++) {
		const struct npu_job *job = options->after[i];

		/* Jobs of one queue run in order anyway. */
		if (job->queue != queue && !npu_job_succeeded(job))
			add_sync(s, DRM_NPU_SYNC_WAIT, job->syncobj, 0);
	}
	for (size_t i = 0; i < options->wait_count; i++)
		add_sync(s, DRM_NPU_SYNC_WAIT, options->wait[i].timeline->syncobj,
			 options->wait[i].value);
	return gather_signals(s);
}

/* The next packet of the slot, zeroed but for its header. */
static void *packet(struct submission *s, uint8_t opcode)
{
	uint8_t *p = s->job->slot->packets[s->slot_packets++];
	const struct npu_packet_header header = {
		.opcode = opcode, .tag = (uint32_t)s->job->number,
	};

	memset(p, 0, NPU_PACKET_SIZE);
	memcpy(p, &header, sizeof(header));
	return p;
}

/* For a job that is profiled: the card's time goes to @offset of the slot. */
static void add_timestamp(struct submission *s, size_t offset)
{
	struct npu_packet_timestamp *timestamp;

	if (!s->job->profiled)
		return;
	timestamp = packet(s, NPU_PACKET_TIMESTAMP);
	timestamp->address = s->job->slot_address + offset;
}

static int cancel(struct submission *s, int ret)
{
	drop_fences(s);
	npu_queue_give_job(s->queue, s->job);
	pthread_mutex_unlock(&s->queue->lock);
	return ret;
}

/* On success queue->lock is held until commit() or cancel(). */
static int begin(struct submission *s, struct npu_queue *queue,
		 const struct npu_submit_options *options, struct npu_error *error)
{
	int ret;

	*s = (struct submission){
		.queue = queue, .options = options ? options : &no_options, .error = error,
	};
	ret = check_options(queue, s->options, error);
	if (ret)
		return ret;
	pthread_mutex_lock(&queue->lock);
	npu_queue_reap(queue);
	ret = npu_queue_take_job(queue, &s->job, error);
	if (ret) {
		pthread_mutex_unlock(&queue->lock);
		return ret;
	}
	ret = gather_syncs(s);
	if (ret)
		return cancel(s, ret);
	s->job->profiled = s->options->flags & NPU_SUBMIT_PROFILE;
	s->job->transfer_bytes = 0;
	add_timestamp(s, offsetof(struct npu_slot, start_ns));
	return 0;
}

static void add_command(struct submission *s, uint64_t va, uint32_t count)
{
	s->commands[s->command_count++] = (struct drm_npu_command){ .va = va, .count = count };
}

/* The packets that were written since the last time. */
static void add_slot_packets(struct submission *s)
{
	uint64_t packets = s->job->slot_address + offsetof(struct npu_slot, packets);

	if (s->slot_packets == s->slot_commands)
		return;
	add_command(s, packets + s->slot_commands * NPU_PACKET_SIZE,
		    s->slot_packets - s->slot_commands);
	s->slot_commands = s->slot_packets;
}

/* The job keeps @buffer until it is done. */
static int keep(struct submission *s, struct npu_buffer *buffer)
{
	struct npu_job *job = s->job;

	if (job->buffer_count == job->buffer_room) {
		size_t room = job->buffer_room ? job->buffer_room * 2 : 8;
		struct npu_buffer **bigger = realloc(job->buffers, room * sizeof(*bigger));

		if (!bigger)
			return npu_fail(s->error, -ENOMEM, "cannot submit: no memory");
		job->buffers = bigger;
		job->buffer_room = room;
	}
	job->buffers[job->buffer_count++] = npu_buffer_ref(buffer);
	return 0;
}

static int fail_exec(struct submission *s, int ret)
{
	struct npu_queue *queue = s->queue;

	if (ret == -ECANCELED)
		npu_queue_autopsy(queue);
	if (ret == -ECANCELED && queue->dead)
		npu_fail(s->error, ret,
			 "cannot submit: the queue is dead: %s; make a new queue, models and "
			 "buffers of the context remain good",
			 queue->cause);
	else if (ret == -EINVAL && s->options->wait_count)
		npu_fail(s->error, ret,
			 "cannot submit: a timeline has no such point to wait for: submit the job "
			 "that reaches it first");
	else
		npu_device_fail(queue->context->device, s->error, ret, "cannot submit");
	return cancel(s, ret);
}

/* Ends the submission, well or not. */
static int commit(struct submission *s, struct npu_job **job)
{
	struct npu_packet_fence_signal *done;
	struct npu_queue *queue = s->queue;
	int ret;

	add_timestamp(s, offsetof(struct npu_slot, end_ns));
	done = packet(s, NPU_PACKET_FENCE_SIGNAL);
	done->address = s->job->slot_address + offsetof(struct npu_slot, done);
	done->value = s->job->number;
	add_slot_packets(s);
	/* The kernel's barrier before the doorbell orders the slot's writes. */
	ret = npu_kernel_exec(queue->context->device->fd, queue->handle, s->commands,
			      s->command_count, queue->syncs, s->sync_count);
	if (ret)
		return fail_exec(s, ret);
	drop_fences(s);
	for (size_t i = 0; i < s->options->signal_count; i++)
		npu_timeline_passed(s->options->signal[i].timeline, s->options->signal[i].value);
	npu_queue_start_job(queue, s->job, job != NULL);
	if (job)
		*job = s->job;
	pthread_mutex_unlock(&queue->lock);
	return 0;
}

static bool overlap(const struct npu_binding *a, uint64_t a_size, const struct npu_binding *b,
		    uint64_t b_size)
{
	return a->buffer == b->buffer && a->offset < b->offset + b_size &&
	       b->offset < a->offset + a_size;
}

static const char *direction(const struct npu_graph *graph, size_t i)
{
	return i < graph->info.inputs ? "input" : "output";
}

static int check_bindings(const struct npu_context *context, const struct npu_graph *graph,
			  const struct npu_binding *bindings, size_t count, struct npu_error *error)
{
	size_t expected = graph->info.inputs + graph->info.outputs;

	if (count != expected || !bindings)
		return npu_fail(error, -EINVAL,
				"cannot submit '%s': %zu bindings, it has %u inputs and %u outputs",
				graph->info.name, count, graph->info.inputs, graph->info.outputs);
	for (size_t i = 0; i < count; i++) {
		const struct npu_graph_port *port = &graph->ports[i];
		const struct npu_binding *b = &bindings[i];

		if (!b->buffer || b->buffer->context != context)
			return npu_fail(error, -EINVAL,
					"cannot submit '%s': the buffer for %s '%s' is absent or of "
					"another context",
					graph->info.name, direction(graph, i), port->name);
		if (b->offset % BINDING_ALIGN || port->size > b->buffer->object->size ||
		    b->offset > b->buffer->object->size - port->size)
			return npu_fail(error, -EINVAL,
					"cannot submit '%s': %s '%s' of %llu bytes at offset %llu of a "
					"buffer of %llu bytes: must fit and be at a multiple of %d",
					graph->info.name, direction(graph, i), port->name,
					(unsigned long long)port->size,
					(unsigned long long)b->offset,
					(unsigned long long)b->buffer->object->size, BINDING_ALIGN);
		/* Only outputs are compared, each with all before it: inputs may share memory. */
		for (size_t j = 0; i >= graph->info.inputs && j < i; j++)
			if (overlap(b, port->size, &bindings[j], graph->ports[j].size))
				return npu_fail(error, -EINVAL,
						"cannot submit '%s': output '%s' overlaps %s '%s'",
						graph->info.name, port->name, direction(graph, j),
						graph->ports[j].name);
	}
	return 0;
}

/*
 * Memory for intermediate results, for the largest model so far. One for the
 * queue is enough, as its jobs run one after another; jobs in flight keep a
 * smaller one that is replaced.
 */
static int provide_scratch(struct submission *s, uint64_t size)
{
	struct npu_queue *queue = s->queue;
	struct npu_buffer *scratch;
	int ret;

	if (!size)
		return 0;
	if (!queue->scratch || queue->scratch->object->size < size) {
		ret = npu_buffer_create(queue->context, size, NPU_BUFFER_DEVICE, &scratch, s->error);
		if (ret)
			return ret;
		npu_buffer_unref(queue->scratch);
		queue->scratch = scratch;
	}
	return keep(s, queue->scratch);
}

static void write_bases(struct submission *s, const struct npu_model *model,
			const struct npu_binding *bindings)
{
	const struct npu_graph *graph = model->graph;
	struct npu_base *bases = s->job->slot->bases;

	bases[NPU_GRAPH_BASE_WEIGHTS] = (struct npu_base){
		.va = model->weights ?
			      npu_buffer_address(model->weights) + model->weights_offset : 0,
		.size = graph->info.weights_size,
		.flags = NPU_BASE_READ,
	};
	bases[NPU_GRAPH_BASE_SCRATCH] = (struct npu_base){
		.va = graph->info.scratch_size ? npu_buffer_address(s->queue->scratch) : 0,
		.size = graph->info.scratch_size,
		.flags = NPU_BASE_READ | NPU_BASE_WRITE,
	};
	for (uint32_t i = 0; i < graph->info.inputs + graph->info.outputs; i++)
		bases[NPU_GRAPH_BASE_IO + i] = (struct npu_base){
			.va = npu_buffer_address(bindings[i].buffer) + bindings[i].offset,
			.size = graph->ports[i].size,
			.flags = i < graph->info.inputs ? NPU_BASE_READ : NPU_BASE_WRITE,
		};
}

int npu_submit(struct npu_queue *queue, struct npu_model *model,
	       const struct npu_binding *bindings, size_t binding_count,
	       const struct npu_submit_options *options, struct npu_job **job,
	       struct npu_error *error)
{
	struct npu_packet_exec *exec;
	struct npu_graph *graph;
	struct submission s;
	int ret;

	if (!queue || !model)
		return npu_fail(error, -EINVAL, "npu_submit: no queue or no model");
	graph = model->graph;
	if (model->context != queue->context)
		return npu_fail(error, -EINVAL,
				"cannot submit '%s': it was loaded into another context than the "
				"queue's",
				graph->info.name);
	ret = check_bindings(queue->context, graph, bindings, binding_count, error);
	if (ret)
		return ret;
	ret = begin(&s, queue, options, error);
	if (ret)
		return ret;
	s.job->model = npu_model_ref(model);
	s.job->graph = npu_graph_ref(graph);
	ret = provide_scratch(&s, graph->info.scratch_size);
	for (size_t i = 0; !ret && i < binding_count; i++)
		ret = keep(&s, bindings[i].buffer);
	if (!ret && s.job->profiled)
		ret = npu_job_provide_profile(s.job, graph->info.operations, error);
	if (ret)
		return cancel(&s, ret);
	write_bases(&s, model, bindings);
	exec = packet(&s, NPU_PACKET_EXEC);
	exec->program = npu_buffer_address(model->code);
	exec->program_size = (uint32_t)graph->info.code_size;
	exec->bases = s.job->slot_address + offsetof(struct npu_slot, bases);
	exec->base_count = graph->base_count;
	if (s.job->profiled) {
		exec->profile = npu_buffer_address(s.job->profile);
		exec->profile_count = graph->info.operations;
	}
	return commit(&s, job);
}

/* Is [offset, offset + size) in @buffer, and @buffer in the queue's context? */
static int check_range(const struct npu_queue *queue, const struct npu_buffer *buffer,
		       uint64_t offset, uint64_t size, const char *what, struct npu_error *error)
{
	if (!buffer || buffer->context != queue->context)
		return npu_fail(error, -EINVAL,
				"cannot submit: the buffer to %s is absent or of another context", what);
	if (!size || size > TRANSFER_MAX || size > buffer->object->size || offset > buffer->object->size - size)
		return npu_fail(error, -EINVAL,
				"cannot submit: %llu bytes at offset %llu to %s are not in the buffer "
				"of %llu bytes",
				(unsigned long long)size, (unsigned long long)offset, what,
				(unsigned long long)buffer->object->size);
	return 0;
}

int npu_submit_copy(struct npu_queue *queue, struct npu_buffer *to, uint64_t to_offset,
		    struct npu_buffer *from, uint64_t from_offset, uint64_t size,
		    const struct npu_submit_options *options, struct npu_job **job,
		    struct npu_error *error)
{
	struct npu_packet_copy *copy;
	struct submission s;
	int ret;

	if (!queue)
		return npu_fail(error, -EINVAL, "npu_submit_copy: no queue");
	ret = check_range(queue, to, to_offset, size, "copy to", error);
	if (!ret)
		ret = check_range(queue, from, from_offset, size, "copy from", error);
	if (ret)
		return ret;
	if (to == from && to_offset < from_offset + size && from_offset < to_offset + size)
		return npu_fail(error, -EINVAL, "cannot submit: source and destination overlap");
	ret = begin(&s, queue, options, error);
	if (ret)
		return ret;
	ret = keep(&s, to);
	if (!ret)
		ret = keep(&s, from);
	if (ret)
		return cancel(&s, ret);
	copy = packet(&s, NPU_PACKET_COPY);
	copy->source = npu_buffer_address(from) + from_offset;
	copy->destination = npu_buffer_address(to) + to_offset;
	copy->size = size;
	s.job->transfer_bytes = 2 * size;
	return commit(&s, job);
}

int npu_submit_fill(struct npu_queue *queue, struct npu_buffer *buffer, uint64_t offset,
		    uint64_t size, uint32_t pattern, const struct npu_submit_options *options,
		    struct npu_job **job, struct npu_error *error)
{
	struct npu_packet_fill *fill;
	struct submission s;
	int ret;

	if (!queue)
		return npu_fail(error, -EINVAL, "npu_submit_fill: no queue");
	ret = check_range(queue, buffer, offset, size, "fill", error);
	if (ret)
		return ret;
	if (offset % 4 || size % 4)
		return npu_fail(error, -EINVAL,
				"cannot submit: offset and size to fill must be multiples of 4");
	ret = begin(&s, queue, options, error);
	if (ret)
		return ret;
	ret = keep(&s, buffer);
	if (ret)
		return cancel(&s, ret);
	fill = packet(&s, NPU_PACKET_FILL);
	fill->destination = npu_buffer_address(buffer) + offset;
	fill->size = size;
	fill->pattern = pattern;
	s.job->transfer_bytes = size;
	return commit(&s, job);
}

int npu_submit_packets(struct npu_queue *queue, struct npu_buffer *buffer, uint64_t offset,
		       uint32_t count, const struct npu_submit_options *options,
		       struct npu_job **job, struct npu_error *error)
{
	struct submission s;
	int ret;

	if (!queue)
		return npu_fail(error, -EINVAL, "npu_submit_packets: no queue");
	if (!count || count > NPU_CALL_MAX || offset % NPU_PACKET_SIZE)
		return npu_fail(error, -EINVAL,
				"cannot submit: %u packets at offset %llu: 1 to %u at a multiple of %u",
				count, (unsigned long long)offset, NPU_CALL_MAX, NPU_PACKET_SIZE);
	ret = check_range(queue, buffer, offset, (uint64_t)count * NPU_PACKET_SIZE, "read packets",
			  error);
	if (ret)
		return ret;
	ret = begin(&s, queue, options, error);
	if (ret)
		return ret;
	ret = keep(&s, buffer);
	if (ret)
		return cancel(&s, ret);
	add_slot_packets(&s);
	add_command(&s, npu_buffer_address(buffer) + offset, count);
	return commit(&s, job);
}
