// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Who is killed for making no progress, and who is not: a job may take as
 * long as it likes while it gets on, and a queue may wait for its turn.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define STUCK		24	/* queues, thrice the card's slots */
#define LONG_VA		0x60000000ull
#define LONG_SIZE	(16 * DRV_MIB)
#define LONG_S		5	/* more than two time-outs */

/* Packets that each copy one half of a buffer to the other; returns how many take `seconds`. */
static uint32_t long_work(struct drv_rig *r, unsigned int seconds)
{
	uint32_t bo, list;
	int64_t took;
	uint64_t count;
	uint8_t *packets;

	if (drv_bo_create(r->fd, LONG_SIZE, DRM_NPU_MEMORY_DEVICE, 0, r->vm, &bo) ||
	    drv_vm_map(r->fd, r->vm, LONG_VA, LONG_SIZE, bo, 0, 0) ||
	    drv_bo_create(r->fd, NPU_CALL_MAX * 64, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE,
			  r->vm, &list) ||
	    drv_vm_map(r->fd, r->vm, LONG_VA + LONG_SIZE, NPU_CALL_MAX * 64, list, 0, 0))
		tap_bail("no buffer: %s", strerror(errno));
	packets = drv_bo_map(r->fd, list);
	for (uint32_t i = 0; i < NPU_CALL_MAX; i++)
		drv_packet_copy(packets + 64 * i, LONG_VA + LONG_SIZE / 2, LONG_VA, LONG_SIZE / 2);
	took = drv_now();
	if (drv_exec(r->fd, r->queue, LONG_VA + LONG_SIZE, 64, 0, r->syncobj) ||
	    drv_wait(r->fd, r->syncobj, 30 * DRV_SECOND))
		tap_bail("a copy failed");
	took = drv_now() - took;
	count = 64 * (uint64_t)seconds * DRV_SECOND / took + 1;
	return count < NPU_CALL_MAX ? count : NPU_CALL_MAX;
}

/* Long enough to have been killed twice, however fast the card is. */
static uint32_t progress_is_enough(struct drv_rig *r, uint32_t count)
{
	struct drm_npu_queue_get_state state;
	int64_t took = 0;
	int ret = 0;

	while (!ret && took < 9 * DRV_SECOND / 2) {
		const int64_t start = drv_now();

		count = took ? count * LONG_S * DRV_SECOND / took + 1 : count;
		count = count < NPU_CALL_MAX ? count : NPU_CALL_MAX;
		if (drv_exec(r->fd, r->queue, LONG_VA + LONG_SIZE, count, 0, r->syncobj))
			tap_bail("EXEC failed");
		ret = drv_wait(r->fd, r->syncobj, 120 * DRV_SECOND);
		took = drv_now() - start;
	}
	tap_ret(ret, 0, NULL, "a job that gets on may take long (%u packets, %lld ms)", count,
		(long long)took / 1000000);
	tap(!drv_queue_state(r->fd, r->queue, &state) && !state.state, "its queue works on");
	return count;
}

/*
 * More queues of a higher priority than the card has slots: the lower one gets
 * its turn in time (docs/card.md, "Scheduling"; real-time ones may keep it out).
 */
static void waiting_for_a_turn_is_no_crime(struct drv_rig *r, uint32_t count)
{
	uint32_t busy[9], done[9];
	struct drv_rig low;
	int ret = 0;

	drv_rig_init(&low, 0);
	drv_queue_destroy(low.fd, low.queue);
	if (drv_queue_create(low.fd, low.vm, DRM_NPU_PRIORITY_LOW, &low.queue))
		tap_bail("no queue");
	for (int i = 0; i < 9; i++)
		if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_HIGH, &busy[i]) ||
		    drv_syncobj(r->fd, &done[i]) ||
		    drv_exec(r->fd, busy[i], LONG_VA + LONG_SIZE, count / 9 + 1, 0, done[i]))
			tap_bail("no queue");
	tap(drv_rig_works(&low), "a queue of low priority behind nine high ones gets its turn");
	for (int i = 0; i < 9 && !ret; i++)
		ret = drv_wait(r->fd, done[i], 120 * DRV_SECOND);
	tap_ret(ret, 0, NULL, "nobody was killed");
	for (int i = 0; i < 9; i++) {
		drv_queue_destroy(r->fd, busy[i]);
		drmSyncobjDestroy(r->fd, done[i]);
	}
	drv_rig_fini(&low);
}

