// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* EXEC: jobs run in order, fences say how they ended, queues do not mix. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <xf86drm.h>

#include "drv.h"

static void copies_and_fills(struct drv_rig *r)
{
	tap(drv_rig_works(r), "a fill writes the whole buffer");
	memset(r->data, 0, RIG_DATA_SIZE);
	memcpy(r->data, "from one end to the other", 26);
	drv_packet_copy(r->packets, RIG_DATA_VA + RIG_DATA_SIZE - 4096, RIG_DATA_VA, 26);
	tap_ret(drv_rig_run(r, 1), 0, NULL, "a copy of odd length ends well");
	tap(!memcmp(r->data + RIG_DATA_SIZE - 4096, "from one end to the other", 26) &&
	    !r->data[RIG_DATA_SIZE - 4096 + 26], "and copies just that");
}

static void many_jobs_end_in_order(struct drv_rig *r)
{
	uint64_t *fence = (uint64_t *)r->data;
	int ret = 0;

	*fence = 0;
	for (int i = 0; i < 64; i++)
		drv_packet_signal(r->packets + 64 * i, RIG_DATA_VA, i + 1);
	/* Twenty times what the ring holds. */
	for (int i = 0; i < 10240 / 64 * 64 && !ret; i++)
		ret = drv_exec(r->fd, r->queue, RIG_PACKETS_VA + 64 * (i % 64), 1, 0, r->syncobj);
	tap_ret(ret, 0, NULL, "10240 jobs are taken");
	tap_ret(drv_wait(r->fd, r->syncobj, 60 * DRV_SECOND), 0, NULL, "the last one ends");
	tap(*fence == 64, "and has written last");
}

static void an_empty_job_follows_the_others(struct drv_rig *r)
{
	struct drm_npu_sync sync = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = r->syncobj };
	struct drm_npu_exec args = {
		.queue = r->queue,
		.syncs = { .pointer = (uintptr_t)&sync, .count = 1, .stride = sizeof(sync) },
	};

	drmSyncobjReset(r->fd, &r->syncobj, 1);
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args), 0, NULL, "a job without commands is taken");
	tap_ret(drv_wait(r->fd, r->syncobj, 10 * DRV_SECOND), 0, NULL, "and signals");
}

static void timeline_points_order_two_queues(struct drv_rig *r)
{
	struct drm_npu_command command = { .va = RIG_PACKETS_VA, .count = 1 };
	struct drm_npu_sync sync = { 0 };
	struct drm_npu_exec args = {
		.commands = { .pointer = (uintptr_t)&command, .count = 1,
			      .stride = sizeof(command) },
		.syncs = { .pointer = (uintptr_t)&sync, .count = 1, .stride = sizeof(sync) },
	};
	uint64_t *words = (uint64_t *)r->data, point = 2;
	uint32_t timeline, second;

	if (drv_syncobj(r->fd, &timeline) || drv_queue_create(r->fd, r->vm, 1, &second))
		tap_bail("no syncobj or queue");
	words[0] = words[1] = words[2] = 0;
	/* First: held up by a word that this test writes; then 1. */
	drv_packet_wait(r->packets, RIG_DATA_VA, 1);
	drv_packet_signal(r->packets + 64, RIG_DATA_VA + 8, 1);
	command.count = 2;
	args.queue = r->queue;
	sync = (struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, timeline, 1 };
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args), 0, NULL, "the first queue signals point 1");
	/* Second: copies what the first has written. */
	drv_packet_copy(r->packets + 128, RIG_DATA_VA + 16, RIG_DATA_VA + 8, 8);
	command = (struct drm_npu_command){ .va = RIG_PACKETS_VA + 128, .count = 1 };
	args.queue = second;
	sync = (struct drm_npu_sync){ DRM_NPU_SYNC_WAIT, timeline, 1 };
	args.syncs.count = 2;
	struct drm_npu_sync both[2] = { sync, { DRM_NPU_SYNC_SIGNAL, timeline, 2 } };
	args.syncs.pointer = (uintptr_t)both;
	tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args), 0, NULL, "the second waits for it");
	usleep(100000);
	tap(!words[2], "the second queue has not run yet");
	__atomic_store_n(&words[0], 1, __ATOMIC_RELEASE);
	tap(!drmSyncobjTimelineWait(r->fd, &timeline, &point, 1, drv_now() + 10 * DRV_SECOND, 0, NULL),
	    "point 2 comes");
	tap(words[2] == 1, "the second queue saw what the first had written");
	drv_queue_destroy(r->fd, second);
	drmSyncobjDestroy(r->fd, timeline);
}

