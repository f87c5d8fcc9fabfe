// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Fences out of user queues and into them, and waiting for words of memory. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <xf86drm.h>

#include "userq.h"

#define RING_VA		0x40000000ull
#define WORD		(RIG_DATA_VA + 0x8000)	/* what a FENCE_WAIT looks at */

static int userq_signal_array(int fd, uint32_t queue, uint64_t index,
			      const struct drm_npu_sync *syncs, uint32_t count, uint32_t flags)
{
	struct drm_npu_userq_signal args = {
		.queue = queue, .flags = flags, .index = index,
		.syncs = { .pointer = (uintptr_t)syncs, .count = count, .stride = sizeof(*syncs) },
	};

	return drv_ioctl(fd, DRM_IOCTL_NPU_USERQ_SIGNAL, &args);
}

static int userq_signal(struct userq *q, uint64_t index, uint32_t syncobj)
{
	const struct drm_npu_sync sync = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = syncobj };

	return userq_signal_array(q->fd, q->queue, index, &sync, 1, 0);
}

static int userq_wait_array(int fd, uint32_t queue, const struct drm_npu_sync *syncs,
			    uint32_t count, uint64_t *va, uint64_t *value)
{
	struct drm_npu_userq_wait args = {
		.queue = queue,
		.syncs = { .pointer = (uintptr_t)syncs, .count = count, .stride = sizeof(*syncs) },
	};
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_USERQ_WAIT, &args);

	*va = args.va;
	*value = args.value;
	return ret;
}

static int userq_wait(struct userq *q, uint32_t syncobj, uint64_t *va, uint64_t *value)
{
	const struct drm_npu_sync sync = { .handle = syncobj };

	return userq_wait_array(q->fd, q->queue, &sync, 1, va, value);
}

static int wait_fence(int fd, struct drm_npu_wait_user_fence args)
{
	return drv_ioctl(fd, DRM_IOCTL_NPU_WAIT_USER_FENCE, &args);
}

static void put_wait(struct userq *q, uint64_t va, uint64_t value)
{
	const struct npu_packet_fence_wait packet = {
		.header.opcode = NPU_PACKET_FENCE_WAIT, .address = va, .value = value,
		.mask = ~0ull, .compare = NPU_COMPARE_GE,
	};

	userq_put(q, &packet);
}

static void put_signal(struct userq *q, uint64_t va, uint64_t value)
{
	uint8_t packet[64];

	drv_packet_signal(packet, va, value);
	userq_put(q, packet);
}

static volatile uint64_t *word(struct drv_rig *r)
{
	return (volatile uint64_t *)(r->data + (WORD - RIG_DATA_VA));
}

static uint32_t new_syncobj(int fd)
{
	uint32_t handle;

	if (drv_syncobj(fd, &handle))
		tap_bail("no syncobj");
	return handle;
}

