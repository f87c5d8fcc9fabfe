// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Clients that end with jobs in flight, killed or not, leave nothing behind. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

#include "drv.h"

#define AT	0x80000000ull

static uint32_t queues_on_card(int fd)
{
	struct drm_npu_query_telemetry telemetry = { 0 };
	struct drm_npu_dev_query args = {
		.type = DRM_NPU_QUERY_TELEMETRY, .size = sizeof(telemetry),
		.pointer = (uintptr_t)&telemetry,
	};

	/* Older than the cache. */
	usleep(150000);
	if (drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &args))
		tap_bail("no telemetry");
	return telemetry.queues;
}

/* A job that never ends by itself. */
static void get_stuck(struct drv_rig *r, uint32_t signal)
{
	memset(r->data, 0, 8);
	drv_packet_wait(r->packets, RIG_DATA_VA, 1);
	if (drv_exec(r->fd, r->queue, RIG_PACKETS_VA, 1, 0, signal))
		tap_bail("EXEC failed");
}

static void jobs_that_are_not_on_the_card_yet_end_too(void)
{
	struct drv_rig r, other;
	uint32_t last = 0;
	int64_t start;
	int ret = 0;

	drv_rig_init(&r, 0);
	drv_rig_init(&other, 0);
	get_stuck(&r, r.syncobj);
	if (drv_syncobj(r.fd, &last))
		tap_bail("no syncobj");
	/* More than the ring holds: some of them have not come to the card yet. */
	for (int i = 0; i < 1000 && !ret; i++)
		ret = drv_exec(r.fd, r.queue, RIG_PACKETS_VA, 1, 0, last);
	tap_ret(ret, 0, NULL, "a thousand jobs wait behind one that is stuck");
	start = drv_now();
	tap_ret(drv_queue_destroy(r.fd, r.queue), 0, NULL, "their queue is destroyed");
	tap_ret(drv_wait(r.fd, r.syncobj, DRV_SECOND), -ECANCELED, NULL,
		"the stuck one ends with ECANCELED");
	tap_ret(drv_wait(r.fd, last, DRV_SECOND), -ECANCELED, NULL, "the last one as well");
	tap(drv_now() - start < 3 * DRV_SECOND / 2, "sooner than a time-out would end them");
	if (drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &r.queue))
		tap_bail("no queue");
	tap(drv_rig_works(&r), "another queue of that VM works");
	tap(drv_rig_works(&other), "as well as another client");
	drv_rig_fini(&r);
	drv_rig_fini(&other);
}

static void a_fence_outlives_its_file(void)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };
	struct pollfd p = { .events = POLLIN };
	struct drv_rig r;

	drv_rig_init(&r, 0);
	get_stuck(&r, r.syncobj);
	if (drmSyncobjExportSyncFile(r.fd, r.syncobj, &p.fd))
		tap_bail("no sync_file");
	drv_rig_fini(&r);
	tap(poll(&p, 1, 5000) == 1, "a fence signals when its file was closed");
	tap(!ioctl(p.fd, SYNC_IOC_FILE_INFO, &info) && info.status == -ECANCELED &&
		    fence.driver_name[0],
	    "with ECANCELED, and knows its driver");
	close(p.fd);
}

/* Holds buffers and stuck jobs, then says so and sleeps. */
static void be_stuck(int ready)
{
	struct drv_rig r;
	uint32_t bo, second;

	drv_rig_init(&r, 0);
	if (drv_bo_create(r.fd, 32 * DRV_MIB, DRM_NPU_MEMORY_DEVICE, 0, 0, &bo) ||
	    drv_vm_map(r.fd, r.vm, AT, 32 * DRV_MIB, bo, 0, 0) ||
	    drv_queue_create(r.fd, r.vm, DRM_NPU_PRIORITY_NORMAL, &second))
		_exit(1);
	get_stuck(&r, r.syncobj);
	drv_packet_fill(r.packets + 64, AT, 32 * DRV_MIB, 1);
	for (int i = 0; i < 20; i++)
		if (drv_exec(r.fd, i & 1 ? second : r.queue, RIG_PACKETS_VA + 64, 1, 0, 0) ||
		    drv_exec(r.fd, second, RIG_PACKETS_VA + 64, 1, r.syncobj, 0))
			_exit(1);
	if (write(ready, "", 1) == 1)
		pause();
	_exit(1);
}

/* Never rests: the signal finds it in some ioctl or other. */
static void be_busy(int ready)
{
	uint32_t bo, queue, vm;
	struct drv_rig r;

	drv_rig_init(&r, 0);
	drv_packet_fill(r.packets, AT, 64, 1);
	if (write(ready, "", 1) != 1)
		_exit(1);
	for (;;) {
		if (drv_bo_create(r.fd, 4 * DRV_MIB, DRM_NPU_MEMORY_DEVICE, 0, 0, &bo) ||
		    drv_vm_create(r.fd, &vm) || drv_queue_create(r.fd, r.vm, 1, &queue) ||
		    drv_vm_map(r.fd, vm, AT, DRV_MIB, bo, 0, 0) ||
		    drv_vm_map(r.fd, r.vm, AT, 4 * DRV_MIB, bo, 0, 0) ||
		    drv_exec(r.fd, queue, RIG_PACKETS_VA, 1, 0, 0))
			_exit(1);
		drv_bo_close(r.fd, bo);
		drv_vm_destroy(r.fd, vm);
		drv_queue_destroy(r.fd, queue);
	}
}

/* Kills it `delay` µs after it is ready; false if it ended before. */
static bool kill_child(void (*f)(int ready), unsigned int delay)
{
	int ready[2], status = 0;
	char byte;
	pid_t pid;

	if (pipe(ready))
		tap_bail("no pipe");
	pid = fork();
	if (!pid)
		f(ready[1]);
	close(ready[1]);
	if (read(ready[0], &byte, 1) != 1)
		printf("# the child did not get ready\n");
	close(ready[0]);
	usleep(delay);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static void a_killed_process_leaves_nothing(const char *how, void (*f)(int ready), int rounds)
{
	int fd = drv_open(0);
	const uint64_t device = drv_memory_used(fd, DRM_NPU_MEMORY_DEVICE);
	const uint64_t system = drv_memory_used(fd, DRM_NPU_MEMORY_SYSTEM);
	struct drv_rig r;
	bool killed = true;

	for (int i = 0; i < rounds; i++)
		killed &= kill_child(f, i * 1731 % 20000);
	tap(killed, "%s: processes are killed (%d)", how, rounds);
	for (int i = 0; i < 200 && (drv_memory_used(fd, DRM_NPU_MEMORY_DEVICE) != device ||
				    drv_memory_used(fd, DRM_NPU_MEMORY_SYSTEM) != system); i++)
		usleep(10000);
	tap(drv_memory_used(fd, DRM_NPU_MEMORY_DEVICE) == device &&
	    drv_memory_used(fd, DRM_NPU_MEMORY_SYSTEM) == system, "%s: their memory is free", how);
	tap(!queues_on_card(fd), "%s: their queues are gone", how);
	drv_rig_init(&r, 0);
	tap(drv_rig_works(&r), "%s: a new client works", how);
	drv_rig_fini(&r);
	close(fd);
}

int main(void)
{
	jobs_that_are_not_on_the_card_yet_end_too();
	a_fence_outlives_its_file();
	a_killed_process_leaves_nothing("stuck", be_stuck, 4);
	a_killed_process_leaves_nothing("busy", be_busy, 25);
	return tap_end();
}
