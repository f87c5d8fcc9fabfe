// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Queues: who may have which, how many there are, how they end. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/capability.h>
#include <xf86drm.h>

#include "drv.h"

#define QUEUES_MAX	512

static int create(int fd, struct drm_npu_queue_create args)
{
	return drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_CREATE, &args);
}

static void refuses_what_makes_no_sense(struct drv_rig *r)
{
	struct drm_npu_queue_destroy destroy = { .queue = r->queue, .mbz = 1 };
	struct drm_npu_queue_get_state state = { .queue = r->queue, .mbz = 1 };
	int other = drv_open(0);
	uint32_t vm;

	tap_ret(create(r->fd, (struct drm_npu_queue_create){ .vm = 0 }), -ENOENT, NULL, "VM 0");
	tap_ret(create(r->fd, (struct drm_npu_queue_create){ .vm = ~0u }), -ENOENT, NULL,
		"a VM that is not there");
	tap_ret(create(other, (struct drm_npu_queue_create){ .vm = r->vm }), -ENOENT, NULL,
		"another file's VM");
	tap_ret(create(r->fd, (struct drm_npu_queue_create){ .vm = r->vm, .flags = 1 }), -EINVAL, NULL,
		"unknown flags");
	tap_ret(create(r->fd, (struct drm_npu_queue_create){ .vm = r->vm, .priority = 4 }), -EINVAL,
		NULL, "an unknown priority");
	tap_ret(create(r->fd, (struct drm_npu_queue_create){ .vm = r->vm, .priority = ~0u }), -EINVAL,
		NULL, "the largest priority");
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_QUEUE_DESTROY, &destroy), -EINVAL, NULL,
		"QUEUE_DESTROY: mbz that is not zero");
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_QUEUE_GET_STATE, &state), -EINVAL, NULL,
		"QUEUE_GET_STATE: mbz that is not zero");
	/* It has a VM of that number, too. */
	if (drv_vm_create(other, &vm) || vm != r->vm)
		tap_bail("handles do not begin anew in each file");
	tap_ret(drv_queue_destroy(other, r->queue), -ENOENT, NULL, "QUEUE_DESTROY: another file's");
	tap_ret(drv_queue_state(other, r->queue, &state), -ENOENT, NULL,
		"QUEUE_GET_STATE: another file's");
	tap_ret(drv_exec(other, r->queue, RIG_PACKETS_VA, 1, 0, 0), -ENOENT, NULL,
		"EXEC: another file's");
	close(other);
}

static void handles_cannot_be_guessed(struct drv_rig *r)
{
	struct drm_npu_queue_get_state state;
	int fd = drv_open(0), found = 0;

	for (uint32_t handle = 0; handle < 2000; handle++)
		found += drv_queue_state(fd, handle, &state) != -ENOENT ||
			 drv_queue_destroy(fd, handle) != -ENOENT ||
			 drv_vm_destroy(fd, handle) != -ENOENT;
	tap_ret(found, 0, NULL, "a file that made nothing finds nothing");
	close(fd);
	tap(drv_rig_works(r), "and has disturbed nobody");
}

static int drop_capability(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -errno;
	data[capability / 32].effective &= ~(1u << capability % 32);
	return syscall(SYS_capset, &header, data) ? -errno : 0;
}

static void high_priorities_need_a_capability(struct drv_rig *r)
{
	int results[4], pipes[2];
	pid_t child;

	if (pipe(pipes))
		tap_bail("no pipe");
	child = fork();
	if (!child) {
		if (drop_capability(CAP_SYS_NICE))
			_exit(1);
		for (uint32_t p = 0; p < 4; p++)
			results[p] = create(r->fd, (struct drm_npu_queue_create){
				.vm = r->vm, .priority = p,
			});
		_exit(write(pipes[1], results, sizeof(results)) != sizeof(results));
	}
	close(pipes[1]);
	if (read(pipes[0], results, sizeof(results)) != sizeof(results))
		tap_bail("the child said nothing");
	close(pipes[0]);
	waitpid(child, NULL, 0);
	tap(!results[0] && !results[1], "everybody gets queues of low and normal priority");
	tap(results[2] == -EACCES && results[3] == -EACCES,
	    "without CAP_SYS_NICE nobody gets a high or real-time one");
	for (uint32_t p = 0; p < 4; p++) {
		uint32_t first = r->queue, queue;

		tap_ret(drv_queue_create(r->fd, r->vm, p, &queue), 0, NULL, "with it, priority %u", p);
		r->queue = queue;
		tap(drv_rig_works(r), "which works");
		r->queue = first;
		drv_queue_destroy(r->fd, queue);
	}
}