static void signals(struct drv_rig *r)
{
	uint32_t done = new_syncobj(r->fd), later = new_syncobj(r->fd), line = new_syncobj(r->fd);
	struct drm_npu_sync syncs[3] = { { .flags = DRM_NPU_SYNC_SIGNAL, .handle = line, .point = 5 } };
	struct drm_npu_queue_get_state state;
	struct pollfd p = { .events = POLLIN };
	uint64_t point = 0;
	struct userq q;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap_ret(userq_signal(&q, 0, done), 0, NULL, "a fence of nothing");
	tap_ret(drv_wait(r->fd, done, 0), 0, NULL, "has signalled");
	tap_ret(userq_signal(&q, 1, done), -EINVAL, NULL, "no fence of what was not rung");
	*word(r) = 0;
	put_signal(&q, RIG_DATA_VA, 7);
	put_wait(&q, WORD, 1);
	put_signal(&q, RIG_DATA_VA, 8);
	userq_ring(&q);
	tap_ret(userq_signal(&q, 1, done), 0, NULL, "a fence of the first packet");
	tap_ret(userq_signal(&q, 3, later), 0, NULL, "one of the third");
	tap_ret(userq_signal_array(r->fd, q.queue, 3, syncs, 1, 0), 0, NULL, "and a timeline's point");
	tap_ret(userq_signal(&q, 4, done), -EINVAL, NULL, "none of a fourth");
	tap_ret(drv_wait(r->fd, done, 5 * DRV_SECOND), 0, NULL, "the first signals");
	tap(*(volatile uint64_t *)r->data == 7, "when the packet is done");
	tap_ret(drv_wait(r->fd, later, DRV_SECOND / 5), -ETIME, NULL, "the third does not");
	if (drmSyncobjExportSyncFile(r->fd, later, &p.fd))
		tap_bail("no sync_file");
	tap(!poll(&p, 1, 0), "nor its sync_file");
	*word(r) = 1;
	tap(poll(&p, 1, 5000) == 1, "until the queue gets there");
	tap_ret(drv_wait(r->fd, later, 0), 0, NULL, "the syncobj has signalled");
	tap(!drmSyncobjQuery(r->fd, &line, &point, 1) && point == 5, "so has the timeline");
	tap(!drv_queue_state(r->fd, q.queue, &state) && !state.state && state.jobs == 4,
	    "the state counts the fences (%llu)", (unsigned long long)state.jobs);
	close(p.fd);
	userq_fini(&q);
	drmSyncobjDestroy(r->fd, done);
	drmSyncobjDestroy(r->fd, later);
	drmSyncobjDestroy(r->fd, line);
}

static void arguments_are_checked(struct drv_rig *r)
{
	uint32_t s = new_syncobj(r->fd), empty = new_syncobj(r->fd);
	struct drm_npu_sync out = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = s };
	struct drm_npu_sync in = { .handle = s };
	struct drm_npu_wait_user_fence w = { .value = 1, .mask = ~0ull };
	uint64_t memory = 1, va, value;
	struct userq q;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	tap_ret(userq_signal_array(r->fd, q.queue, 0, &out, 1, 1), -EINVAL, NULL, "SIGNAL: a flag");
	tap_ret(userq_signal_array(r->fd, q.queue, 0, &out, 0, 0), -EINVAL, NULL, "SIGNAL: nothing");
	tap_ret(userq_signal_array(r->fd, q.queue, 0, &in, 1, 0), -EINVAL, NULL, "SIGNAL: a wait");
	tap_ret(userq_signal_array(r->fd, q.queue, 0, &out, 1025, 0), -EINVAL, NULL,
		"SIGNAL: too many");
	tap_ret(userq_signal_array(r->fd, q.queue, 0, NULL, 1, 0), -EFAULT, NULL, "SIGNAL: no array");
	tap_ret(userq_signal_array(r->fd, r->queue, 0, &out, 1, 0), -EINVAL, NULL,
		"SIGNAL: a kernel queue");
	tap_ret(userq_signal_array(r->fd, 999, 0, &out, 1, 0), -ENOENT, NULL, "SIGNAL: no queue");
	tap_ret(userq_signal_array(r->fd, q.queue, ~0ull, &out, 1, 0), -EINVAL, NULL,
		"SIGNAL: index 2^64 - 1");
	out.handle = 12345;
	tap_ret(userq_signal_array(r->fd, q.queue, 0, &out, 1, 0), -ENOENT, NULL, "SIGNAL: no syncobj");
	out.handle = s;
	tap_ret(userq_wait_array(r->fd, q.queue, &out, 1, &va, &value), -EINVAL, NULL,
		"WAIT: a signal");
	tap_ret(userq_wait_array(r->fd, q.queue, &in, 0, &va, &value), -EINVAL, NULL, "WAIT: nothing");
	tap_ret(userq_wait(&q, empty, &va, &value), -EINVAL, NULL, "WAIT: what nobody is to signal");
	tap_ret(userq_wait_array(r->fd, r->queue, &in, 1, &va, &value), -EINVAL, NULL,
		"WAIT: a kernel queue");

	w.queue = q.queue;
	w.address = (uintptr_t)&memory;
	tap_ret(wait_fence(r->fd, w), 0, NULL, "USER_FENCE: it holds");
	w.value = 2;
	tap_ret(wait_fence(r->fd, w), -ETIME, NULL, "USER_FENCE: not, and the time is over");
	w.timeout_ns = -1;
	tap_ret(wait_fence(r->fd, w), -ETIME, NULL, "USER_FENCE: long over");
	w.compare = NPU_COMPARE_NE;
	tap_ret(wait_fence(r->fd, w), 0, NULL, "USER_FENCE: not equal");
	w.compare = NPU_COMPARE_EQ;
	tap_ret(wait_fence(r->fd, w), -ETIME, NULL, "USER_FENCE: equal");
	w.compare = NPU_COMPARE_COUNT;
	tap_ret(wait_fence(r->fd, w), -EINVAL, NULL, "USER_FENCE: no such comparison");
	w.compare = NPU_COMPARE_GE;
	w.flags = 1;
	tap_ret(wait_fence(r->fd, w), -EINVAL, NULL, "USER_FENCE: a flag");
	w.flags = 0;
	w.mbz = 1;
	tap_ret(wait_fence(r->fd, w), -EINVAL, NULL, "USER_FENCE: mbz");
	w.mbz = 0;
	w.address += 4;
	tap_ret(wait_fence(r->fd, w), -EINVAL, NULL, "USER_FENCE: not aligned");
	w.address = 8;
	tap_ret(wait_fence(r->fd, w), -EFAULT, NULL, "USER_FENCE: not mapped");
	w.address = 0xffff888000000000ull;
	tap_ret(wait_fence(r->fd, w), -EFAULT, NULL, "USER_FENCE: the kernel's memory");
	w.address = (uintptr_t)&memory;
	w.queue = r->queue;
	tap_ret(wait_fence(r->fd, w), -EINVAL, NULL, "USER_FENCE: a kernel queue");
	userq_fini(&q);
	drmSyncobjDestroy(r->fd, s);
	drmSyncobjDestroy(r->fd, empty);
}

