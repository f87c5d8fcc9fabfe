// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * Every ioctl of the driver, and what else a process can do with its node,
 * with a failure at each point in turn: the call says so, changes nothing,
 * and works the next time. That nothing leaks is for kmemleak to say, and for
 * the driver's own counts at the end.
 *
 * The last copy of an ioctl is that of its arguments, out of the driver's
 * hands: when it fails, all is done, but the caller learns of no handle. What
 * makes something therefore does so in a file of its own.
 *
 *	fail_nth [NODE]
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <drm/npu_accel.h>
#include <linux/dma-heap.h>
#include <npu/npu_packet.h>

#include "faults.h"
#include "tap.h"

#define PAGE 4096ULL
/* Enough for tables on several levels, and a large page. */
#define RANGE (4ULL << 20)
#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const char *node = "/dev/accel/accel0";

static struct {
	int fd;
	uint64_t va;		/* start of usable addresses */
	uint32_t vm, queue;
	uint32_t packets;	/* BO: a page of NOPs, mapped at va */
	uint32_t device, system;	/* BOs of RANGE bytes */
	uint32_t binary, timeline;	/* syncobjs */
	uint64_t point;
	int zero_fd;		/* /dev/zero */
	/* Of the file and VM that the step at hand has replaced. */
	int outer_fd;
	uint32_t outer_vm;
	/* What the step at hand made. */
	int new_fd;
	uint32_t new_handle;
	uint64_t new_offset;
	void *new_map;
} t;

static int call(unsigned long request, void *args)
{
	return ioctl(t.fd, request, args) < 0 ? -errno : 0;
}

/* Outside of steps nothing may fail. */
static void must(unsigned long request, void *args, const char *what)
{
	int ret = call(request, args);

	if (ret)
		tap_bail("%s: %s", what, strerror(-ret));
}

/* ---- Pieces ------------------------------------------------------------------ */

static int open_node(void)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int create_bo(uint64_t size, uint32_t placement, uint32_t vm, uint32_t *handle)
{
	struct drm_npu_bo_create args = {
		.size = size, .placement = placement, .flags = DRM_NPU_BO_CPU_VISIBLE, .vm = vm,
	};
	int ret = call(DRM_IOCTL_NPU_BO_CREATE, &args);

	*handle = args.handle;
	return ret;
}

static void close_bo(uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	must(DRM_IOCTL_GEM_CLOSE, &args, "GEM_CLOSE");
}

static int bind_op(uint32_t op, uint64_t va, uint64_t size, uint32_t bo, uint64_t offset)
{
	struct drm_npu_vm_op ops[] = {
		{ .op = op, .va = va, .size = size, .bo = bo, .bo_offset = offset },
	};
	struct drm_npu_vm_bind args = {
		.vm = t.vm, .ops = { (uintptr_t)ops, 1, sizeof(ops[0]) },
	};

	return call(DRM_IOCTL_NPU_VM_BIND, &args);
}

static uint64_t area(void)
{
	return t.va + RANGE;
}

static void map_area(void *bo)
{
	int ret = bind_op(DRM_NPU_VM_OP_MAP, area(), RANGE, *(uint32_t *)bo, 0);

	if (ret)
		tap_bail("VM_BIND map: %s", strerror(-ret));
}

static void unmap_area(void *data)
{
	int ret = bind_op(DRM_NPU_VM_OP_UNMAP, area(), RANGE, 0, 0);

	if (ret)
		tap_bail("VM_BIND unmap: %s", strerror(-ret));
}

static int exec(uint32_t queue, uint64_t va, struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct drm_npu_command command = { .va = va, .count = 1 };
	struct drm_npu_exec args = {
		.queue = queue,
		.commands = { (uintptr_t)&command, 1, sizeof(command) },
		.syncs = { (uintptr_t)syncs, sync_count, sizeof(*syncs) },
	};

	return call(DRM_IOCTL_NPU_EXEC, &args);
}