/* A job that waits for another's fence is not on the card: nothing times out. */
static void waiting_for_a_fence_is_no_crime(struct drv_rig *r, uint32_t count)
{
	uint32_t second;

	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &second))
		tap_bail("no queue");
	drv_packet_fill(r->packets, RIG_DATA_VA, 4096, 5);
	if (drv_exec(r->fd, r->queue, LONG_VA + LONG_SIZE, count, 0, r->syncobj) ||
	    drv_exec(r->fd, second, RIG_PACKETS_VA, 1, r->syncobj, r->syncobj))
		tap_bail("EXEC failed");
	tap_ret(drv_wait(r->fd, r->syncobj, 120 * DRV_SECOND), 0, NULL,
		"a job that waits for a long one runs after it");
	drv_queue_destroy(r->fd, second);
}

static void all_that_are_stuck_are_killed(struct drv_rig *r)
{
	struct drm_npu_queue_get_state state;
	uint32_t queues[STUCK], done[STUCK];
	struct drv_rig stuck;
	int killed = 0, told = 0, destroyed = 0;
	int64_t start, took;
	bool works = true;

	drv_rig_init(&stuck, 0);
	drv_packet_wait(stuck.packets, RIG_DATA_VA, 1);
	for (int i = 0; i < STUCK; i++)
		if (drv_queue_create(stuck.fd, stuck.vm, DRM_NPU_PRIORITY_HIGH, &queues[i]) ||
		    drv_syncobj(stuck.fd, &done[i]))
			tap_bail("no queue");
	start = drv_now();
	for (int i = 0; i < STUCK; i++)
		if (drv_exec(stuck.fd, queues[i], RIG_PACKETS_VA, 1, 0, done[i]))
			tap_bail("EXEC failed");
	/* The last one's fence has not signalled yet. */
	while (drmSyncobjWait(stuck.fd, &done[STUCK - 1], 1, 0, 0, NULL) &&
	       drv_now() < start + 20 * DRV_SECOND)
		works &= drv_rig_works(r);
	for (int i = 0; i < STUCK; i++) {
		killed += drv_wait(stuck.fd, done[i], 20 * DRV_SECOND) == -ETIME;
		told += !drv_queue_state(stuck.fd, queues[i], &state) &&
			state.state == DRM_NPU_QUEUE_TIMED_OUT;
	}
	took = drv_now() - start;
	tap(killed == STUCK && told == STUCK, "%d queues that are stuck are killed", killed);
	tap(took < 10 * DRV_SECOND, "all of them within seconds (%lld ms)", (long long)took / 1000000);
	tap(works, "another client works all the time, though they hold every slot");
	tap_ret(drv_exec(stuck.fd, queues[0], RIG_PACKETS_VA, 1, 0, 0), -ECANCELED, NULL,
		"a killed queue takes no more jobs");
	for (int i = 0; i < STUCK; i++)
		destroyed += !drv_queue_destroy(stuck.fd, queues[i]);
	tap_ret(destroyed, STUCK, NULL, "all are destroyed");
	tap(drv_rig_works(&stuck), "their VM still serves another queue");
	drv_rig_fini(&stuck);
}

int main(void)
{
	struct drv_rig r, other;
	uint32_t count;

	drv_rig_init(&r, 0);
	drv_rig_init(&other, 0);
	count = long_work(&r, LONG_S);
	count = progress_is_enough(&r, count);
	waiting_for_a_turn_is_no_crime(&r, count);
	waiting_for_a_fence_is_no_crime(&r, count / 2 + 1);
	all_that_are_stuck_are_killed(&other);
	drv_rig_fini(&other);
	drv_rig_fini(&r);
	return tap_end();
}
