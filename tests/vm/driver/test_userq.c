// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* User queues: what works, and what is refused. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "userq.h"

#define RING_VA		0x40000000ull
#define PACKET		64u

static void it_runs(struct drv_rig *r)
{
	struct userq q;
	int right = 0;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(q.control->need_wake == 1 && !q.control->head, "a new queue's control page");
	tap(userq_works(&q, r), "a store starts a packet, and its result is right");
	for (int i = 0; i < 200; i++)
		right += userq_works(&q, r);
	tap(right == 200, "and so are those of three laps of the ring (%d)", right);
	tap(drv_rig_works(r), "a kernel queue of the same VM works, too");
	tap(userq_works(&q, r), "then the user queue again");
	userq_fini(&q);
}

/* A full ring at once, in every size. */
static void every_ring_size(struct drv_rig *r)
{
	uint8_t packet[PACKET];
	bool all = true;

	for (uint32_t shift = 4; shift <= 16; shift += 4) {
		struct userq q;

		userq_init(&q, r->fd, r->vm, RING_VA, shift);
		for (uint32_t lap = 0; lap < 2; lap++) {
			for (uint32_t i = 0; i < 1u << shift; i++) {
				drv_packet_signal(packet, RIG_DATA_VA, lap << 20 | i);
				userq_put(&q, packet);
			}
			userq_ring(&q);
			all &= userq_wait_head(&q, q.tail, 60000);
			all &= *(volatile uint64_t *)r->data == (lap << 20 | ((1u << shift) - 1));
		}
		all &= !userq_state(&q);
		userq_fini(&q);
	}
	tap(all, "full rings of 16, 256, 4096 and 65536 packets");
}

static void many_at_once(struct drv_rig *r)
{
	struct userq q[12];
	uint8_t packet[PACKET];
	bool right = true;

	for (int i = 0; i < 12; i++)
		userq_init(&q[i], r->fd, r->vm, RING_VA + i * DRV_MIB, USERQ_SHIFT);
	for (uint32_t turn = 1; turn <= 20; turn++) {
		for (int i = 0; i < 12; i++) {
			drv_packet_signal(packet, RIG_DATA_VA + i * 8, turn);
			userq_put(&q[i], packet);
			userq_ring(&q[i]);
		}
		for (int i = 0; i < 12; i++) {
			right &= userq_wait_head(&q[i], q[i].tail, 20000);
			right &= ((volatile uint64_t *)r->data)[i] == turn;
		}
	}
	tap(right, "twelve queues, more than the card has slots, take turns");
	for (int i = 0; i < 12; i++)
		userq_fini(&q[i]);
}

static void arguments_are_checked(struct drv_rig *r)
{
	static const struct {
		const char *what;
		struct drm_npu_queue_create args;
		int error;
	} cases[] = {
		{ "ring_shift 3", { .ring_va = RING_VA, .ring_shift = 3 }, -EINVAL },
		{ "ring_shift 17", { .ring_va = RING_VA, .ring_shift = 17 }, -EINVAL },
		{ "ring_shift 2^32 - 1", { .ring_va = RING_VA, .ring_shift = ~0u }, -EINVAL },
		{ "ring_shift 64 + 6", { .ring_va = RING_VA, .ring_shift = 70 }, -EINVAL },
		{ "a ring that is not aligned", { .ring_va = RING_VA + 64, .ring_shift = 6 }, -EINVAL },
		{ "a ring at 0", { .ring_shift = 6 }, -EINVAL },
		{ "a ring in the driver's range", { .ring_va = 1ull << 47, .ring_shift = 6 }, -EINVAL },
		{ "a ring that ends there",
		  { .ring_va = (1ull << 47) - DRV_PAGE, .ring_shift = 7 }, -EINVAL },
		{ "a ring that wraps", { .ring_va = ~0xfffull, .ring_shift = 6 }, -EINVAL },
		{ "another flag", { .ring_va = RING_VA, .ring_shift = 6, .flags = 2 }, -EINVAL },
		{ "mbz", { .ring_va = RING_VA, .ring_shift = 6, .mbz = 1 }, -EINVAL },
		{ "priority 4", { .ring_va = RING_VA, .ring_shift = 6, .priority = 4 }, -EINVAL },
		{ "the last ring there is",
		  { .ring_va = (1ull << 47) - DRV_PAGE, .ring_shift = 6 }, 0 },
	};
	struct drm_npu_queue_create args = { .ring_va = RING_VA, .ring_shift = 6 };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		args = cases[i].args;
		tap_ret(userq_create_raw(r->fd, r->vm, &args), cases[i].error, NULL, "%s",
			cases[i].what);
		if (!cases[i].error)
			drv_queue_destroy(r->fd, args.queue);
	}
	args = (struct drm_npu_queue_create){ .ring_va = RING_VA, .ring_shift = 6 };
	tap_ret(userq_create_raw(r->fd, r->vm + 7, &args), -ENOENT, NULL, "no such VM");
	args = (struct drm_npu_queue_create){ .vm = r->vm, .ring_va = RING_VA };
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_QUEUE_CREATE, &args), -EINVAL, NULL,
		"a kernel queue has no ring of the process");
}

