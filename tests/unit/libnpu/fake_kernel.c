// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "fake_kernel.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <npu/npu_graph.h>
#include <npu/npu_packet.h>

#include "device.h"
#include "ioctl.h"

#define PAGE 4096ULL
#define OBJECTS 4096
#define VA_START 0x10000ULL
#define VA_END (1ULL << 30)

struct fence {
	unsigned int refs;
	int status; /* 0 pending, 1 done, negative: error */
	int files[8]; /* eventfds to raise */
	unsigned int file_count;
};

enum kind { NONE, BO, VM, QUEUE, SYNCOBJ };

struct mapping {
	struct mapping *next;
	uint64_t va;
	uint64_t size;
	uint32_t bo;
	bool readonly;
};

struct object {
	enum kind kind;
	/* BO */
	uint8_t *memory;
	uint64_t size;
	bool visible;
	/* VM */
	struct mapping *mappings;
	/* QUEUE */
	uint32_t vm;
	struct drm_npu_queue_get_state state;
	/* SYNCOBJ */
	struct fence *fence;
};

struct job {
	struct job *next;
	uint32_t queue;
	struct drm_npu_command commands[4];
	uint32_t command_count;
	struct fence *waits[16];
	uint32_t wait_count;
	struct fence *fence;
};

static struct {
	pthread_mutex_t lock;
	pthread_cond_t signalled;
	struct object objects[OBJECTS]; /* by handle */
	unsigned int count, files, open;
	struct fake_counts counts;
	struct job *first, **last;
	bool hold, lost, failed;
	unsigned int fail_at;
	int fail_ret, open_ret;
	struct npu_kernel_driver driver;
	bool fail_job;
	uint32_t fail_state, fail_error, fail_op;
	int fail_job_ret;
} fake = { .lock = PTHREAD_MUTEX_INITIALIZER, .signalled = PTHREAD_COND_INITIALIZER };

void fake_reset(void)
{
	assert(fake_objects() == 0);
	fake.counts = (struct fake_counts){ 0 };
	fake.last = &fake.first;
	fake.hold = fake.lost = fake.fail_job = false;
	fake.fail_at = 0;
	fake.open_ret = 0;
	fake_driver("npu", 1, 0);
}

unsigned int fake_objects(void)
{
	return fake.count + fake.files + fake.open;
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

/* Begins each request: takes the lock on success. */
static int enter(void)
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

static int leave(int ret)
{
	pthread_mutex_unlock(&fake.lock);
	return ret;
}

static struct object *find(uint32_t handle, enum kind kind)
{
	if (handle >= OBJECTS || fake.objects[handle].kind != kind)
		return NULL;
	return &fake.objects[handle];
}

static struct object *make(enum kind kind, uint32_t *handle)
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

/* Frees the object; closing works on a lost card too. */
static struct object take(uint32_t handle, enum kind kind)
{
	struct object *o = find(handle, kind), was;

	assert(o);
	was = *o;
	o->kind = NONE;
	fake.count--;
	return was;
}

static void fence_put(struct fence *f)
{
	if (!f || --f->refs)
		return;
	for (unsigned int i = 0; i < f->file_count; i++)
		close(f->files[i]);
	free(f);
}

static void fence_signal(struct fence *f, int status)
{
	const uint64_t one = 1;

	if (f->status)
		return;
	f->status = status;
	for (unsigned int i = 0; i < f->file_count; i++)
		assert(write(f->files[i], &one, sizeof(one)) == sizeof(one));
	pthread_cond_broadcast(&fake.signalled);
}

/* The bytes at @va of a VM; NULL: fault. */
static uint8_t *translate(uint32_t vm, uint64_t va, uint64_t size, bool write_access)
{
	struct object *o = find(vm, VM);

	for (struct mapping *m = o->mappings; m; m = m->next)
		if (va >= m->va && size <= m->size && va - m->va <= m->size - size &&
		    !(write_access && m->readonly))
			return find(m->bo, BO)->memory + (va - m->va);
	return NULL;
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
	return NPU_QUEUE_ERROR_NONE;
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
	default:
		return NPU_QUEUE_ERROR_PACKET;
	}
}

