// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The rungs of recovery, one a run; for tests/vm/cases, which set
 * job_timeout_ms and read the TAP lines:
 *
 *	ladder CARD overstay	long packets keep slots from others
 *	ladder CARD engine-hang	an engine hangs until its packet is aborted
 *	ladder CARD engine-dead	an engine that only a reset helps
 *	ladder CARD no-irq	no interrupt comes
 *	ladder CARD mapping	a mapping of device memory meets a reset
 *	ladder CARD stream	streams meet a reset, then an unbound driver
 *	ladder CARD kills N	N stuck and N faulting queues, one after another
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define HOGS		8	/* as many as the card has slots */
#define CHUNK		(16 * DRV_MIB)
#define CHUNKS		8192ull
#define SOURCE_VA	0x1000000000ull
#define TARGET_VA	0x4000000000ull

static unsigned int card;

static void fault(const char *name, const char *state)
{
	char command[128];

	snprintf(command, sizeof(command), "tests/vm/host control %u fault %s %s >/dev/null", card,
		 name, state);
	if (system(command))
		tap_bail("no fault %s", name);
}

static uint32_t state_of(int fd, uint32_t queue)
{
	struct drm_npu_queue_get_state state;

	return drv_queue_state(fd, queue, &state) ? ~0u : state.state;
}

/* A packet of 128 GiB: the same memory at many addresses. */
static void make_endless_packet(struct drv_rig *r)
{
	uint32_t source, target;

	if (drv_bo_create(r->fd, CHUNK, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &source) ||
	    drv_bo_create(r->fd, CHUNK, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &target))
		tap_bail("no buffer");
	for (uint64_t i = 0; i < CHUNKS; i++)
		if (drv_vm_map(r->fd, r->vm, SOURCE_VA + i * CHUNK, CHUNK, source, 0, 0) ||
		    drv_vm_map(r->fd, r->vm, TARGET_VA + i * CHUNK, CHUNK, target, 0, 0))
			tap_bail("VM_BIND failed");
	drv_packet_copy(r->packets, TARGET_VA, SOURCE_VA, CHUNKS * CHUNK);
}

static void overstay(void)
{
	uint32_t queues[HOGS], done[HOGS], state;
	struct drv_rig hog, small;
	int killed = 0, left = 0, ret;
	int64_t start;

	drv_rig_init(&hog, card);
	drv_rig_init(&small, card);
	make_endless_packet(&hog);
	for (int i = 0; i < HOGS; i++)
		if (drv_queue_create(hog.fd, hog.vm, DRM_NPU_PRIORITY_NORMAL, &queues[i]) ||
		    drv_syncobj(hog.fd, &done[i]) ||
		    drv_exec(hog.fd, queues[i], RIG_PACKETS_VA, 1, 0, done[i]))
			tap_bail("no queue");
	usleep(300000);
	drv_packet_fill(small.packets, RIG_DATA_VA, RIG_DATA_SIZE, 7);
	start = drv_now();
	if (drv_exec(small.fd, small.queue, RIG_PACKETS_VA, 1, 0, small.syncobj))
		tap_bail("EXEC failed");
	ret = drv_wait(small.fd, small.syncobj, 60 * DRV_SECOND);
	start = drv_now() - start;
	tap_ret(ret, 0, NULL, "a small job behind packets without an end is done (%lld ms)",
		(long long)start / 1000000);
	tap(!state_of(small.fd, small.queue), "its queue is not to blame");
	for (int i = 0; i < HOGS; i++) {
		state = state_of(hog.fd, queues[i]);
		killed += state == DRM_NPU_QUEUE_TIMED_OUT;
		left += state == 0;
	}
	tap(killed == 1 && left == HOGS - 1, "the one that had to leave its slot and did not is killed");
	drv_rig_fini(&small);
	drv_rig_fini(&hog);
}

static void engine_hang(void)
{
	struct drv_rig a, b;

	drv_rig_init(&a, card);
	drv_rig_init(&b, card);
	drv_packet_fill(a.packets, RIG_DATA_VA, 4096, 1);
	drv_packet_fill(b.packets, RIG_DATA_VA, RIG_DATA_SIZE, 0x0ddba11);
	fault("engine-hang", "on");
	if (drv_exec(a.fd, a.queue, RIG_PACKETS_VA, 1, 0, a.syncobj))
		tap_bail("EXEC failed");
	usleep(200000);
	if (drv_exec(b.fd, b.queue, RIG_PACKETS_VA, 1, 0, b.syncobj))
		tap_bail("EXEC failed");
	tap_ret(drv_wait(a.fd, a.syncobj, 10 * DRV_SECOND), -ETIME, NULL,
		"the job that hangs in an engine is killed");
	fault("engine-hang", "off");
	tap(state_of(a.fd, a.queue) == DRM_NPU_QUEUE_TIMED_OUT, "its queue is to blame");
	tap_ret(drv_wait(b.fd, b.syncobj, 10 * DRV_SECOND), 0, NULL,
		"the one that waited for the engine gets it");
	tap(!state_of(b.fd, b.queue) && ((uint32_t *)b.data)[RIG_DATA_SIZE / 4 - 1] == 0x0ddba11,
	    "its queue works on, its result is right");
	tap(!drv_queue_destroy(a.fd, a.queue) &&
	    !drv_queue_create(a.fd, a.vm, DRM_NPU_PRIORITY_NORMAL, &a.queue) && drv_rig_works(&a),
	    "who was killed goes on with a new queue");
	drv_rig_fini(&b);
	drv_rig_fini(&a);
}

