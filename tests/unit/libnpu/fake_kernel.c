// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "fake_model.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <npu/npu_graph.h>
#include <npu/npu_packet.h>

#include "device.h"

#define VA_START 0x10000ULL
#define VA_END (1ULL << 30)

struct fake fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .signalled = PTHREAD_COND_INITIALIZER };

void fake_reset(void)
{
	assert(fake_objects() == 0);
	fake_forget_descriptors();
	fake.counts = (struct fake_counts){ 0 };
	fake.last = &fake.first;
	fake.hold = fake.lost = fake.fail_job = false;
	fake.fail_at = 0;
	fake.open_ret = 0;
	fake_driver("npu", 1, 0);
}

unsigned int fake_objects(void)
{
	return fake.count + fake.files + (unsigned int)__builtin_popcount(fake.open);
}

struct fake_counts fake_counts(void)
{
	return fake.counts;
}

void fake_open_result(int ret)
{
	fake.open_ret = ret;
}

void fake_driver(const char *name, int major, int minor)
{
	snprintf(fake.driver.name, sizeof(fake.driver.name), "%s", name);
	fake.driver.major = major;
	fake.driver.minor = minor;
}

void fake_fail_request(unsigned int n, int ret)
{
	pthread_mutex_lock(&fake.lock);
	fake.fail_at = n ? fake.counts.requests + n : 0;
	fake.failed = false;
	fake.fail_ret = ret;
	pthread_mutex_unlock(&fake.lock);
}

void fake_fail_job(uint32_t state, uint32_t error, uint32_t op, int ret)
{
	fake.fail_job = true;
	fake.fail_state = state;
	fake.fail_error = error;
	fake.fail_op = op;
	fake.fail_job_ret = ret;
}

bool fake_request_failed(void)
{
	return fake.failed;
}

int fake_enter(void)
{
	int ret = 0;

	pthread_mutex_lock(&fake.lock);
	fake.counts.requests++;
	if (fake.lost) {
		ret = -ENODEV;
	} else if (fake.counts.requests == fake.fail_at) {
		ret = fake.fail_ret;
		fake.failed = true;
	}
	if (ret)
		pthread_mutex_unlock(&fake.lock);
	return ret;
}

int fake_leave(int ret)
{
	pthread_mutex_unlock(&fake.lock);
	return ret;
}

struct object *fake_find(uint32_t handle, enum kind kind)
{
	if (handle >= OBJECTS || fake.objects[handle].kind != kind)
		return NULL;
	return &fake.objects[handle];
}

struct object *fake_make(enum kind kind, uint32_t *handle)
{
	for (uint32_t i = 1; i < OBJECTS; i++) {
		if (fake.objects[i].kind)
			continue;
		fake.objects[i] = (struct object){ .kind = kind };
		fake.count++;
		fake.counts.objects_made++;
		*handle = i;
		return &fake.objects[i];
	}
	return NULL;
}

struct object fake_take(uint32_t handle, enum kind kind)
{
	struct object *o = fake_find(handle, kind), was;

	assert(o);
	was = *o;
	o->kind = NONE;
	fake.count--;
	return was;
}

/* The bytes at @va of a VM; NULL: fault. */
static uint8_t *translate(uint32_t vm, uint64_t va, uint64_t size, bool write_access)
{
	struct object *o = fake_find(vm, VM);

	for (struct mapping *m = o->mappings; m; m = m->next)
		if (va >= m->va && size <= m->size && va - m->va <= m->size - size &&
		    !(write_access && m->readonly))
			return m->memory->bytes + (va - m->va);
	return NULL;
}

/* Of the one operation. */
static uint32_t run_profile(uint32_t vm, const struct npu_packet_exec *exec)
{
	struct npu_profile_op *profile;

	if (!exec->profile)
		return NPU_QUEUE_ERROR_NONE;
	profile = (void *)translate(vm, exec->profile, exec->profile_count * sizeof(*profile), true);
	if (!profile)
		return NPU_QUEUE_ERROR_FAULT;
	assert(exec->profile_count == 1);
	profile->start_ns = ++fake.clock;
	profile->end_ns = ++fake.clock;
	profile->bytes = 48;
	profile->energy_pj = 1000;
	return NPU_QUEUE_ERROR_NONE;
}