static int wait_binary(void)
{
	struct drm_syncobj_wait args = {
		.handles = (uintptr_t)&t.binary, .count_handles = 1, .timeout_nsec = INT64_MAX,
	};

	return call(DRM_IOCTL_SYNCOBJ_WAIT, &args);
}

static void reset_binary(void *data)
{
	struct drm_syncobj_array args = { .handles = (uintptr_t)&t.binary, .count_handles = 1 };

	must(DRM_IOCTL_SYNCOBJ_RESET, &args, "SYNCOBJ_RESET");
}

static uint64_t timeline_point(void)
{
	uint64_t point = 0;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&t.timeline, .points = (uintptr_t)&point, .count_handles = 1,
		.flags = DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED,
	};

	must(DRM_IOCTL_SYNCOBJ_QUERY, &args, "SYNCOBJ_QUERY");
	return point;
}

/* A point that has signalled, to begin with. */
static void start_timeline(void)
{
	uint64_t point = ++t.point;
	struct drm_syncobj_timeline_array args = {
		.handles = (uintptr_t)&t.timeline, .points = (uintptr_t)&point, .count_handles = 1,
	};

	must(DRM_IOCTL_SYNCOBJ_TIMELINE_SIGNAL, &args, "SYNCOBJ_TIMELINE_SIGNAL");
}

static uint32_t create_syncobj(void)
{
	struct drm_syncobj_create args = {};

	must(DRM_IOCTL_SYNCOBJ_CREATE, &args, "SYNCOBJ_CREATE");
	return args.handle;
}

static uint64_t used(uint32_t region)
{
	struct drm_npu_query_memory memory[2];
	struct drm_npu_dev_query args = {
		.type = DRM_NPU_QUERY_MEMORY, .size = sizeof(memory), .pointer = (uintptr_t)memory,
	};

	must(DRM_IOCTL_NPU_DEV_QUERY, &args, "DEV_QUERY");
	return memory[memory[0].region == region ? 0 : 1].used;
}

/* A file and a VM of its own for a step, in place of the usual ones. */
static void prepare_own(void *data)
{
	struct drm_npu_vm_create args = {};

	t.outer_fd = t.fd;
	t.outer_vm = t.vm;
	t.fd = open_node();
	if (t.fd < 0)
		tap_bail("%s: %s", node, strerror(-t.fd));
	must(DRM_IOCTL_NPU_VM_CREATE, &args, "VM_CREATE");
	t.vm = args.vm;
}

static void end_own(void *data)
{
	close(t.fd);
	t.fd = t.outer_fd;
	t.vm = t.outer_vm;
}

/* ---- Steps: the node and buffers --------------------------------------------- */

static int step_open(void *data)
{
	t.new_fd = open_node();
	return t.new_fd;
}

static void undo_fd(void *data)
{
	close(t.new_fd);
}

static int step_query(void *type)
{
	char answer[256];
	struct drm_npu_dev_query args = {
		.type = *(uint32_t *)type, .size = sizeof(answer), .pointer = (uintptr_t)answer,
	};

	return call(DRM_IOCTL_NPU_DEV_QUERY, &args);
}

static int step_create_bo(void *placement)
{
	return create_bo(RANGE, *(uint32_t *)placement, 0, &t.new_handle);
}

static int step_create_vm_bo(void *placement)
{
	return create_bo(RANGE, *(uint32_t *)placement, t.vm, &t.new_handle);
}

static int step_bo_info(void *bo)
{
	struct drm_npu_bo_info args = { .handle = *(uint32_t *)bo };

	return call(DRM_IOCTL_NPU_BO_INFO, &args);
}

/* A buffer that somebody else has made, in a file of its own. */
static void prepare_import_foreign(void *data)
{
	struct dma_heap_allocation_data args = { .len = RANGE, .fd_flags = O_RDWR | O_CLOEXEC };
	int heap = open("/dev/dma_heap/system", O_RDWR | O_CLOEXEC);

	if (heap < 0 || ioctl(heap, DMA_HEAP_IOCTL_ALLOC, &args))
		tap_bail("/dev/dma_heap/system: %s", strerror(errno));
	close(heap);
	prepare_own(NULL);
	t.new_fd = args.fd;
}

