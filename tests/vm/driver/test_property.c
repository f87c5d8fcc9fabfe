// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* QUEUE_SET_PROPERTY: what is taken, from whom, and that it has an effect. */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

#define PRIORITY	DRM_NPU_QUEUE_PROPERTY_PRIORITY
#define SLICE		DRM_NPU_QUEUE_PROPERTY_TIME_SLICE

static int set(int fd, uint32_t queue, uint32_t property, uint64_t value)
{
	struct drm_npu_queue_set_property args = { queue, property, value };

	return drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_SET_PROPERTY, &args);
}

static void arguments_are_checked(struct drv_rig *r)
{
	static const struct {
		uint32_t property;
		uint64_t value;
		int ret;
	} cases[] = {
		{ PRIORITY, DRM_NPU_PRIORITY_LOW, 0 }, { PRIORITY, DRM_NPU_PRIORITY_REALTIME, 0 },
		{ PRIORITY, 4, -EINVAL }, { PRIORITY, 1ull << 32, -EINVAL },
		{ PRIORITY, ~0ull, -EINVAL }, { SLICE, 0, 0 }, { SLICE, 999, -EINVAL },
		{ SLICE, 1000, 0 }, { SLICE, 1000000, 0 }, { SLICE, 1000001, -EINVAL },
		{ SLICE, (1ull << 32) + 5000, -EINVAL }, { SLICE, ~0ull, -EINVAL },
		{ 2, 1, -EINVAL }, { ~0u, 1, -EINVAL }, { PRIORITY, DRM_NPU_PRIORITY_NORMAL, 0 },
	};
	int other = drv_open(0);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		tap_ret(set(r->fd, r->queue, cases[i].property, cases[i].value), cases[i].ret, NULL,
			"property %u = 0x%llx", cases[i].property,
			(unsigned long long)cases[i].value);
	tap_ret(set(r->fd, 0, PRIORITY, 1), -ENOENT, NULL, "queue 0");
	tap_ret(set(r->fd, ~0u, PRIORITY, 1), -ENOENT, NULL, "a queue that is not there");
	tap_ret(set(other, r->queue, PRIORITY, 1), -ENOENT, NULL, "another file's queue");
	close(other);
	tap(drv_rig_works(r), "the queue works after all that");
}

/* Without CAP_SYS_NICE nobody gets more than what a queue is created with. */
static void more_needs_a_privilege(struct drv_rig *r)
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		int bad = setresuid(4711, 4711, 4711);

		bad |= set(r->fd, r->queue, PRIORITY, DRM_NPU_PRIORITY_HIGH) != -EACCES;
		bad |= set(r->fd, r->queue, PRIORITY, DRM_NPU_PRIORITY_REALTIME) != -EACCES;
		bad |= set(r->fd, r->queue, SLICE, 5001) != -EACCES;
		bad |= set(r->fd, r->queue, SLICE, 5000);
		bad |= set(r->fd, r->queue, SLICE, 1000);
		bad |= set(r->fd, r->queue, SLICE, 0);
		bad |= set(r->fd, r->queue, PRIORITY, DRM_NPU_PRIORITY_LOW);
		bad |= set(r->fd, r->queue, PRIORITY, DRM_NPU_PRIORITY_NORMAL);
		_exit(bad ? 1 : 0);
	}
	waitpid(child, &status, 0);
	tap_ret(status, 0, NULL, "more than normal, or than the default slice, needs CAP_SYS_NICE");
}

static void a_dead_queue_takes_no_harm(struct drv_rig *r)
{
	uint32_t queue;
	int ret;

	drv_packet_copy(r->packets, RIG_DATA_VA, 0x7000000000ull, 4096);
	tap_ret(drv_rig_run(r, 1), -EIO, NULL, "a queue faults");
	ret = set(r->fd, r->queue, PRIORITY, DRM_NPU_PRIORITY_HIGH);
	tap(!ret, "its priority can be set all the same");
	queue = r->queue;
	drv_queue_destroy(r->fd, queue);
	tap_ret(set(r->fd, queue, PRIORITY, 1), -ENOENT, NULL, "but not once it is destroyed");
	if (drv_queue_create(r->fd, r->vm, DRM_NPU_PRIORITY_NORMAL, &r->queue))
		tap_bail("no queue");
}

static atomic_bool stop;

static void *change(void *argument)
{
	struct drv_rig *r = argument;

	for (uint32_t i = 0; !atomic_load(&stop); i++) {
		set(r->fd, r->queue, PRIORITY, i % 4);
		set(r->fd, r->queue, SLICE, 1000 + i % 5000);
	}
	return NULL;
}

/* Also to and from realtime, which takes it out of its slot each time. */
static void a_running_queue_can_be_changed(struct drv_rig *r)
{
	const int64_t end = drv_now() + 2 * DRV_SECOND;
	pthread_t threads[2];
	int jobs = 0;

	atomic_store(&stop, false);
	for (int i = 0; i < 2; i++)
		if (pthread_create(&threads[i], NULL, change, r))
			tap_bail("no thread");
	while (drv_now() < end && drv_rig_works(r))
		jobs++;
	atomic_store(&stop, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	tap(drv_now() >= end && jobs > 0, "%d jobs are right while their queue's priority changes", jobs);
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	arguments_are_checked(&r);
	more_needs_a_privilege(&r);
	a_dead_queue_takes_no_harm(&r);
	a_running_queue_can_be_changed(&r);
	drv_rig_fini(&r);
	return tap_end();
}
