// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Memory that moves under user queues: they are suspended for it, brought
 * back when they are rung, and compute what they should all the time.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "userq.h"

#define RING_VA		0x40000000ull
#define DEVICE_VA	0x60000000ull
#define DEVICE_SIZE	(4 * DRV_MIB)
#define CHUNK		(16 * DRV_MIB)
#define CHUNKS		64

struct owner {
	struct drv_rig rig;
	struct userq q;
	uint32_t device;	/* a buffer of its VM, best in device memory */
};

static void owner_init(struct owner *o, bool exclusive)
{
	uint8_t packet[64];

	drv_rig_init(&o->rig, 0);
	userq_init(&o->q, o->rig.fd, o->rig.vm, RING_VA, USERQ_SHIFT);
	if (drv_bo_create(o->rig.fd, DEVICE_SIZE, DRM_NPU_MEMORY_DEVICE, 0,
			  exclusive ? o->rig.vm : 0, &o->device) ||
	    drv_vm_map(o->rig.fd, o->rig.vm, DEVICE_VA, DEVICE_SIZE, o->device, 0, 0))
		tap_bail("no device memory");
	drv_packet_fill(packet, DEVICE_VA, DEVICE_SIZE, 0x51515151);
	if (!userq_run(&o->q, packet))
		tap_bail("a user queue does not run");
}

static void owner_fini(struct owner *o)
{
	userq_fini(&o->q);
	drv_rig_fini(&o->rig);
}

static uint32_t region(struct owner *o)
{
	struct drm_npu_bo_info info;

	return drv_bo_info(o->rig.fd, o->device, &info) ? ~0u : info.region;
}

/* Device memory, as much as there is: everybody else's is moved away. */
static int hog(int fd, uint32_t bos[CHUNKS])
{
	int count = 0;

	while (count < CHUNKS &&
	       count < (int)(drv_memory_size(fd, DRM_NPU_MEMORY_DEVICE) / CHUNK) &&
	       !drv_bo_create(fd, CHUNK, DRM_NPU_MEMORY_DEVICE, 0, 0, &bos[count]))
		count++;
	return count;
}

static void unhog(int fd, const uint32_t bos[CHUNKS], int count)
{
	while (count--)
		drv_bo_close(fd, bos[count]);
}

/* The device buffer holds the pattern: copied to where the CPU sees it. */
static bool content_is(struct owner *o, uint32_t pattern)
{
	uint8_t packet[64];

	memset(o->rig.data, 0, RIG_DATA_SIZE);
	for (uint64_t at = 0; at < DEVICE_SIZE; at += RIG_DATA_SIZE) {
		drv_packet_copy(packet, RIG_DATA_VA, DEVICE_VA + at, RIG_DATA_SIZE);
		if (!userq_run(&o->q, packet))
			return false;
		for (size_t i = 0; i < RIG_DATA_SIZE; i += 4)
			if (memcmp(o->rig.data + i, &pattern, 4))
				return false;
	}
	return true;
}

static void idle_queues_make_way(int other, bool exclusive)
{
	const char *what = exclusive ? "exclusive" : "shareable";
	uint32_t bos[CHUNKS];
	struct owner o;
	int count;

	owner_init(&o, exclusive);
	tap(region(&o) == DRM_NPU_MEMORY_DEVICE, "%s: a queue runs, its buffer is in device memory",
	    what);
	count = hog(other, bos);
	tap(region(&o) != DRM_NPU_MEMORY_DEVICE,
	    "%s: another process wants all of it, and gets it (%d chunks)", what, count);
	usleep(100000);
	tap(region(&o) != DRM_NPU_MEMORY_DEVICE, "%s: nobody brings it back before it is needed", what);
	tap(content_is(&o, 0x51515151) && region(&o) == DRM_NPU_MEMORY_DEVICE,
	    "%s: a store to the doorbell does, bit by bit", what);
	tap(!userq_state(&o.q), "%s: the queue is well", what);
	/* Destroyed while it is suspended. */
	unhog(other, bos, count);
	count = hog(other, bos);
	tap(region(&o) != DRM_NPU_MEMORY_DEVICE, "%s: suspended again", what);
	tap_ret(drv_queue_destroy(o.rig.fd, o.q.queue), 0, NULL, "%s: and destroyed so", what);
	*o.q.doorbell = 77;
	tap(*o.q.doorbell == 77, "%s: whoever rings it then lives", what);
	unhog(other, bos, count);
	owner_fini(&o);
}

struct worker {
	struct owner o;
	volatile bool stop;
	int runs, wrong, away;
};

/* Patterns into device memory and back, a ring full at a time. */
static void *work(void *arg)
{
	struct worker *w = arg;
	uint8_t packet[64];

	while (!w->stop) {
		const uint32_t pattern = 0x10000 + (uint32_t)w->runs++;

		drv_packet_fill(packet, DEVICE_VA, DEVICE_SIZE, pattern);
		userq_put(&w->o.q, packet);
		for (int i = 0; i < 8; i++) {
			drv_packet_copy(packet, DEVICE_VA + DEVICE_SIZE / 2, DEVICE_VA,
					DEVICE_SIZE / 4);
			userq_put(&w->o.q, packet);
			drv_packet_copy(packet, RIG_DATA_VA, DEVICE_VA + DEVICE_SIZE / 2,
					DRV_PAGE * 16);
			packet[1] = NPU_PACKET_F_BARRIER;
			userq_put(&w->o.q, packet);
		}
		userq_ring(&w->o.q);
		if (!userq_wait_head(&w->o.q, w->o.q.tail, 30000)) {
			w->wrong += 1000000;
			return NULL;
		}
		for (size_t i = 0; i < DRV_PAGE * 16; i += 4)
			w->wrong += !!memcmp(w->o.rig.data + i, &pattern, 4);
	}
	return NULL;
}