static void prepare_map_foreign(void *data)
{
	struct drm_prime_handle args;

	prepare_import_foreign(NULL);
	args = (struct drm_prime_handle){ .fd = t.new_fd };
	must(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args, "PRIME_FD_TO_HANDLE");
	t.new_handle = args.handle;
}

/* Maps and touches: the kernel does the latter, so that a failure is no signal. */
static int map_fd(int fd, uint64_t offset)
{
	t.new_map = mmap(NULL, RANGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	if (t.new_map == MAP_FAILED)
		return -errno;
	if (read(t.zero_fd, t.new_map, 4 * PAGE) == 4 * PAGE)
		return 0;
	munmap(t.new_map, RANGE);
	return -EFAULT;
}

static int step_mmap(void *bo)
{
	struct drm_npu_bo_info args = { .handle = *(uint32_t *)bo };
	int ret = call(DRM_IOCTL_NPU_BO_INFO, &args);

	return ret ? ret : map_fd(t.fd, args.mmap_offset);
}

static void undo_mmap(void *data)
{
	munmap(t.new_map, RANGE);
}

/* A buffer of its own each time: an exported one keeps its dma-buf. */
static void prepare_export(void *placement)
{
	prepare_own(NULL);
	if (create_bo(RANGE, *(uint32_t *)placement, 0, &t.new_handle))
		tap_bail("BO_CREATE: %s", strerror(errno));
	/* The number that the next descriptor gets, whether we are told or not. */
	t.new_fd = dup(t.zero_fd);
	close(t.new_fd);
}

static int step_export(void *data)
{
	struct drm_prime_handle args = { .handle = t.new_handle, .flags = DRM_CLOEXEC | DRM_RDWR };

	return call(DRM_IOCTL_PRIME_HANDLE_TO_FD, &args);
}

static void end_export(void *data)
{
	close(t.new_fd);
	end_own(NULL);
}

static void prepare_import(void *placement)
{
	prepare_export(placement);
	if (step_export(NULL))
		tap_bail("PRIME_HANDLE_TO_FD: %s", strerror(errno));
	close_bo(t.new_handle);
}

static int step_import(void *data)
{
	struct drm_prime_handle args = { .fd = t.new_fd };

	return call(DRM_IOCTL_PRIME_FD_TO_HANDLE, &args);
}

static int step_map_dmabuf(void *data)
{
	return map_fd(t.new_fd, 0);
}

static void undo_map_dmabuf(void *data)
{
	munmap(t.new_map, RANGE);
	end_export(NULL);
}

static int step_read_file(void *path)
{
	char text[4096];
	int fd = open(path, O_RDONLY), ret;

	if (fd < 0)
		return -errno;
	ret = read(fd, text, sizeof(text)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static int step_fdinfo(void *data)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", t.fd);
	return step_read_file(path);
}

/* ---- Steps: address spaces ---------------------------------------------------- */

static int step_vm_create(void *data)
{
	struct drm_npu_vm_create args = {};
	int ret = call(DRM_IOCTL_NPU_VM_CREATE, &args);

	t.new_handle = args.vm;
	return ret;
}

static int step_vm_destroy(void *data)
{
	struct drm_npu_vm_destroy args = { .vm = t.new_handle };

	return call(DRM_IOCTL_NPU_VM_DESTROY, &args);
}

/* It may have failed at the very end. */
static void failed_vm_destroy(void *data)
{
	int ret = step_vm_destroy(NULL);

	if (ret && ret != -ENOENT)
		tap_bail("VM_DESTROY: %s", strerror(-ret));
}

/* With mappings: they are taken down with it. */
static void prepare_vm_destroy(void *bo)
{
	struct drm_npu_vm_op op = {
		.op = DRM_NPU_VM_OP_MAP, .va = area(), .size = RANGE, .bo = *(uint32_t *)bo,
	};
	struct drm_npu_vm_bind args = { .ops = { (uintptr_t)&op, 1, sizeof(op) } };

	if (step_vm_create(NULL))
		tap_bail("VM_CREATE: %s", strerror(errno));
	args.vm = t.new_handle;
	must(DRM_IOCTL_NPU_VM_BIND, &args, "VM_BIND");
}

static int step_vm_get_state(void *data)
{
	struct drm_npu_vm_get_state args = { .vm = t.vm };

	return call(DRM_IOCTL_NPU_VM_GET_STATE, &args);
}

static int step_map(void *bo)
{
	return bind_op(DRM_NPU_VM_OP_MAP, area(), RANGE, *(uint32_t *)bo, 0);
}

static int step_unmap(void *data)
{
	return bind_op(DRM_NPU_VM_OP_UNMAP, area(), RANGE, 0, 0);
}

/* Leaves a mapping on either side. */
static int step_unmap_middle(void *data)
{
	return bind_op(DRM_NPU_VM_OP_UNMAP, area() + PAGE, RANGE - 2 * PAGE, 0, 0);
}

static int step_replace_middle(void *bo)
{
	return bind_op(DRM_NPU_VM_OP_MAP, area() + PAGE, RANGE / 2, *(uint32_t *)bo, PAGE);
}

/* ---- Steps: queues and jobs ----------------------------------------------------- */

static int step_queue_create(void *data)
{
	struct drm_npu_queue_create args = { .vm = t.vm, .priority = DRM_NPU_PRIORITY_NORMAL };
	int ret = call(DRM_IOCTL_NPU_QUEUE_CREATE, &args);

	t.new_handle = args.queue;
	return ret;
}

/* Its ring may be mapped later. */
static int step_userq_create(void *data)
{
	struct drm_npu_queue_create args = {
		.vm = t.vm, .priority = DRM_NPU_PRIORITY_NORMAL, .flags = DRM_NPU_QUEUE_USER,
		.ring_va = t.va, .ring_shift = 6,
	};
	int ret = call(DRM_IOCTL_NPU_QUEUE_CREATE, &args);

	t.new_offset = args.mmap_offset;
	return ret;
}

static void prepare_userq(void *data)
{
	prepare_own(NULL);
	if (step_userq_create(NULL))
		tap_bail("QUEUE_CREATE: %s", strerror(errno));
}

/* The kernel touches the control page, so that a failure is no signal. */
static int step_userq_mmap(void *data)
{
	const size_t size = DRM_NPU_USERQ_PAGES * PAGE;
	char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, t.fd, t.new_offset);
	int ret = 0;

	if (map == MAP_FAILED)
		return -errno;
	if (read(t.zero_fd, map + DRM_NPU_USERQ_CONTROL * PAGE, 64) != 64)
		ret = -EFAULT;
	munmap(map, size);
	return ret;
}

static int step_queue_destroy(void *data)
{
	struct drm_npu_queue_destroy args = { .queue = t.new_handle };

	return call(DRM_IOCTL_NPU_QUEUE_DESTROY, &args);
}

static void failed_queue_destroy(void *data)
{
	int ret = step_queue_destroy(NULL);

	if (ret && ret != -ENOENT)
		tap_bail("QUEUE_DESTROY: %s", strerror(-ret));
}

/* With a job in flight. */
static void prepare_queue_destroy(void *data)
{
	if (step_queue_create(NULL) || exec(t.new_handle, t.va, NULL, 0))
		tap_bail("QUEUE_CREATE, EXEC: %s", strerror(errno));
}

static int step_queue_get_state(void *data)
{
	struct drm_npu_queue_get_state args = { .queue = t.queue };

	return call(DRM_IOCTL_NPU_QUEUE_GET_STATE, &args);
}

static int step_exec(void *data)
{
	struct drm_npu_sync syncs[] = {
		{ .flags = DRM_NPU_SYNC_WAIT, .handle = t.timeline, .point = t.point },
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = t.timeline, .point = t.point + 1 },
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = t.binary },
	};

	return exec(t.queue, t.va, syncs, COUNT(syncs));
}