/* y = x + w, of the graph of graph_builder.c */
static uint32_t run_program(uint32_t vm, const struct npu_packet_exec *exec)
{
	const struct npu_program *p = (void *)translate(vm, exec->program, exec->program_size, false);
	const struct npu_base *bases =
		(void *)translate(vm, exec->bases, exec->base_count * sizeof(*bases), false);
	const struct npu_tensor *t;
	const float *a, *b;
	float *y;

	if (!p || !bases)
		return NPU_QUEUE_ERROR_FAULT;
	if (p->magic != NPU_PROGRAM_MAGIC || p->size != exec->program_size ||
	    exec->base_count < p->base_count)
		return NPU_QUEUE_ERROR_PROGRAM;
	t = (const void *)((const uint8_t *)p + sizeof(*p) + sizeof(struct npu_op));
	if (!(bases[t[0].base].flags & NPU_BASE_WRITE) || !(bases[t[1].base].flags & NPU_BASE_READ) ||
	    bases[t[2].base].size < t[2].extent[1] * sizeof(*b))
		return NPU_QUEUE_ERROR_OPERAND;
	y = (void *)translate(vm, bases[t[0].base].va, bases[t[0].base].size, true);
	a = (void *)translate(vm, bases[t[1].base].va, bases[t[1].base].size, false);
	b = (void *)translate(vm, bases[t[2].base].va, bases[t[2].base].size, false);
	if (!y || !a || !b)
		return NPU_QUEUE_ERROR_FAULT;
	if (bases[NPU_GRAPH_BASE_SCRATCH].size &&
	    !translate(vm, bases[NPU_GRAPH_BASE_SCRATCH].va, bases[NPU_GRAPH_BASE_SCRATCH].size, true))
		return NPU_QUEUE_ERROR_FAULT;
	for (uint32_t i = 0; i < t[0].extent[1]; i++)
		y[i] = a[i] + b[i];
	return run_profile(vm, exec);
}

static uint32_t run_copy(uint32_t vm, const struct npu_packet_copy *copy)
{
	const uint8_t *from = translate(vm, copy->source, copy->size, false);
	uint8_t *to = translate(vm, copy->destination, copy->size, true);

	if (!from || !to)
		return NPU_QUEUE_ERROR_FAULT;
	memcpy(to, from, copy->size);
	return NPU_QUEUE_ERROR_NONE;
}

static uint32_t run_packet(uint32_t vm, const uint8_t *packet)
{
	const struct npu_packet_fence_signal *signal = (const void *)packet;
	const struct npu_packet_fill *fill = (const void *)packet;
	uint8_t *to;

	switch (packet[0]) {
	case NPU_PACKET_NOP:
		return NPU_QUEUE_ERROR_NONE;
	case NPU_PACKET_EXEC:
		return run_program(vm, (const void *)packet);
	case NPU_PACKET_COPY:
		return run_copy(vm, (const void *)packet);
	case NPU_PACKET_FILL:
		to = translate(vm, fill->destination, fill->size, true);
		for (uint64_t i = 0; to && i < fill->size; i += 4)
			memcpy(to + i, &fill->pattern, 4);
		return to ? NPU_QUEUE_ERROR_NONE : NPU_QUEUE_ERROR_FAULT;
	case NPU_PACKET_FENCE_SIGNAL:
		to = translate(vm, signal->address, 8, true);
		if (to)
			__atomic_store_n((uint64_t *)to, signal->value, __ATOMIC_RELEASE);
		return to ? NPU_QUEUE_ERROR_NONE : NPU_QUEUE_ERROR_FAULT;
	case NPU_PACKET_TIMESTAMP:
		to = translate(vm, signal->address, 8, true);
		if (to)
			*(uint64_t *)to = ++fake.clock;
		return to ? NPU_QUEUE_ERROR_NONE : NPU_QUEUE_ERROR_FAULT;
	default:
		return NPU_QUEUE_ERROR_PACKET;
	}
}