/* Kernel queue, user queue, kernel queue, each behind the one before. */
static void both_ways(struct drv_rig *r)
{
	uint32_t first = new_syncobj(r->fd), second = new_syncobj(r->fd), third = new_syncobj(r->fd);
	uint64_t va, value, last = 0;
	struct userq q;
	int right = 0;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	for (uint32_t i = 1; i <= 50; i++) {
		volatile uint64_t *data = (volatile uint64_t *)r->data;

		drv_packet_fill(r->packets, RIG_DATA_VA, 8, i);
		drv_packet_copy(r->packets + 64, RIG_DATA_VA + 16, RIG_DATA_VA + 8, 8);
		if (drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 1, 0, first) ||
		    userq_wait(&q, first, &va, &value))
			tap_bail("no fence");
		right += value == last + 1;
		last = value;
		put_wait(&q, va, value);
		{
			uint8_t packet[64];

			drv_packet_copy(packet, RIG_DATA_VA + 8, RIG_DATA_VA, 8);
			userq_put(&q, packet);
		}
		userq_ring(&q);
		if (userq_signal(&q, q.tail, second) ||
		    drv_exec(r->fd, r->queue, RIG_PACKETS_VA + 64, 1, second, third) ||
		    drv_wait(r->fd, third, 10 * DRV_SECOND))
			break;
		right += data[2] == (i | (uint64_t)i << 32);
	}
	tap(right == 100, "a chain of kernel, user and kernel queue, 50 times (%d)", right);
	userq_fini(&q);
	drmSyncobjDestroy(r->fd, first);
	drmSyncobjDestroy(r->fd, second);
	drmSyncobjDestroy(r->fd, third);
}