/* The signals of a job that was taken. */
static void undo_exec(void *data)
{
	int ret = wait_binary();

	if (ret)
		tap_bail("EXEC succeeded, but SYNCOBJ_WAIT: %s", strerror(-ret));
	if (timeline_point() != ++t.point)
		tap_bail("EXEC succeeded, but the timeline is not at %" PRIu64, t.point);
	reset_binary(NULL);
}

/* All signals or none: it may have failed at the very end. */
static void failed_exec(void *data)
{
	if (timeline_point() == t.point + 1)
		undo_exec(NULL);
	else if (wait_binary() != -EINVAL || timeline_point() != t.point)
		tap_bail("EXEC failed, but has touched its syncobjs");
}

/* Queued behind a point that has signalled, and signals as EXEC does. */
static int bind_async(uint32_t op, uint32_t bo)
{
	struct drm_npu_vm_op ops[] = { { .op = op, .va = area(), .size = RANGE, .bo = bo } };
	struct drm_npu_sync syncs[] = {
		{ .flags = DRM_NPU_SYNC_WAIT, .handle = t.timeline, .point = t.point },
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = t.timeline, .point = t.point + 1 },
		{ .flags = DRM_NPU_SYNC_SIGNAL, .handle = t.binary },
	};
	struct drm_npu_vm_bind args = {
		.vm = t.vm, .flags = DRM_NPU_VM_BIND_ASYNC,
		.ops = { (uintptr_t)ops, COUNT(ops), sizeof(ops[0]) },
		.syncs = { (uintptr_t)syncs, COUNT(syncs), sizeof(syncs[0]) },
	};

	return call(DRM_IOCTL_NPU_VM_BIND, &args);
}

