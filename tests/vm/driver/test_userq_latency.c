// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* From submission to completion of a packet that does nothing, by each kind of queue. */
#include <stdlib.h>

#include "userq.h"

#define RING_VA	0x40000000ull
#define RUNS	400

static int compare(const void *a, const void *b)
{
	const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

static long long median_us(int64_t *took)
{
	qsort(took, RUNS, sizeof(*took), compare);
	return took[RUNS / 2] / 1000;
}

static int64_t by_kernel(struct drv_rig *r)
{
	const int64_t start = drv_now();

	if (drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 1, 0, r->syncobj) ||
	    drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND))
		tap_bail("a job failed");
	return drv_now() - start;
}

/* Looks at the word that the packet behind it writes, or sleeps for it. */
static int64_t by_user(struct userq *q, struct drv_rig *r, bool sleeps)
{
	static const uint8_t nop[64];
	volatile uint64_t *word = (volatile uint64_t *)r->data;
	const int64_t start = drv_now();
	uint8_t packet[64];

	userq_put(q, nop);
	drv_packet_signal(packet, RIG_DATA_VA, q->tail + 1);
	userq_put(q, packet);
	q->control->event = sleeps ? q->tail : 0;
	userq_ring(q);
	if (sleeps) {
		struct drm_npu_wait_user_fence args = {
			.queue = q->queue, .compare = NPU_COMPARE_GE, .address = (uintptr_t)word,
			.value = q->tail, .mask = ~0ull, .timeout_ns = start + 10 * DRV_SECOND,
		};

		if (drv_ioctl(r->fd, DRM_IOCTL_NPU_WAIT_USER_FENCE, &args))
			tap_bail("a wait failed");
	}
	while (*word < q->tail)
		if (drv_now() - start > 10 * DRV_SECOND)
			tap_bail("a packet does not end");
	return drv_now() - start;
}

int main(void)
{
	static int64_t kernel[RUNS], spins[RUNS], sleeps[RUNS];
	long long by[3];
	struct drv_rig r;
	struct userq q;

	drv_rig_init(&r, 0);
	userq_init(&q, r.fd, r.vm, RING_VA, USERQ_SHIFT);
	*(volatile uint64_t *)r.data = 0;
	by_user(&q, &r, false);
	/* In turns, so that all of them meet the same machine. */
	for (int i = 0; i < RUNS; i++) {
		kernel[i] = by_kernel(&r);
		spins[i] = by_user(&q, &r, false);
		sleeps[i] = by_user(&q, &r, true);
	}
	by[0] = median_us(kernel);
	by[1] = median_us(spins);
	by[2] = median_us(sleeps);
	tap(by[1] < by[0] && by[2] < by[0],
	    "a no-op takes %lld us by EXEC, %lld us by a user queue, %lld us with a sleep (medians)",
	    by[0], by[1], by[2]);
	userq_fini(&q);
	drv_rig_fini(&r);
	return tap_end();
}