static void engine_dead(void)
{
	struct drv_rig a, b, fresh;
	uint32_t vm;

	drv_rig_init(&a, card);
	drv_rig_init(&b, card);
	drv_packet_fill(a.packets, RIG_DATA_VA, 4096, 1);
	drv_packet_fill(b.packets, RIG_DATA_VA, 4096, 1);
	fault("engine-dead", "on");
	if (drv_exec(a.fd, a.queue, RIG_PACKETS_VA, 1, 0, a.syncobj))
		tap_bail("EXEC failed");
	usleep(200000);
	if (drv_exec(b.fd, b.queue, RIG_PACKETS_VA, 1, 0, b.syncobj))
		tap_bail("EXEC failed");
	tap_ret(drv_wait(a.fd, a.syncobj, 10 * DRV_SECOND), -ETIME, NULL,
		"the job that hangs in an engine for good ends");
	tap_ret(drv_wait(b.fd, b.syncobj, 10 * DRV_SECOND), -ENODEV, NULL,
		"that of another is lost with the card");
	fault("engine-dead", "off");
	tap(state_of(a.fd, a.queue) == DRM_NPU_QUEUE_TIMED_OUT, "the first one's queue is to blame");
	tap(state_of(b.fd, b.queue) == DRM_NPU_QUEUE_INNOCENT, "the other one's is innocent");
	tap_ret(drv_vm_create(b.fd, &vm), -ENODEV, NULL, "old files get ENODEV");
	/* The driver resets the card by itself. */
	for (int i = 0; i < 100; i++) {
		fresh.fd = drv_open(card);
		if (!drv_vm_create(fresh.fd, &vm))
			break;
		close(fresh.fd);
		usleep(100000);
	}
	close(fresh.fd);
	drv_rig_init(&fresh, card);
	tap(drv_rig_works(&fresh), "a new one works after the card's reset");
	drv_rig_fini(&fresh);
	drv_rig_fini(&b);
	drv_rig_fini(&a);
}

static void no_irq(void)
{
	struct drv_rig r;
	int64_t worst = 0;
	bool right = true;

	drv_rig_init(&r, card);
	fault("no-irq", "on");
	for (int i = 0; i < 5; i++) {
		const int64_t start = drv_now();

		right = right && drv_rig_works(&r);
		worst = drv_now() - start > worst ? drv_now() - start : worst;
	}
	fault("no-irq", "off");
	tap(right, "jobs end without an interrupt");
	tap(worst < 2 * DRV_SECOND, "within the watchdog's period (%lld ms)",
	    (long long)worst / 1000000);
	tap(!state_of(r.fd, r.queue), "their queue is fine");
	drv_rig_fini(&r);
}

static void shell(const char *format)
{
	char command[256];

	snprintf(command, sizeof(command), format, card);
	if (system(command))
		tap_bail("failed: %s", command);
}

static atomic_bool stop_touching;

/* How many page faults reading each page takes; whether all of it is 0x5a or 0. */
static long read_pages(const volatile uint8_t *map, size_t size, bool *right)
{
	struct rusage before, after;

	*right = true;
	getrusage(RUSAGE_THREAD, &before);
	/* Behind the word that touch() writes. */
	for (size_t i = 8; i < size; i += DRV_PAGE)
		*right = *right && (map[i] == 0x5a || !map[i]);
	getrusage(RUSAGE_THREAD, &after);
	return after.ru_minflt - before.ru_minflt;
}

static void *touch(void *argument)
{
	volatile uint8_t *map = argument;

	/* The first page only: the others are looked at afterwards. */
	while (!atomic_load(&stop_touching))
		map[0]++;
	return NULL;
}

static void mapping(void)
{
	const size_t size = 4 * DRV_MIB;
	long mapped, taken;
	bool right;
	pthread_t thread;
	struct drv_rig r;
	uint8_t *map;
	uint32_t bo;

	drv_rig_init(&r, card);
	if (drv_bo_create(r.fd, size, DRM_NPU_MEMORY_DEVICE, DRM_NPU_BO_CPU_VISIBLE, r.vm, &bo))
		tap_bail("no buffer");
	map = drv_bo_map(r.fd, bo);
	if (map == MAP_FAILED)
		tap_bail("no mapping");
	memset(map, 0x5a, size);
	mapped = read_pages(map, size, &right);
	tap(!mapped && right, "device memory is mapped");
	if (pthread_create(&thread, NULL, touch, map))
		tap_bail("no thread");
	shell("echo 1 >/sys/class/accel/accel%u/device/reset");
	read_pages(map, size, &right);
	atomic_store(&stop_touching, true);
	pthread_join(thread, NULL);
	tap(right, "who touches it during a reset lives on, and sees what is its own, or zeros");
	shell("echo 1 >/sys/class/accel/accel%u/device/reset");
	taken = read_pages(map, size, &right);
	tap(taken > 0 && right, "a reset takes it away, and it comes back (%ld faults)", taken);
	drv_rig_fini(&r);
}