static int step_map_async(void *bo)
{
	return bind_async(DRM_NPU_VM_OP_MAP, *(uint32_t *)bo);
}

static int step_unmap_async(void *data)
{
	return bind_async(DRM_NPU_VM_OP_UNMAP, 0);
}

static void undo_bind_async(void *data)
{
	undo_exec(NULL);
	unmap_area(NULL);
}

static void failed_bind_async(void *data)
{
	failed_exec(NULL);
	unmap_area(NULL);
}

/* Fills the card's memory, which puts the mapped buffer out of it. */
static void prepare_evicted(void *data)
{
	uint32_t handles[256];
	struct drm_npu_bo_info info = { .handle = t.device };
	unsigned int n = 0;

	for (info.region = DRM_NPU_MEMORY_DEVICE; info.region == DRM_NPU_MEMORY_DEVICE;) {
		if (n == COUNT(handles) || create_bo(RANGE, DRM_NPU_MEMORY_DEVICE, 0, &handles[n]))
			tap_bail("the buffer is not evicted by %u others: %s", n, strerror(errno));
		n++;
		must(DRM_IOCTL_NPU_BO_INFO, &info, "BO_INFO");
	}
	while (n)
		close_bo(handles[--n]);
}

/* A file with all that it can have, and a job on its way. */
static void prepare_close(void *data)
{
	struct drm_npu_vm_create vm = {};
	struct drm_npu_queue_create queue = { .priority = DRM_NPU_PRIORITY_NORMAL };
	struct drm_npu_vm_op op = { .op = DRM_NPU_VM_OP_MAP, .va = t.va, .size = RANGE };
	struct drm_npu_vm_bind bind = { .ops = { (uintptr_t)&op, 1, sizeof(op) } };
	int keep = t.fd;

	t.new_fd = t.fd = open_node();
	if (t.fd < 0 || create_bo(RANGE, DRM_NPU_MEMORY_SYSTEM, 0, &op.bo))
		tap_bail("open, BO_CREATE: %s", strerror(errno));
	must(DRM_IOCTL_NPU_VM_CREATE, &vm, "VM_CREATE");
	bind.vm = queue.vm = vm.vm;
	must(DRM_IOCTL_NPU_VM_BIND, &bind, "VM_BIND");
	must(DRM_IOCTL_NPU_QUEUE_CREATE, &queue, "QUEUE_CREATE");
	/* A buffer of zeros is a buffer of NOPs. */
	if (exec(queue.queue, t.va, NULL, 0))
		tap_bail("EXEC: %s", strerror(errno));
	t.fd = keep;
}