static void counters_count(struct drv_rig *r)
{
	struct drm_npu_queue_get_state state, before;

	drv_queue_state(r->fd, r->queue, &before);
	for (int i = 0; i < 5; i++)
		if (!drv_rig_works(r))
			tap_bail("a job failed");
	/* The control block is written a moment after the fence. */
	for (int i = 0; i < 100; i++) {
		drv_queue_state(r->fd, r->queue, &state);
		if (state.busy_ns > before.busy_ns && state.energy_nj > before.energy_nj)
			break;
		usleep(10000);
	}
	tap(state.jobs == before.jobs + 5 && state.state == 0 && state.error == 0,
	    "a queue counts its jobs");
	tap(state.busy_ns > before.busy_ns && state.energy_nj > before.energy_nj,
	    "engine time and energy");
}

static uint32_t queues[2][QUEUES_MAX + 1];

/* Each queue adds its own word to the buffer, all at the same time. */
static void all_work(struct drv_rig *r, unsigned int count)
{
	uint32_t *words = (uint32_t *)r->data;
	bool right = true;
	int ret = 0;

	memset(r->data, 0, DRV_PAGE);
	memset(r->packets, 0, DRV_PAGE);
	for (unsigned int i = 0; i < count && !ret; i++) {
		/* The packets of one job are rewritten only when it has ended. */
		if (i && i % 64 == 0)
			ret = drv_wait(r->fd, r->syncobj, 60 * DRV_SECOND);
		drv_packet_fill(r->packets + i % 64 * 64, RIG_DATA_VA + 4 * i, 4, i + 1);
		if (!ret)
			ret = drv_exec(r->fd, queues[0][i], RIG_PACKETS_VA + i % 64 * 64, 1,
				       i % 64 ? r->syncobj : 0, r->syncobj);
	}
	if (!ret)
		ret = drv_wait(r->fd, r->syncobj, 60 * DRV_SECOND);
	for (unsigned int i = 0; i < count; i++)
		right &= words[i] == i + 1;
	tap(!ret && right, "%u queues work, more than the card has slots (%d)", count, ret);
}

static void all_queues_can_be_had_again(struct drv_rig *r)
{
	unsigned int counts[2] = { 0 };
	int ret = 0;

	for (int round = 0; round < 2; round++) {
		while (counts[round] <= QUEUES_MAX) {
			ret = drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_LOW,
					       &queues[round][counts[round]]);
			if (ret)
				break;
			counts[round]++;
		}
		tap_ret(ret, -ENOSPC, NULL, "%u queues fill the card", counts[round]);
		if (!round)
			all_work(r, counts[0]);
		for (unsigned int i = 0; i < counts[round]; i++)
			drv_queue_destroy(r->fd, queues[round][i]);
	}
	tap(counts[0] == counts[1] && counts[0] > 100, "as many the second time");
}