static void stuck_queues(struct drv_rig *r)
{
	uint32_t done = new_syncobj(r->fd), slow = new_syncobj(r->fd);
	struct drv_rig other;
	uint64_t va, value;
	struct userq q;
	int64_t start;

	drv_rig_init(&other, 0);
	*word(r) = 0;
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	put_wait(&q, WORD, 1);
	userq_ring(&q);
	usleep(4500000);
	tap(!userq_state(&q), "a queue that waits may do so for as long as it likes");
	start = drv_now();
	userq_signal(&q, 1, done);
	tap_ret(drv_wait(r->fd, done, 15 * DRV_SECOND), -ETIME, NULL,
		"one that has promised a fence is killed (%lld ms)",
		(long long)(drv_now() - start) / 1000000);
	tap(drv_now() - start > DRV_SECOND && drv_now() - start < 9 * DRV_SECOND,
	    "after a period without progress");
	tap(userq_state(&q) == DRM_NPU_QUEUE_TIMED_OUT &&
	    q.control->state == NPU_QUEUE_STATE_STOPPED, "its state says why");
	tap_ret(userq_signal(&q, 1, done), -ECANCELED, NULL, "and it makes no more promises");
	tap_ret(userq_wait(&q, done, &va, &value), -ECANCELED, NULL, "nor takes any");
	*q.doorbell = 3;
	userq_fini(&q);

	/* What it waits for is a fence of somebody else, older than its own: no fault of its. */
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	{
		/* Kernel jobs that get on, but not soon. */
		for (int i = 0; i < 64; i++)
			drv_packet_copy(r->packets + 64 * i, RIG_DATA_VA + RIG_DATA_SIZE / 2,
					RIG_DATA_VA, RIG_DATA_SIZE / 2);
		start = drv_now();
		drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 64, 0, slow);
		for (int i = 0; i < 400; i++)
			drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 64, 0, slow);
		if (userq_wait(&q, slow, &va, &value))
			tap_bail("no wait");
		put_wait(&q, va, value);
		userq_ring(&q);
		userq_signal(&q, q.tail, done);
		tap_ret(drv_wait(r->fd, done, 120 * DRV_SECOND), 0, NULL,
			"a queue that waits for another's fence is not to blame (%lld ms)",
			(long long)(drv_now() - start) / 1000000);
	}
	userq_fini(&q);

	/* A circle: the fence of what waits for that very fence. */
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	put_wait(&q, q.control_va + 1024, 1);
	userq_ring(&q);
	userq_signal(&q, 1, done);
	tap_ret(userq_wait(&q, done, &va, &value), 0, NULL, "a queue is told to wait for itself");
	tap(va == q.control_va + 1024 && value == 1, "by the word that it waits for");
	tap_ret(drv_wait(r->fd, done, 15 * DRV_SECOND), -ETIME, NULL, "and is killed for it");
	userq_fini(&q);
	tap(drv_rig_works(&other), "another client works");
	drv_rig_fini(&other);
	drmSyncobjDestroy(r->fd, done);
	drmSyncobjDestroy(r->fd, slow);
}