static void run_job(struct job *job)
{
	struct object *queue = fake_find(job->queue, QUEUE);
	uint32_t error = NPU_QUEUE_ERROR_NONE;
	int ret = 1;

	if (!queue || queue->state.state) {
		fake_fence_signal(job->fence, -ECANCELED);
		return;
	}
	if (fake.fail_job) {
		fake.fail_job = false;
		queue->state.state = fake.fail_state;
		queue->state.error = fake.fail_error;
		queue->state.error_op = fake.fail_op;
		queue->state.error_va = 0xdead000;
		fake_fence_signal(job->fence, fake.fail_job_ret);
		return;
	}
	for (uint32_t c = 0; !error && c < job->command_count; c++) {
		for (uint32_t i = 0; !error && i < job->commands[c].count; i++) {
			uint64_t va = job->commands[c].va + i * NPU_PACKET_SIZE;
			const uint8_t *packet = translate(queue->vm, va, NPU_PACKET_SIZE, false);

			error = packet ? run_packet(queue->vm, packet) : NPU_QUEUE_ERROR_FAULT;
		}
	}
	if (error) {
		queue->state.state = DRM_NPU_QUEUE_FAULTED;
		queue->state.error = error;
		ret = -EIO;
	} else {
		queue->state.jobs++;
		queue->state.busy_ns += 10;
	}
	fake_fence_signal(job->fence, ret);
}

static void free_job(struct job *job)
{
	for (uint32_t i = 0; i < job->wait_count; i++)
		fake_fence_put(job->waits[i]);
	fake_fence_put(job->fence);
	free(job);
}

static bool is_ready(const struct job *job)
{
	for (uint32_t i = 0; i < job->wait_count; i++)
		if (!job->waits[i]->status)
			return false;
	for (const struct job *before = fake.first; before != job; before = before->next)
		if (before->queue == job->queue)
			return false;
	return true;
}

/*
 * Whatever can run, does. The newest goes first, so that jobs of several
 * queues are in the order of submission only if something sees to it.
 */
static void run_jobs(void)
{
	struct job **at, **newest, *job;

	do {
		newest = NULL;
		for (at = &fake.first; *at; at = &(*at)->next)
			if (is_ready(*at))
				newest = at;
		if (newest) {
			job = *newest;
			*newest = job->next;
			run_job(job);
			free_job(job);
		}
	} while (newest);
	fake.last = at;
}

void fake_hold(bool hold)
{
	pthread_mutex_lock(&fake.lock);
	fake.hold = hold;
	pthread_mutex_unlock(&fake.lock);
}

void fake_run(void)
{
	pthread_mutex_lock(&fake.lock);
	run_jobs();
	pthread_mutex_unlock(&fake.lock);
}

/* All jobs, or those of one queue, end with @ret. */
static void end_jobs(uint32_t queue, int ret)
{
	struct job **at = &fake.first;

	while (*at) {
		struct job *job = *at;

		if (queue && job->queue != queue) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		fake_fence_signal(job->fence, ret);
		free_job(job);
	}
	fake.last = at;
}

void fake_lose_card(void)
{
	pthread_mutex_lock(&fake.lock);
	fake.lost = true;
	end_jobs(0, -ENODEV);
	pthread_cond_broadcast(&fake.signalled);
	pthread_mutex_unlock(&fake.lock);
}

void fake_lose_card_at_open(void)
{
	fake_fail_request(3, -ENODEV); /* open, version, query */
}

int fake_open(struct npu_device **device, struct npu_error *error)
{
	const struct npu_device_entry entry = {
		.serial = 7, .node = "/dev/accel/accel0", .bdf = "0000:01:00.0",
		.uuid = "4e505531-0000-8000-8000-000000000007",
	};

	return npu_device_open_entry(&entry, device, error);
}