/* Looks where their memory is, all the time: it comes back at once. */
static void *watch(void *arg)
{
	struct worker *w = arg;

	while (!w->stop)
		w->away += region(&w->o) != DRM_NPU_MEMORY_DEVICE;
	return NULL;
}

static void busy_queues_make_way(int other)
{
	struct worker w[2] = { 0 };
	pthread_t threads[2], watchers[2];
	uint32_t bos[CHUNKS];
	const int64_t end = drv_now() + 6 * DRV_SECOND;
	int hogs = 0;

	for (int i = 0; i < 2; i++) {
		owner_init(&w[i].o, i);
		pthread_create(&threads[i], NULL, work, &w[i]);
		pthread_create(&watchers[i], NULL, watch, &w[i]);
	}
	while (drv_now() < end) {
		int count = hog(other, bos);

		unhog(other, bos, count);
		hogs++;
		usleep(20000);
	}
	for (int i = 0; i < 2; i++) {
		w[i].stop = true;
		pthread_join(threads[i], NULL);
		pthread_join(watchers[i], NULL);
		tap(!w[i].wrong && w[i].runs > 2,
		    "a busy queue computes %d times under pressure, %d words are wrong", w[i].runs,
		    w[i].wrong);
	}
	tap(hogs > 2 && w[0].away + w[1].away,
	    "and their memory was taken away (%d hogs, seen away %d times)", hogs,
	    w[0].away + w[1].away);
	for (int i = 0; i < 2; i++)
		owner_fini(&w[i].o);
}

/* What is mapped while the queue runs is bound by its fence, too. */
static void mapped_while_it_runs(int other)
{
	uint32_t bos[CHUNKS], late;
	uint8_t packet[64];
	struct drm_npu_bo_info info;
	struct owner o;
	int count;

	owner_init(&o, true);
	if (drv_bo_create(o.rig.fd, DEVICE_SIZE, DRM_NPU_MEMORY_DEVICE, 0, 0, &late) ||
	    drv_vm_map(o.rig.fd, o.rig.vm, DEVICE_VA + DEVICE_SIZE, DEVICE_SIZE, late, 0, 0))
		tap_bail("no device memory");
	/* For ever: only a suspension takes the card off that buffer. */
	drv_packet_fill(packet, DEVICE_VA + DEVICE_SIZE, DEVICE_SIZE, 0x62626262);
	userq_put(&o.q, packet);
	drv_packet_wait(packet, RIG_DATA_VA, 1);
	*(volatile uint64_t *)o.rig.data = 0;
	userq_put(&o.q, packet);
	userq_ring(&o.q);
	tap(userq_wait_head(&o.q, o.q.tail - 1, 10000), "a buffer that is mapped under a running queue");
	drv_vm_unmap(o.rig.fd, o.rig.vm, DEVICE_VA, DEVICE_SIZE);
	count = hog(other, bos);
	drv_bo_info(o.rig.fd, late, &info);
	tap(count && !userq_state(&o.q), "is moved when a queue that waits for ever is in the way");
	unhog(other, bos, count);
	*(volatile uint64_t *)o.rig.data = 1;
	tap(userq_wait_head(&o.q, o.q.tail, 10000), "the queue waits on, and gets what it waited for");
	drv_packet_copy(packet, RIG_DATA_VA, DEVICE_VA + DEVICE_SIZE, DRV_PAGE);
	tap(userq_run(&o.q, packet) && o.rig.data[0] == 0x62 && o.rig.data[4095] == 0x62,
	    "the buffer's content is right");
	owner_fini(&o);
}

static void killed_under_pressure(int other)
{
	uint32_t bos[CHUNKS];
	int count, status;

	for (int i = 0; i < 4; i++) {
		pid_t pid = fork();

		if (!pid) {
			struct worker w = { 0 };

			owner_init(&w.o, i & 1);
			work(&w);
			_exit(1);
		}
		usleep(300000);
		count = hog(other, bos);
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		unhog(other, bos, count);
	}
	count = hog(other, bos);
	tap(count >= (int)(drv_memory_size(other, DRM_NPU_MEMORY_DEVICE) / CHUNK) - 1,
	    "processes that were killed under pressure leave no memory behind (%d chunks)", count);
	unhog(other, bos, count);
}

int main(void)
{
	int other = drv_open(0);
	struct drv_rig r;

	drv_rig_init(&r, 0);
	idle_queues_make_way(other, true);
	idle_queues_make_way(other, false);
	mapped_while_it_runs(other);
	busy_queues_make_way(other);
	killed_under_pressure(other);
	tap(drv_rig_works(&r), "at the end a kernel queue works");
	drv_rig_fini(&r);
	close(other);
	return tap_end();
}