static void destroying_ends_what_is_in_flight(void)
{
	uint32_t second, syncobjs[3];
	struct drv_rig r;
	int64_t start;

	drv_rig_init(&r, 0);
	if (drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &second))
		tap_bail("no queue");
	for (int i = 0; i < 3; i++)
		if (drv_syncobj(r.fd, &syncobjs[i]))
			tap_bail("no syncobj");
	drv_packet_wait(r.packets, RIG_DATA_VA, 1);
	drv_packet_fill(r.packets + 64, RIG_DATA_VA + 4096, 4, 1);
	if (drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, syncobjs[0]) ||
	    drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, syncobjs[1]) ||
	    drv_exec(r.fd, second, RIG_PACKETS_VA + 64, 1, syncobjs[0], syncobjs[2]))
		tap_bail("EXEC failed");
	usleep(50000);
	start = drv_now();
	tap_ret(drv_queue_destroy(r.fd, second), 0, NULL,
		"a queue is destroyed whose job waits for another's");
	tap_ret(drv_queue_destroy(r.fd, r.queue), 0, NULL, "one is destroyed whose job runs");
	tap(drv_now() - start < DRV_SECOND, "both at once");
	tap_ret(drv_wait(r.fd, syncobjs[0], DRV_SECOND), -ECANCELED, NULL, "the job that ran is cancelled");
	tap_ret(drv_wait(r.fd, syncobjs[1], DRV_SECOND), -ECANCELED, NULL, "and the one behind it");
	tap_ret(drv_wait(r.fd, syncobjs[2], DRV_SECOND), -ECANCELED, NULL, "and the one that waited");
	tap(!*(uint32_t *)(r.data + 4096), "which has not run");
	tap_ret(drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, 0), -ENOENT, NULL, "the queue is gone");
	if (drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &r.queue))
		tap_bail("no queue");
	tap(drv_rig_works(&r), "a new one works");
	drv_rig_fini(&r);
}

struct hammer {
	struct drv_rig *r;
	atomic_bool *stop;
	int wrong;	/* an answer that cannot be */
	unsigned int hits;
};

/* Uses whatever the first few handles are just then. */
static void *use(void *opaque)
{
	struct hammer *h = opaque;
	struct drm_npu_queue_get_state state;
	uint32_t handle = 0;

	while (!atomic_load(h->stop)) {
		int ret;

		handle = handle % 4 + 1;
		if (handle == h->r->queue)
			continue;
		ret = drv_exec(h->r->fd, handle, RIG_PACKETS_VA, 1, 0, 0);
		h->hits += !ret;
		if (ret && ret != -ENOENT && ret != -ECANCELED)
			h->wrong = ret;
		ret = drv_queue_state(h->r->fd, handle, &state);
		if (ret && ret != -ENOENT)
			h->wrong = ret;
	}
	return NULL;
}

static void *make(void *opaque)
{
	struct hammer *h = opaque;
	uint32_t queue;

	while (!atomic_load(h->stop)) {
		int ret = drv_queue_create(h->r->fd, h->r->vm, DRM_NPU_PRIORITY_NORMAL, &queue);

		if (!ret)
			ret = drv_queue_destroy(h->r->fd, queue);
		/* Another thread may have destroyed it. */
		if (ret && ret != -ENOENT)
			h->wrong = ret;
		h->hits++;
	}
	return NULL;
}

static void *destroy_any(void *opaque)
{
	struct hammer *h = opaque;
	uint32_t handle = 0;

	while (!atomic_load(h->stop)) {
		int ret;

		handle = handle % 4 + 1;
		if (handle == h->r->queue)
			continue;
		ret = drv_queue_destroy(h->r->fd, handle);
		h->hits += !ret;
		if (ret && ret != -ENOENT)
			h->wrong = ret;
	}
	return NULL;
}

static void use_and_destruction_may_race(struct drv_rig *r)
{
	void *(*const functions[])(void *) = { make, make, use, destroy_any };
	atomic_bool stop = false;
	struct hammer hammers[4];
	pthread_t threads[4];

	drv_packet_fill(r->packets, RIG_DATA_VA, 4096, 7);
	for (int i = 0; i < 4; i++) {
		hammers[i] = (struct hammer){ .r = r, .stop = &stop };
		if (pthread_create(&threads[i], NULL, functions[i], &hammers[i]))
			tap_bail("no thread");
	}
	sleep(4);
	atomic_store(&stop, true);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		tap(!hammers[i].wrong && hammers[i].hits,
		    "thread %d of those that make, use and destroy the same queues (%u times, %d)", i,
		    hammers[i].hits, hammers[i].wrong);
	}
	tap(drv_rig_works(r), "and a queue beside them works");
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	refuses_what_makes_no_sense(&r);
	handles_cannot_be_guessed(&r);
	counters_count(&r);
	high_priorities_need_a_capability(&r);
	all_queues_can_be_had_again(&r);
	use_and_destruction_may_race(&r);
	drv_rig_fini(&r);
	destroying_ends_what_is_in_flight();
	return tap_end();
}