/* ---- What ioctl.h declares ---- */

int npu_kernel_open(const char *node)
{
	int ret = fake_enter();
	int n = __builtin_ctz(~fake.open);

	if (ret)
		return ret;
	if (fake.open_ret)
		return fake_leave(fake.open_ret);
	fake.open |= 1U << n;
	return fake_leave(FIRST_FD + n);
}

/* A card, or one of the descriptors that the library made. */
void npu_kernel_close(int fd)
{
	pthread_mutex_lock(&fake.lock);
	if (fd < FIRST_FD) {
		fake.files--;
		fake_close_descriptor(fd);
	} else {
		assert(fake.open & 1U << (fd - FIRST_FD));
		fake.open &= ~(1U << (fd - FIRST_FD));
	}
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_driver(int fd, struct npu_kernel_driver *driver)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	*driver = fake.driver;
	return fake_leave(0);
}

int npu_kernel_query(int fd, uint32_t type, void *data, uint32_t size)
{
	const struct drm_npu_query_device device = {
		.abi = 0x10000, .hardware = 0x4e500001, .serial = 7, .capabilities = DRM_NPU_CAP_ECC,
		.va_end = VA_END, .tensor_engines = 1, .copy_engines = 1, .slots = 4,
		.queues_max = 64,
	};
	const struct drm_npu_query_memory memory[2] = {
		{ DRM_NPU_MEMORY_SYSTEM, PAGE, 1 << 30, 4096, 1 << 30 },
		{ DRM_NPU_MEMORY_DEVICE, PAGE, 1 << 20, 8192, 1 << 20 },
	};
	const struct drm_npu_query_firmware firmware = {
		.version = 0x01020003, .abi_min = 0x10000, .abi_max = 0x1ffff, .build_id = "abc",
	};
	const struct drm_npu_query_time now = { 5, 4, 6 };
	const struct drm_npu_query_telemetry telemetry = { .temperature_mc = -5000, .throttle = ~0U };
	const struct {
		const void *data;
		uint32_t size;
	} answers[] = {
		[DRM_NPU_QUERY_DEVICE] = { &device, sizeof(device) },
		[DRM_NPU_QUERY_MEMORY] = { memory, sizeof(memory) },
		[DRM_NPU_QUERY_FIRMWARE] = { &firmware, sizeof(firmware) },
		[DRM_NPU_QUERY_TIME] = { &now, sizeof(now) },
		[DRM_NPU_QUERY_TELEMETRY] = { &telemetry, sizeof(telemetry) },
	};
	int ret = fake_enter();

	if (ret)
		return ret;
	memcpy(data, answers[type].data, size < answers[type].size ? size : answers[type].size);
	return fake_leave((int)answers[type].size);
}

int npu_kernel_vm_create(int fd, uint32_t *vm)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	return fake_leave(fake_make(VM, vm) ? 0 : -ENOSPC);
}

void npu_kernel_vm_destroy(int fd, uint32_t vm)
{
	struct mapping *m, *next;

	pthread_mutex_lock(&fake.lock);
	for (m = fake_take(vm, VM).mappings; m; m = next) {
		next = m->next;
		fake_memory_put(m->memory);
		free(m);
	}
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_vm_map(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags)
{
	struct memory *memory;
	struct mapping *m;
	int ret = fake_enter();

	if (ret)
		return ret;
	/* Address 0, overlaps and odd sizes are the library's bugs. */
	memory = fake_find(bo, BO)->memory;
	assert(va && va % PAGE == 0 && size && size == memory->size && va + size <= VA_END);
	assert(!memory->vm || memory->vm == vm);
	for (m = fake_find(vm, VM)->mappings; m; m = m->next)
		assert(va + size <= m->va || m->va + m->size <= va);
	m = malloc(sizeof(*m));
	*m = (struct mapping){ fake_find(vm, VM)->mappings, va, size, memory,
			       flags & DRM_NPU_VM_MAP_READONLY };
	memory->refs++;
	fake_find(vm, VM)->mappings = m;
	return fake_leave(0);
}

int npu_kernel_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size)
{
	struct mapping **at, *m;

	/* Not fake_enter(): a failure here would leave a stale mapping in the model. */
	pthread_mutex_lock(&fake.lock);
	for (at = &fake_find(vm, VM)->mappings; (m = *at); at = &m->next) {
		if (m->va != va)
			continue;
		assert(m->size == size);
		*at = m->next;
		fake_memory_put(m->memory);
		free(m);
		break;
	}
	return fake_leave(fake.lost ? -ENODEV : 0);
}