/* The ends of a queue that has fences both ways. */
static void ends(struct drv_rig *r)
{
	uint32_t done = new_syncobj(r->fd), more = new_syncobj(r->fd), gate = new_syncobj(r->fd);
	struct userq q, holder;
	uint64_t va, value;

	*word(r) = 0;
	userq_init(&holder, r->fd, r->vm, RING_VA + DRV_MIB, USERQ_SHIFT);
	put_wait(&holder, WORD, 1);
	userq_ring(&holder);
	userq_signal(&holder, 1, gate);
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	for (int i = 0; i < 3; i++)
		tap_ret(userq_wait(&q, gate, &va, &value), 0, NULL, "a wait");
	put_wait(&q, va, value);
	put_signal(&q, RIG_DATA_VA, 1);
	userq_ring(&q);
	userq_signal(&q, 1, done);
	userq_signal(&q, 2, more);
	userq_fini(&q);
	tap_ret(drv_wait(r->fd, done, DRV_SECOND), -ECANCELED, NULL, "destroyed: its fences tell");
	tap_ret(drv_wait(r->fd, more, DRV_SECOND), -ECANCELED, NULL, "all of them");
	*word(r) = 1;
	tap_ret(drv_wait(r->fd, gate, 5 * DRV_SECOND), 0, NULL, "what it waited for goes on");
	userq_fini(&holder);

	/* A limit. */
	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	userq_init(&holder, r->fd, r->vm, RING_VA + DRV_MIB, USERQ_SHIFT);
	*word(r) = 0;
	put_wait(&holder, WORD, 1);
	userq_ring(&holder);
	userq_signal(&holder, 1, gate);
	{
		int got = 0;

		while (got < 1000 && !userq_wait(&q, gate, &va, &value))
			got++;
		tap_ret(got, 256, NULL, "256 waits, no more");
		*word(r) = 1;
		drv_wait(r->fd, gate, 5 * DRV_SECOND);
		put_wait(&q, va, 256);
		userq_ring(&q);
		tap(userq_wait_head(&q, 1, 5000), "all of them are through");
	}
	userq_fini(&holder);
	userq_fini(&q);
	drmSyncobjDestroy(r->fd, done);
	drmSyncobjDestroy(r->fd, more);
	drmSyncobjDestroy(r->fd, gate);
}

static void on_alarm(int signal)
{
}

static void *destroy_later(void *arg)
{
	struct userq *q = arg;

	usleep(300000);
	drv_queue_destroy(q->fd, q->queue);
	return NULL;
}

static void user_fences(struct drv_rig *r)
{
	volatile uint64_t *data = (volatile uint64_t *)r->data;
	struct drm_npu_wait_user_fence w = {
		.address = (uintptr_t)data, .mask = 0xff00, .value = 0x500,
		.compare = NPU_COMPARE_EQ,
	};
	struct sigaction action = { .sa_handler = on_alarm };
	struct drm_npu_wait_user_fence direct;
	pthread_t thread;
	struct userq q;
	int64_t start;
	int right = 0, ret;

	userq_init(&q, r->fd, r->vm, RING_VA, USERQ_SHIFT);
	w.queue = q.queue;
	for (int i = 0; i < 100; i++) {
		*data = 0;
		*word(r) = 0;
		put_signal(&q, RIG_DATA_VA, 0xab05cd | (uint64_t)i << 32);
		q.control->event = q.tail;
		userq_ring(&q);
		w.timeout_ns = drv_now() + 5 * DRV_SECOND;
		start = drv_now();
		right += !wait_fence(r->fd, w) && (*data & 0xff00) == 0x500 &&
			 drv_now() - start < DRV_SECOND;
	}
	tap(right == 100, "a hundred waits for a packet's word, woken by its interrupt (%d)", right);
	*data = 0;
	start = drv_now();
	w.timeout_ns = start + DRV_SECOND / 4;
	tap_ret(wait_fence(r->fd, w), -ETIME, NULL, "a time-out");
	tap(drv_now() - start >= DRV_SECOND / 4 && drv_now() - start < 2 * DRV_SECOND, "at its time");

	sigaction(SIGALRM, &action, NULL);
	w.timeout_ns = drv_now() + 20 * DRV_SECOND;
	direct = w;
	ualarm(200000, 0);
	ret = syscall(SYS_ioctl, r->fd, DRM_IOCTL_NPU_WAIT_USER_FENCE, &direct);
	tap(ret == -1 && errno == EINTR, "a signal");

	pthread_create(&thread, NULL, destroy_later, &q);
	start = drv_now();
	tap_ret(wait_fence(r->fd, w), -ECANCELED, NULL, "the queue is destroyed");
	tap(drv_now() - start < 5 * DRV_SECOND, "and who waits hears of it");
	pthread_join(thread, NULL);
	userq_fini(&q);
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	signals(&r);
	arguments_are_checked(&r);
	both_ways(&r);
	user_fences(&r);
	ends(&r);
	stuck_queues(&r);
	tap(drv_rig_works(&r), "at the end a kernel queue works");
	drv_rig_fini(&r);
	return tap_end();
}