static int step_close(void *data)
{
	return close(t.new_fd) ? -errno : 0;
}

/* ---- All of it ------------------------------------------------------------------- */

static void set_up(void)
{
	struct drm_npu_query_device device;
	struct drm_npu_dev_query query = {
		.type = DRM_NPU_QUERY_DEVICE, .size = sizeof(device), .pointer = (uintptr_t)&device,
	};

	t.fd = open_node();
	if (t.fd < 0)
		tap_bail("%s: %s", node, strerror(-t.fd));
	t.zero_fd = open("/dev/zero", O_RDWR | O_CLOEXEC);
	if (t.zero_fd < 0)
		tap_bail("/dev/zero: %s", strerror(errno));
	must(DRM_IOCTL_NPU_DEV_QUERY, &query, "DEV_QUERY");
	t.va = device.va_start;
	if (step_vm_create(NULL))
		tap_bail("VM_CREATE: %s", strerror(errno));
	t.vm = t.new_handle;
	if (step_queue_create(NULL))
		tap_bail("QUEUE_CREATE: %s", strerror(errno));
	t.queue = t.new_handle;
	if (create_bo(PAGE, DRM_NPU_MEMORY_SYSTEM, t.vm, &t.packets) ||
	    create_bo(RANGE, DRM_NPU_MEMORY_DEVICE, 0, &t.device) ||
	    create_bo(RANGE, DRM_NPU_MEMORY_SYSTEM, 0, &t.system) ||
	    bind_op(DRM_NPU_VM_OP_MAP, t.va, PAGE, t.packets, 0))
		tap_bail("BO_CREATE, VM_BIND: %s", strerror(errno));
	t.binary = create_syncobj();
	t.timeline = create_syncobj();
	start_timeline();
	if (step_exec(NULL))
		tap_bail("EXEC: %s", strerror(errno));
	undo_exec(NULL);
}

static uint32_t in_system = DRM_NPU_MEMORY_SYSTEM, in_device = DRM_NPU_MEMORY_DEVICE;
static uint32_t queries[] = {
	DRM_NPU_QUERY_DEVICE, DRM_NPU_QUERY_MEMORY, DRM_NPU_QUERY_FIRMWARE, DRM_NPU_QUERY_TIME,
	DRM_NPU_QUERY_TELEMETRY,
};
static char sysfs_file[] = "/sys/bus/pci/drivers/npu/module/version";

