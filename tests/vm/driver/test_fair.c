// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * One tenant's packets hold slots and an engine for many seconds: those who
 * wait for either are not killed for it, and whoever is stuck is.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define HOGS		10	/* more than the card has slots */
#define CHUNK		(16 * DRV_MIB)
#define CHUNKS_MAX	2048u
#define SOURCE_VA	0x1000000000ull
#define TARGET_VA	0x2000000000ull
#define LONG_S		9	/* all of them together: more than three time-outs */

/* The same memory at many addresses makes one packet long. */
static void map_chunks(struct drv_rig *r, uint32_t source, uint32_t target)
{
	for (uint64_t i = 0; i < CHUNKS_MAX; i++)
		if (drv_vm_map(r->fd, r->vm, SOURCE_VA + i * CHUNK, CHUNK, source, 0, 0) ||
		    drv_vm_map(r->fd, r->vm, TARGET_VA + i * CHUNK, CHUNK, target, 0, 0))
			tap_bail("VM_BIND failed");
}

/* How many chunks will take @wanted, if so many took @took. */
static uint32_t grown(uint32_t chunks, int64_t took, int64_t wanted)
{
	const int64_t more = chunks * wanted / took + 1;

	return more < CHUNKS_MAX ? (uint32_t)more : CHUNKS_MAX;
}

/* One packet that takes a good while, in chunks. */
static uint32_t make_packet(struct drv_rig *r)
{
	uint32_t source, target, chunks = 4;
	int64_t took;

	if (drv_bo_create(r->fd, CHUNK, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &source) ||
	    drv_bo_create(r->fd, CHUNK, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &target))
		tap_bail("no buffer");
	map_chunks(r, source, target);
	for (;;) {
		drv_packet_copy(r->packets, TARGET_VA, SOURCE_VA, chunks * CHUNK);
		took = drv_now();
		if (drv_rig_run(r, 1))
			tap_bail("a copy failed");
		took = drv_now() - took;
		if (took > DRV_SECOND / 4 || chunks == CHUNKS_MAX)
			return grown(chunks, took, LONG_S * DRV_SECOND / HOGS);
		chunks *= 2;
	}
}

static bool innocent(int fd, uint32_t queue)
{
	struct drm_npu_queue_get_state state;

	return !drv_queue_state(fd, queue, &state) && !state.state;
}

struct round {
	uint32_t queues[HOGS], done[HOGS];
	int hogs, small;	/* what their fences ended with */
	bool alive;		/* nobody's queue was stopped */
	int64_t waited, took;	/* the small job, all of it */
};

/* Long packets in every slot, and a small job behind them. */
static void run_round(struct drv_rig *hog, struct drv_rig *small, struct round *x)
{
	int64_t start = drv_now();

	x->hogs = 0;
	x->alive = true;
	for (int i = 0; i < HOGS; i++)
		if (drv_exec(hog->fd, x->queues[i], RIG_PACKETS_VA, 1, 0, x->done[i]))
			tap_bail("EXEC failed");
	usleep(300000);
	memset(small->data, 0, RIG_DATA_SIZE);
	x->waited = drv_now();
	if (drv_exec(small->fd, small->queue, RIG_PACKETS_VA, 1, 0, small->syncobj))
		tap_bail("EXEC failed");
	x->small = drv_wait(small->fd, small->syncobj, 60 * DRV_SECOND);
	x->waited = drv_now() - x->waited;
	for (int i = 0; i < HOGS && !x->hogs; i++) {
		x->hogs = drv_wait(hog->fd, x->done[i], 60 * DRV_SECOND);
		x->alive = x->alive && innocent(hog->fd, x->queues[i]);
	}
	x->took = drv_now() - start;
}

int main(void)
{
	struct drm_npu_queue_get_state state;
	struct drv_rig hog, small, stuck;
	struct round x;
	uint32_t chunks;

	drv_rig_init(&hog, 0);
	drv_rig_init(&small, 0);
	drv_rig_init(&stuck, 0);
	chunks = make_packet(&hog);
	for (int i = 0; i < HOGS; i++)
		if (drv_queue_create(hog.fd, hog.vm, DRM_NPU_PRIORITY_NORMAL, &x.queues[i]) ||
		    drv_syncobj(hog.fd, &x.done[i]))
			tap_bail("no queue");
	drv_packet_fill(small.packets, RIG_DATA_VA, RIG_DATA_SIZE, 0x600df00d);
	for (int tries = 0; tries < 4; tries++) {
		drv_packet_copy(hog.packets, TARGET_VA, SOURCE_VA, chunks * CHUNK);
		run_round(&hog, &small, &x);
		printf("# %u chunks of %llu MiB, ten times: %lld ms\n", chunks, CHUNK / DRV_MIB,
		       (long long)x.took / 1000000);
		if (x.hogs || x.small || x.waited > 9 * DRV_SECOND / 2)
			break;
		chunks = grown(chunks, x.waited, 6 * DRV_SECOND);
	}
	tap_ret(x.small, 0, NULL, "a small job behind long packets is done");
	tap(innocent(small.fd, small.queue) && x.waited > 4 * DRV_SECOND,
	    "though it waited for longer than two time-outs (%lld ms)", (long long)x.waited / 1000000);
	tap(((uint32_t *)small.data)[RIG_DATA_SIZE / 4 - 1] == 0x600df00d, "its result is right");
	tap(!x.hogs && x.alive, "long packets are done too, ten on eight slots and one engine");

	drv_packet_wait(stuck.packets, RIG_DATA_VA, 1);
	if (drv_exec(stuck.fd, stuck.queue, RIG_PACKETS_VA, 1, 0, stuck.syncobj))
		tap_bail("EXEC failed");
	run_round(&hog, &small, &x);
	tap_ret(drv_wait(stuck.fd, stuck.syncobj, 20 * DRV_SECOND), -ETIME, NULL,
		"a queue that is stuck among them is killed");
	tap(!drv_queue_state(stuck.fd, stuck.queue, &state) && state.state == DRM_NPU_QUEUE_TIMED_OUT,
	    "and told so");
	tap(!x.hogs && !x.small && x.alive, "and nobody else");
	for (int i = 0; i < HOGS; i++)
		drv_queue_destroy(hog.fd, x.queues[i]);
	tap(drv_rig_works(&small), "the card works");
	drv_rig_fini(&stuck);
	drv_rig_fini(&small);
	drv_rig_fini(&hog);
	return tap_end();
}