int npu_kernel_vm_state(int fd, struct drm_npu_vm_get_state *state)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	assert(fake_find(state->vm, VM));
	for (uint32_t i = 1; i < OBJECTS; i++) {
		const struct object *o = &fake.objects[i];

		if (o->kind != QUEUE || o->vm != state->vm ||
		    o->state.error != NPU_QUEUE_ERROR_FAULT)
			continue;
		state->state = DRM_NPU_VM_FAULTED;
		state->fault_count++;
		state->fault_va = o->state.error_va;
		state->fault_info = 0x101;
	}
	return fake_leave(0);
}

int npu_kernel_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue)
{
	struct object *o;
	int ret = fake_enter();

	if (ret)
		return ret;
	if (priority >= DRM_NPU_PRIORITY_HIGH)
		return fake_leave(-EACCES);
	assert(fake_find(vm, VM));
	o = fake_make(QUEUE, queue);
	if (!o)
		return fake_leave(-ENOSPC);
	o->vm = vm;
	return fake_leave(0);
}

void npu_kernel_queue_destroy(int fd, uint32_t queue)
{
	pthread_mutex_lock(&fake.lock);
	fake_take(queue, QUEUE);
	end_jobs(queue, -ECANCELED);
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_queue_state(int fd, struct drm_npu_queue_get_state *state)
{
	uint32_t handle = state->queue;
	int ret = fake_enter();

	if (ret)
		return ret;
	*state = fake_find(handle, QUEUE)->state;
	state->queue = handle;
	return fake_leave(0);
}

static int attach(struct job *job, const struct drm_npu_sync *sync)
{
	struct object *o = fake_find(sync->handle, SYNCOBJ);
	struct fence *fence;

	assert(o);
	if (sync->flags == DRM_NPU_SYNC_SIGNAL && sync->point) {
		fake_add_point(o->syncobj, sync->point, job->fence);
	} else if (sync->flags == DRM_NPU_SYNC_SIGNAL) {
		fake_fence_put(o->syncobj->fence);
		o->syncobj->fence = job->fence;
		job->fence->refs++;
	} else {
		fence = sync->point ? fake_point_fence(o->syncobj, sync->point) : o->syncobj->fence;
		if (!fence)
			return -EINVAL;
		assert(job->wait_count < 16);
		fence->refs++;
		job->waits[job->wait_count++] = fence;
	}
	return 0;
}

int npu_kernel_exec(int fd, uint32_t queue, const struct drm_npu_command *commands,
		    uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct object *o;
	struct job *job;
	int ret = fake_enter();

	if (ret)
		return ret;
	o = fake_find(queue, QUEUE);
	assert(o && command_count && command_count <= 4);
	fake.counts.execs++;
	if (o->state.state)
		return fake_leave(-ECANCELED);
	job = calloc(1, sizeof(*job));
	job->queue = queue;
	memcpy(job->commands, commands, command_count * sizeof(*commands));
	job->command_count = command_count;
	job->fence = calloc(1, sizeof(*job->fence));
	job->fence->refs = 1;
	for (uint32_t i = 0; !ret && i < sync_count; i++)
		ret = attach(job, &syncs[i]);
	if (ret) {
		free_job(job);
		return fake_leave(ret);
	}
	*fake.last = job;
	fake.last = &job->next;
	if (!fake.hold)
		run_jobs();
	return fake_leave(0);
}