static const struct faults_step steps[] = {
	{ "open", NULL, NULL, step_open, undo_fd },
	{ "DEV_QUERY device", &queries[0], NULL, step_query },
	{ "DEV_QUERY memory", &queries[1], NULL, step_query },
	{ "DEV_QUERY firmware", &queries[2], NULL, step_query },
	{ "DEV_QUERY time", &queries[3], NULL, step_query },
	{ "DEV_QUERY telemetry", &queries[4], NULL, step_query },
	{ "BO_CREATE system", &in_system, prepare_own, step_create_bo, end_own, end_own },
	/* TTM has one errno for "no memory" and "no device memory". */
	{ "BO_CREATE device", &in_device, prepare_own, step_create_bo, end_own, end_own,
	  { ENOSPC } },
	{ "BO_CREATE of a VM", &in_system, prepare_own, step_create_vm_bo, end_own, end_own },
	{ "BO_INFO", &t.device, NULL, step_bo_info },
	{ "mmap of system memory", &t.system, NULL, step_mmap, undo_mmap },
	{ "mmap of device memory", &t.device, NULL, step_mmap, undo_mmap },
	{ "PRIME_HANDLE_TO_FD", &in_system, prepare_export, step_export, end_export, end_export },
	{ "PRIME_FD_TO_HANDLE", &in_system, prepare_import, step_import, end_export, end_export },
	{ "PRIME_FD_TO_HANDLE of another's", NULL, prepare_import_foreign, step_import, end_export,
	  end_export },
	{ "mmap of a dma-buf", &in_system, prepare_import, step_map_dmabuf, undo_map_dmabuf,
	  end_export },
	{ "fdinfo", NULL, NULL, step_fdinfo },
	{ "a file in sysfs", sysfs_file, NULL, step_read_file },
	{ "VM_CREATE", NULL, prepare_own, step_vm_create, end_own, end_own },
	{ "VM_DESTROY", &t.system, prepare_vm_destroy, step_vm_destroy, NULL, failed_vm_destroy },
	{ "VM_GET_STATE", NULL, NULL, step_vm_get_state },
	{ "VM_BIND map of system memory", &t.system, NULL, step_map, unmap_area, unmap_area },
	{ "VM_BIND map of device memory", &t.device, NULL, step_map, unmap_area, unmap_area },
	{ "VM_BIND unmap", &t.device, map_area, step_unmap, NULL, unmap_area },
	{ "VM_BIND unmap in the middle", &t.device, map_area, step_unmap_middle, unmap_area,
	  unmap_area },
	{ "VM_BIND map over a mapping", &t.system, map_area, step_replace_middle, unmap_area,
	  unmap_area },
	{ "VM_BIND map of another's memory", &t.new_handle, prepare_map_foreign, step_map,
	  end_export, end_export },
	{ "VM_BIND map, queued", &t.system, NULL, step_map_async, undo_bind_async,
	  failed_bind_async },
	{ "VM_BIND unmap, queued", &t.device, map_area, step_unmap_async, undo_bind_async,
	  failed_bind_async },
	{ "QUEUE_CREATE", NULL, prepare_own, step_queue_create, end_own, end_own },
	{ "QUEUE_CREATE of a user queue", NULL, prepare_own, step_userq_create, end_own, end_own },
	{ "mmap of a user queue", NULL, prepare_userq, step_userq_mmap, end_own, end_own },
	{ "QUEUE_DESTROY", NULL, prepare_queue_destroy, step_queue_destroy, NULL,
	  failed_queue_destroy },
	{ "QUEUE_GET_STATE", NULL, NULL, step_queue_get_state },
	{ "EXEC", NULL, NULL, step_exec, undo_exec, failed_exec },
	{ "close", NULL, prepare_close, step_close },
};

static const struct faults_step step_exec_evicted = {
	"EXEC after an eviction", NULL, prepare_evicted, step_exec, undo_exec, failed_exec,
};

/* Buffers of jobs that have just ended are given back a moment later. */
static void check_used(uint32_t region, uint64_t before, const char *name)
{
	uint64_t now = used(region);

	for (int tries = 0; now != before && tries < 50; tries++) {
		usleep(100000);
		now = used(region);
	}
	tap(now == before, "no %s memory is lost (%" PRId64 " bytes)", name,
	    (int64_t)(now - before));
}

int main(int argc, char **argv)
{
	uint64_t system, device;

	if (argc > 1)
		node = argv[1];
	faults_init();
	set_up();
	system = used(DRM_NPU_MEMORY_SYSTEM);
	device = used(DRM_NPU_MEMORY_DEVICE);
	for (size_t i = 0; i < COUNT(steps); i++)
		faults_walk(&steps[i]);
	map_area(&t.device);
	faults_walk(&step_exec_evicted);
	unmap_area(NULL);
	check_used(DRM_NPU_MEMORY_SYSTEM, system, "system");
	check_used(DRM_NPU_MEMORY_DEVICE, device, "device");
	return tap_end();
}