static void refuses_what_makes_no_sense(struct drv_rig *r)
{
	struct drm_npu_command command = { .va = RIG_PACKETS_VA, .count = 1 };
	struct drm_npu_sync sync = { .flags = DRM_NPU_SYNC_SIGNAL, .handle = r->syncobj };
	const struct drm_npu_exec good = {
		.queue = r->queue,
		.commands = { .pointer = (uintptr_t)&command, .count = 1,
			      .stride = sizeof(command) },
		.syncs = { .pointer = (uintptr_t)&sync, .count = 1, .stride = sizeof(sync) },
	};
	struct drm_npu_exec args = good;

#define REFUSED(change, error, name)							\
	do {										\
		args = good;								\
		command = (struct drm_npu_command){ .va = RIG_PACKETS_VA, .count = 1 };	\
		sync = (struct drm_npu_sync){ DRM_NPU_SYNC_SIGNAL, r->syncobj, 0 };	\
		change;									\
		tap_ret(drv_ioctl(r->fd, DRM_IOCTL_NPU_EXEC, &args), error, NULL, name);	\
	} while (0)

	memset(r->packets, 0, 64);
	REFUSED(args.queue = 0, -ENOENT, "queue 0");
	REFUSED(args.queue = 0x7fffffff, -ENOENT, "a queue that is not there");
	REFUSED(args.flags = 1, -EINVAL, "unknown flags");
	REFUSED(command.va += 1, -EINVAL, "packets that are not aligned");
	REFUSED(command.va = 0, -EINVAL, "packets below the usable addresses");
	REFUSED(command.va = 1ull << 47, -EINVAL, "packets among the driver's rings");
	REFUSED(command.count = 0, -EINVAL, "a command without packets");
	REFUSED(command.count = NPU_CALL_MAX + 1, -EINVAL, "too many packets");
	REFUSED(command.flags = 1, -EINVAL, "a command with flags");
	REFUSED(args.commands.count = 65, -EINVAL, "too many commands");
	REFUSED(args.commands.stride = 4, -EINVAL, "a stride smaller than anything");
	REFUSED(args.commands.stride = 8192, -EINVAL, "a stride larger than anything");
	REFUSED(args.commands.pointer = 8, -EFAULT, "commands where no memory is");
	REFUSED(args.syncs.pointer = 8, -EFAULT, "syncs where no memory is");
	REFUSED(args.syncs.count = 1025, -EINVAL, "too many syncs");
	REFUSED(sync.flags = 2, -EINVAL, "a sync with unknown flags");
	REFUSED(sync.handle = 0x7fffffff, -ENOENT, "a syncobj that is not there");
	REFUSED((sync.flags = 0, sync.handle = 0x7fffffff), -ENOENT, "waiting for one that is not there");
#undef REFUSED
	tap(drv_rig_works(r), "and the queue still works");
}