static int open_stream(int fd, struct drm_npu_stream_open args)
{
	if (drv_ioctl(fd, DRM_IOCTL_NPU_STREAM_OPEN, &args))
		tap_bail("no stream");
	return args.fd;
}

/* What it ends with: 0 the end of the file, and poll says so. */
static ssize_t drain(int fd, struct drm_npu_event *last)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	struct drm_npu_event e;
	ssize_t got;

	for (int i = 0; i < 1000; i++) {
		if (poll(&poll_fd, 1, 10000) != 1)
			return -ETIMEDOUT;
		got = read(fd, &e, sizeof(e));
		if (got <= 0)
			return !got && !(poll_fd.revents & POLLHUP) ? -EPROTO : got;
		*last = e;
	}
	return -E2BIG;
}

static void streams_end(void)
{
	const struct drm_npu_stream_open event_args = {
		.kind = DRM_NPU_STREAM_EVENTS, .filter = 0x3f, .flags = DRM_NPU_STREAM_ALL };
	const struct drm_npu_stream_open sample_args = {
		.kind = DRM_NPU_STREAM_PERF, .period_ns = DRM_NPU_STREAM_PERIOD_MIN_NS };
	struct drm_npu_event last = { 0 };
	struct drm_npu_sample s;
	int fd = drv_open(card), events, samples;
	ssize_t got;

	events = open_stream(fd, event_args);
	samples = open_stream(fd, sample_args);
	shell("echo 1 >/sys/class/accel/accel%u/device/reset");
	tap_ret((int)drain(events, &last), 0, NULL, "a reset ends a stream");
	tap(last.kind == DRM_NPU_EVENT_RESET && last.value[0] == 1, "its last event tells why");
	while ((got = read(samples, &s, sizeof(s))) > 0)
		;
	tap_ret((int)got, 0, NULL, "and ends samples");
	close(samples);
	close(events);
	tap_ret(drv_ioctl(fd, DRM_IOCTL_NPU_STREAM_OPEN, &(struct drm_npu_stream_open){ .filter = 1 }),
		-ENODEV, NULL, "an old file has no new stream");
	close(fd);
	fd = drv_open(card);
	events = open_stream(fd, event_args);
	samples = open_stream(fd, sample_args);
	shell("cd -P /sys/class/accel/accel%u/device && echo ${PWD##*/} >driver/unbind");
	tap_ret((int)drain(events, &last), 0, NULL, "an unbound driver ends a stream");
	while ((got = read(samples, &s, sizeof(s))) > 0)
		;
	tap_ret((int)got, 0, NULL, "and samples");
	close(samples);
	close(events);
	close(fd);
}

static void kills(int count)
{
	int stuck = 0, faulted = 0;
	struct drv_rig r;

	for (int i = 0; i < count; i++) {
		drv_rig_init(&r, card);
		drv_packet_wait(r.packets, RIG_DATA_VA, 1);
		stuck += drv_rig_run(&r, 1) == -ETIME &&
			 state_of(r.fd, r.queue) == DRM_NPU_QUEUE_TIMED_OUT;
		drv_queue_destroy(r.fd, r.queue);
		if (drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &r.queue))
			tap_bail("no queue");
		drv_packet_copy(r.packets, RIG_DATA_VA, 0x7000000000ull, 4096);
		faulted += drv_rig_run(&r, 1) == -EIO &&
			   state_of(r.fd, r.queue) == DRM_NPU_QUEUE_FAULTED;
		drv_rig_fini(&r);
	}
	tap_ret(stuck, count, NULL, "queues that are stuck end with ETIME");
	tap_ret(faulted, count, NULL, "queues that fault end with EIO");
}

int main(int argc, char **argv)
{
	const char *rung = argc > 2 ? argv[2] : "";

	if (argc > 1)
		card = (unsigned int)atoi(argv[1]);
	if (!strcmp(rung, "overstay"))
		overstay();
	else if (!strcmp(rung, "engine-hang"))
		engine_hang();
	else if (!strcmp(rung, "engine-dead"))
		engine_dead();
	else if (!strcmp(rung, "no-irq"))
		no_irq();
	else if (!strcmp(rung, "mapping"))
		mapping();
	else if (!strcmp(rung, "stream"))
		streams_end();
	else if (!strcmp(rung, "kills") && argc > 3)
		kills(atoi(argv[3]));
	else
		tap_bail("usage: ladder CARD overstay|engine-hang|engine-dead|no-irq|mapping|stream|kills N");
	return tap_end();
}