static void run_job(struct job *job)
{
	struct object *queue = find(job->queue, QUEUE);
	uint32_t error = NPU_QUEUE_ERROR_NONE;
	int ret = 1;

	if (!queue || queue->state.state) {
		fence_signal(job->fence, -ECANCELED);
		return;
	}
	if (fake.fail_job) {
		fake.fail_job = false;
		queue->state.state = fake.fail_state;
		queue->state.error = fake.fail_error;
		queue->state.error_op = fake.fail_op;
		queue->state.error_va = 0xdead000;
		fence_signal(job->fence, fake.fail_job_ret);
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
	fence_signal(job->fence, ret);
}

static void free_job(struct job *job)
{
	for (uint32_t i = 0; i < job->wait_count; i++)
		fence_put(job->waits[i]);
	fence_put(job->fence);
	free(job);
}

/* Whatever can run, does; in the order of submission for each queue. */
static void run_jobs(void)
{
	struct job **at = &fake.first;

	while (*at) {
		struct job *job = *at;
		bool ready = true;

		for (uint32_t i = 0; i < job->wait_count; i++)
			ready = ready && job->waits[i]->status;
		for (struct job *before = fake.first; before != job; before = before->next)
			ready = ready && before->queue != job->queue;
		if (!ready) {
			at = &job->next;
			continue;
		}
		*at = job->next;
		if (!*at)
			fake.last = at;
		run_job(job);
		free_job(job);
		at = &fake.first; /* it may have been waited for */
	}
	for (fake.last = &fake.first; *fake.last; fake.last = &(*fake.last)->next)
		;
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
		fence_signal(job->fence, ret);
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
	int ret = enter();

	if (ret)
		return ret;
	if (!fake.open_ret)
		fake.open++;
	return leave(fake.open_ret ? fake.open_ret : 1000);
}

void npu_kernel_close(int fd)
{
	assert(fd == 1000);
	pthread_mutex_lock(&fake.lock);
	fake.open--;
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_driver(int fd, struct npu_kernel_driver *driver)
{
	int ret = enter();

	if (ret)
		return ret;
	*driver = fake.driver;
	return leave(0);
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
	int ret = enter();

	if (ret)
		return ret;
	memcpy(data, answers[type].data, size < answers[type].size ? size : answers[type].size);
	return leave((int)answers[type].size);
}

int npu_kernel_bo_create(int fd, uint64_t *size, uint32_t placement, uint32_t flags, uint32_t vm,
			 uint32_t *handle)
{
	struct object *o;
	int ret = enter();

	if (ret)
		return ret;
	assert(find(vm, VM));
	*size = (*size + PAGE - 1) & ~(PAGE - 1);
	if (placement == DRM_NPU_MEMORY_DEVICE && *size > (1 << 20) - 8192)
		return leave(-ENOSPC);
	o = make(BO, handle);
	if (!o)
		return leave(-ENOMEM);
	o->memory = aligned_alloc(PAGE, *size);
	memset(o->memory, 0, *size);
	o->size = *size;
	o->visible = flags & DRM_NPU_BO_CPU_VISIBLE;
	return leave(0);
}

int npu_kernel_bo_map(int fd, uint32_t handle, uint64_t size, void **address)
{
	int ret = enter();

	if (ret)
		return ret;
	assert(find(handle, BO)->visible && find(handle, BO)->size == size);
	fake.files++;
	fake.counts.objects_made++;
	*address = find(handle, BO)->memory;
	return leave(0);
}

void npu_kernel_bo_unmap(void *address, uint64_t size)
{
	pthread_mutex_lock(&fake.lock);
	fake.files--;
	pthread_mutex_unlock(&fake.lock);
}

void npu_kernel_bo_close(int fd, uint32_t handle)
{
	pthread_mutex_lock(&fake.lock);
	free(take(handle, BO).memory);
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_vm_create(int fd, uint32_t *vm)
{
	int ret = enter();

	if (ret)
		return ret;
	return leave(make(VM, vm) ? 0 : -ENOSPC);
}

void npu_kernel_vm_destroy(int fd, uint32_t vm)
{
	struct mapping *m, *next;

	pthread_mutex_lock(&fake.lock);
	for (m = take(vm, VM).mappings; m; m = next) {
		next = m->next;
		free(m);
	}
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_vm_map(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags)
{
	struct mapping *m;
	int ret = enter();

	if (ret)
		return ret;
	/* Address 0, overlaps and odd sizes are the library's bugs. */
	assert(va && va % PAGE == 0 && size && size == find(bo, BO)->size && va + size <= VA_END);
	for (m = find(vm, VM)->mappings; m; m = m->next)
		assert(va + size <= m->va || m->va + m->size <= va);
	m = malloc(sizeof(*m));
	*m = (struct mapping){ find(vm, VM)->mappings, va, size, bo,
			       flags & DRM_NPU_VM_MAP_READONLY };
	find(vm, VM)->mappings = m;
	return leave(0);
}

int npu_kernel_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size)
{
	struct mapping **at, *m;

	/* Not enter(): a failure here would leave a stale mapping in the model. */
	pthread_mutex_lock(&fake.lock);
	for (at = &find(vm, VM)->mappings; (m = *at); at = &m->next) {
		if (m->va != va)
			continue;
		assert(m->size == size);
		*at = m->next;
		free(m);
		break;
	}
	return leave(fake.lost ? -ENODEV : 0);
}

int npu_kernel_vm_state(int fd, struct drm_npu_vm_get_state *state)
{
	int ret = enter();

	if (ret)
		return ret;
	assert(find(state->vm, VM));
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
	return leave(0);
}

int npu_kernel_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue)
{
	struct object *o;
	int ret = enter();

	if (ret)
		return ret;
	if (priority >= DRM_NPU_PRIORITY_HIGH)
		return leave(-EACCES);
	assert(find(vm, VM));
	o = make(QUEUE, queue);
	if (!o)
		return leave(-ENOSPC);
	o->vm = vm;
	return leave(0);
}

void npu_kernel_queue_destroy(int fd, uint32_t queue)
{
	pthread_mutex_lock(&fake.lock);
	take(queue, QUEUE);
	end_jobs(queue, -ECANCELED);
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_queue_state(int fd, struct drm_npu_queue_get_state *state)
{
	uint32_t handle = state->queue;
	int ret = enter();

	if (ret)
		return ret;
	*state = find(handle, QUEUE)->state;
	state->queue = handle;
	return leave(0);
}

int npu_kernel_exec(int fd, uint32_t queue, const struct drm_npu_command *commands,
		    uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct object *o;
	struct job *job;
	int ret = enter();

	if (ret)
		return ret;
	o = find(queue, QUEUE);
	assert(o && command_count && command_count <= 4);
	fake.counts.execs++;
	if (o->state.state)
		return leave(-ECANCELED);
	job = calloc(1, sizeof(*job));
	job->queue = queue;
	memcpy(job->commands, commands, command_count * sizeof(*commands));
	job->command_count = command_count;
	job->fence = calloc(1, sizeof(*job->fence));
	job->fence->refs = 1;
	for (uint32_t i = 0; i < sync_count; i++) {
		struct object *s = find(syncs[i].handle, SYNCOBJ);

		assert(s && !syncs[i].point);
		if (syncs[i].flags == DRM_NPU_SYNC_SIGNAL) {
			fence_put(s->fence);
			s->fence = job->fence;
			job->fence->refs++;
		} else {
			assert(s->fence && job->wait_count < 16);
			s->fence->refs++;
			job->waits[job->wait_count++] = s->fence;
		}
	}
	*fake.last = job;
	fake.last = &job->next;
	if (!fake.hold)
		run_jobs();
	return leave(0);
}

int npu_kernel_syncobj_create(int fd, uint32_t *handle)
{
	int ret = enter();

	if (ret)
		return ret;
	return leave(make(SYNCOBJ, handle) ? 0 : -ENOMEM);
}

void npu_kernel_syncobj_destroy(int fd, uint32_t handle)
{
	pthread_mutex_lock(&fake.lock);
	fence_put(take(handle, SYNCOBJ).fence);
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_syncobj_wait(int fd, uint32_t handle, int64_t deadline_ns)
{
	struct fence *f;
	int ret = enter();

	if (ret)
		return ret;
	fake.counts.waits++;
	f = find(handle, SYNCOBJ)->fence;
	f->refs++;
	while (!f->status && !ret) {
		struct timespec now, until;
		int64_t ns;

		clock_gettime(CLOCK_MONOTONIC, &now);
		ns = now.tv_sec * 1000000000LL + now.tv_nsec;
		if (ns >= deadline_ns) {
			ret = -ETIME;
			break;
		}
		/* Look again each millisecond: the condition knows the other clock only. */
		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000;
		}
		pthread_cond_timedwait(&fake.signalled, &fake.lock, &until);
		if (fake.lost)
			ret = -ENODEV;
	}
	fence_put(f);
	return leave(ret);
}

int npu_kernel_syncobj_export(int fd, uint32_t handle)
{
	struct fence *f;
	int file, ret = enter();

	if (ret)
		return ret;
	f = find(handle, SYNCOBJ)->fence;
	assert(f && f->file_count < 8);
	file = eventfd(f->status ? 1 : 0, EFD_CLOEXEC);
	f->files[f->file_count++] = dup(file);
	return leave(file);
}

int npu_kernel_syncobj_status(int fd, uint32_t handle)
{
	int ret = enter();

	if (ret)
		return ret;
	return leave(find(handle, SYNCOBJ)->fence->status);
}