static void a_malformed_packet_ends_the_queue(void)
{
	struct drm_npu_queue_get_state state;
	struct drv_rig bad, other;

	drv_rig_init(&bad, 0);
	drv_rig_init(&other, 0);
	memset(bad.packets, 0, 64);
	bad.packets[0] = 0x77;
	bad.packets[4] = 42;	/* the tag */
	tap_ret(drv_rig_run(&bad, 1), -EIO, NULL, "a malformed packet ends its job with EIO");
	tap(!drv_queue_state(bad.fd, bad.queue, &state) && state.state == DRM_NPU_QUEUE_FAULTED &&
	    state.error == NPU_QUEUE_ERROR_PACKET && state.error_tag == 42,
	    "the queue's state names reason and tag");
	tap_ret(drv_rig_run(&bad, 1), -ECANCELED, NULL, "the queue takes no more jobs");
	tap(drv_rig_works(&other), "another client's queue does not notice");
	drv_rig_fini(&bad);
	drv_rig_fini(&other);
}

static void a_fault_is_reported_where_it_happened(void)
{
	struct drm_npu_vm_get_state vm;
	struct drv_rig r;

	drv_rig_init(&r, 0);
	drv_packet_fill(r.packets, 0x40000000, 4096, 1);
	tap_ret(drv_rig_run(&r, 1), -EIO, NULL, "an access to nothing ends the job with EIO");
	usleep(100000);
	tap(!drv_vm_state(r.fd, r.vm, &vm) && vm.state == DRM_NPU_VM_FAULTED &&
	    vm.fault_count == 1 && vm.fault_va == 0x40000000 && vm.fault_queue == r.queue &&
	    (vm.fault_info & 1) && ((vm.fault_info >> 8) & 0xff) == 1,
	    "the VM's state names address, queue, access and reason");
	drv_rig_fini(&r);
}

static void rings_are_out_of_reach(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	drv_packet_copy(r.packets, RIG_DATA_VA, 1ull << 47, 64);
	tap_ret(drv_rig_run(&r, 1), -EIO, NULL, "a packet cannot read the ring that it came by");
	drv_rig_fini(&r);
}

static void a_stuck_queue_is_killed(void)
{
	struct drm_npu_queue_get_state state;
	struct drv_rig stuck, other;
	uint32_t second;
	int64_t start;

	drv_rig_init(&stuck, 0);
	drv_rig_init(&other, 0);
	if (drv_syncobj(stuck.fd, &second))
		tap_bail("no syncobj");
	drv_packet_wait(stuck.packets, RIG_DATA_VA, 1);
	start = drv_now();
	if (drv_exec(stuck.fd, stuck.queue, RIG_PACKETS_VA, 1, 0, stuck.syncobj) ||
	    drv_exec(stuck.fd, stuck.queue, RIG_PACKETS_VA, 1, 0, second))
		tap_bail("EXEC failed");
	tap(drv_rig_works(&other), "another client works meanwhile");
	tap_ret(drv_wait(stuck.fd, stuck.syncobj, 10 * DRV_SECOND), -ETIME, NULL,
		"a job that never ends is ended with ETIME");
	tap(drv_now() - start < 6 * DRV_SECOND, "within seconds");
	tap_ret(drv_wait(stuck.fd, second, DRV_SECOND), -ECANCELED, NULL,
		"the one behind it with ECANCELED");
	tap(!drv_queue_state(stuck.fd, stuck.queue, &state) &&
	    state.state == DRM_NPU_QUEUE_TIMED_OUT, "the queue's state says that it timed out");
	tap(drv_rig_works(&other), "another client still works");
	drv_rig_fini(&stuck);
	drv_rig_fini(&other);
}

int main(void)
{
	struct drv_rig r;

	drv_rig_init(&r, 0);
	copies_and_fills(&r);
	many_jobs_end_in_order(&r);
	an_empty_job_follows_the_others(&r);
	timeline_points_order_two_queues(&r);
	refuses_what_makes_no_sense(&r);
	drv_rig_fini(&r);
	a_malformed_packet_ends_the_queue();
	a_fault_is_reported_where_it_happened();
	rings_are_out_of_reach();
	a_stuck_queue_is_killed();
	return tap_end();
}