static void kernel_calls_are_refused(struct drv_rig *r)
{
	struct userq q;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap_ret(drv_exec(r->fd, q.queue, RIG_PACKETS_VA, 1, 0, 0), -EINVAL, NULL,
		"EXEC on a user queue");
	userq_fini(&q);
}

/* It stops with @error, and the kernel hears of that. */
static bool stops(struct userq *q, uint32_t error)
{
	if (userq_wait_head(q, ~0ull, 3000) || q->control->error != error)
		return false;
	for (int i = 0; i < 300 && userq_state(q) != DRM_NPU_QUEUE_FAULTED; i++)
		usleep(10000);
	return userq_state(q) == DRM_NPU_QUEUE_FAULTED;
}

/* Whatever the process writes, the queue stops, and nobody else. */
static void nonsense_stops_it(struct drv_rig *r)
{
	static const struct {
		const char *what;
		uint64_t tail;
	} cases[] = {
		{ "a tail beyond the ring", 65 },
		{ "a tail of 2^63", 1ull << 63 },
		{ "a tail of 2^64 - 1", ~0ull },
	};
	struct userq q;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
		q.tail = cases[i].tail;
		userq_ring(&q);
		tap(stops(&q, NPU_QUEUE_ERROR_TAIL), "%s stops the queue", cases[i].what);
		userq_fini(&q);
	}
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, r), "another works");
	q.tail = 0;
	userq_ring(&q);
	tap(stops(&q, NPU_QUEUE_ERROR_TAIL), "a tail that goes back stops it");
	userq_fini(&q);

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	memset(q.ring, 0xa5, PACKET);
	q.tail = 1;
	userq_ring(&q);
	tap(stops(&q, NPU_QUEUE_ERROR_PACKET), "a packet that is none stops it");
	q.tail = 2;
	userq_ring(&q);
	tap(userq_state(&q) == DRM_NPU_QUEUE_FAULTED, "and it stays stopped");
	userq_fini(&q);

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	drv_vm_unmap(r->fd, r->vm, RING_VA, DRV_PAGE);
	q.tail = 1;
	userq_ring(&q);
	tap(stops(&q, NPU_QUEUE_ERROR_FAULT), "a ring that is not mapped stops it");
	userq_fini(&q);
	tap(drv_rig_works(r), "the VM's kernel queue works all the same");
}

/* Indices and packets that change while they are read: the process harms itself alone. */
static void rewriting_while_it_is_read(struct drv_rig *r)
{
	const int64_t end = drv_now() + 2 * DRV_SECOND;
	struct drv_rig other;
	struct userq q;
	uint64_t x = 88172645463325252ull;
	bool works = true;
	int looks = 0;

	drv_rig_init(&other, 0);
	while (drv_now() < end) {
		userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
		for (int i = 0; i < 3000; i++) {
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			*(volatile uint64_t *)(q.ring + x % 512 * 8) = i & 1 ? x % 9 : x;
			if (i % 7 == 0)
				((volatile uint64_t *)q.control)[x / 512 % 512] = x;
			if (i % 64 == 0) {
				*q.doorbell = x % 64;
				*q.wake = 1;
			}
		}
		userq_state(&q);
		works &= drv_rig_works(&other);
		looks++;
		userq_fini(&q);
	}
	tap(works, "another client works while a process writes nonsense (%d queues)", looks);
	drv_rig_fini(&other);
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap(userq_works(&q, r), "a new queue of that process works");
	userq_fini(&q);
}

/* A lie in the control page is not believed. */
static void the_control_page_is_not_believed(struct drv_rig *r)
{
	struct drm_npu_queue_get_state state;
	struct userq q, stopped;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	userq_init(&stopped, r->fd, r->vm, RING_VA + DRV_MIB, USERQ_SHIFT);
	tap(userq_works(&q, r), "a queue works");
	q.control->error = NPU_QUEUE_ERROR_ECC;
	q.control->state = NPU_QUEUE_STATE_STOPPED;
	q.control->busy_ns = ~0ull;
	/* The kernel looks at all queues when one stops. */
	stopped.tail = 1000;
	userq_ring(&stopped);
	tap(stops(&stopped, NPU_QUEUE_ERROR_TAIL), "another one stops");
	tap(!drv_queue_state(r->fd, q.queue, &state) && !state.state && !state.error,
	    "it says that it has stopped; the kernel asks the card");
	tap(state.busy_ns > 0 && state.busy_ns < 3600ull * DRV_SECOND,
	    "and what it has used, too (%llu ns)", (unsigned long long)state.busy_ns);
	q.control->state = NPU_QUEUE_STATE_ACTIVE;
	tap(userq_works(&q, r), "it works on");
	userq_fini(&stopped);
	userq_fini(&q);
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	it_runs(&r);
	every_ring_size(&r);
	many_at_once(&r);
	arguments_are_checked(&r);
	kernel_calls_are_refused(&r);
	nonsense_stops_it(&r);
	rewriting_while_it_is_read(&r);
	the_control_page_is_not_believed(&r);
	tap(drv_rig_works(&r), "at the end a kernel queue works");
	drv_rig_fini(&r);
	return tap_end();
}
