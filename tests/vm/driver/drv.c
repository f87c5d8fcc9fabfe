// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "drv.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <linux/sync_file.h>
#include <xf86drm.h>

int drv_open(unsigned int card)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/dev/accel/accel%u", card);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		tap_bail("%s: %s", path, strerror(errno));
	return fd;
}

int drv_ioctl(int fd, unsigned long request, void *arg)
{
	return drmIoctl(fd, request, arg) ? -errno : 0;
}

int64_t drv_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * DRV_SECOND + t.tv_nsec;
}

/* ---- Buffers ---------------------------------------------------------------- */

int drv_bo_create(int fd, uint64_t size, uint32_t placement, uint32_t flags, uint32_t vm,
		  uint32_t *handle)
{
	struct drm_npu_bo_create args = {
		.size = size, .placement = placement, .flags = flags, .vm = vm,
	};
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_BO_CREATE, &args);

	if (!ret)
		*handle = args.handle;
	return ret;
}

int drv_bo_info(int fd, uint32_t handle, struct drm_npu_bo_info *info)
{
	memset(info, 0, sizeof(*info));
	info->handle = handle;
	return drv_ioctl(fd, DRM_IOCTL_NPU_BO_INFO, info);
}

int drv_bo_close(int fd, uint32_t handle)
{
	struct drm_gem_close args = { .handle = handle };

	return drv_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &args);
}

void *drv_bo_map(int fd, uint32_t handle)
{
	struct drm_npu_bo_info info;
	int ret = drv_bo_info(fd, handle, &info);

	if (ret) {
		errno = -ret;
		return MAP_FAILED;
	}
	return mmap(NULL, info.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, info.mmap_offset);
}

static void query_memory(int fd, uint32_t region, struct drm_npu_query_memory *memory)
{
	struct drm_npu_query_memory all[2] = { 0 };
	struct drm_npu_dev_query args = {
		.type = DRM_NPU_QUERY_MEMORY, .size = sizeof(all), .pointer = (uintptr_t)all,
	};

	if (drv_ioctl(fd, DRM_IOCTL_NPU_DEV_QUERY, &args))
		tap_bail("DEV_QUERY of memory: %s", strerror(errno));
	*memory = all[all[0].region == region ? 0 : 1];
}

uint64_t drv_memory_used(int fd, uint32_t region)
{
	struct drm_npu_query_memory memory;

	query_memory(fd, region, &memory);
	return memory.used;
}

uint64_t drv_memory_size(int fd, uint32_t region)
{
	struct drm_npu_query_memory memory;

	query_memory(fd, region, &memory);
	return memory.size;
}

/* ---- Address spaces ----------------------------------------------------------- */

int drv_vm_create(int fd, uint32_t *vm)
{
	struct drm_npu_vm_create args = { 0 };
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_VM_CREATE, &args);

	if (!ret)
		*vm = args.vm;
	return ret;
}

int drv_vm_destroy(int fd, uint32_t vm)
{
	struct drm_npu_vm_destroy args = { .vm = vm };

	return drv_ioctl(fd, DRM_IOCTL_NPU_VM_DESTROY, &args);
}

int drv_vm_bind(int fd, uint32_t vm, const struct drm_npu_vm_op *ops, uint32_t count)
{
	struct drm_npu_vm_bind args = {
		.vm = vm,
		.ops = { .pointer = (uintptr_t)ops, .count = count, .stride = sizeof(*ops) },
	};

	return drv_ioctl(fd, DRM_IOCTL_NPU_VM_BIND, &args);
}

int drv_vm_bind_async(int fd, uint32_t vm, const struct drm_npu_vm_op *ops, uint32_t count,
		      const struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct drm_npu_vm_bind args = {
		.vm = vm,
		.flags = DRM_NPU_VM_BIND_ASYNC,
		.ops = { .pointer = (uintptr_t)ops, .count = count, .stride = sizeof(*ops) },
		.syncs = { .pointer = (uintptr_t)syncs, .count = sync_count,
			   .stride = sizeof(*syncs) },
	};

	return drv_ioctl(fd, DRM_IOCTL_NPU_VM_BIND, &args);
}

int drv_vm_map(int fd, uint32_t vm, uint64_t va, uint64_t size, uint32_t bo, uint64_t offset,
	       uint32_t flags)
{
	struct drm_npu_vm_op op = {
		.op = DRM_NPU_VM_OP_MAP, .flags = flags, .va = va, .size = size, .bo = bo,
		.bo_offset = offset,
	};

	return drv_vm_bind(fd, vm, &op, 1);
}

int drv_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size)
{
	struct drm_npu_vm_op op = { .op = DRM_NPU_VM_OP_UNMAP, .va = va, .size = size };

	return drv_vm_bind(fd, vm, &op, 1);
}

int drv_vm_state(int fd, uint32_t vm, struct drm_npu_vm_get_state *state)
{
	memset(state, 0, sizeof(*state));
	state->vm = vm;
	return drv_ioctl(fd, DRM_IOCTL_NPU_VM_GET_STATE, state);
}

/* ---- Queues and jobs ------------------------------------------------------------ */

int drv_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue)
{
	struct drm_npu_queue_create args = { .vm = vm, .priority = priority };
	int ret = drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_CREATE, &args);

	if (!ret)
		*queue = args.queue;
	return ret;
}

int drv_queue_destroy(int fd, uint32_t queue)
{
	struct drm_npu_queue_destroy args = { .queue = queue };

	return drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_DESTROY, &args);
}

int drv_queue_state(int fd, uint32_t queue, struct drm_npu_queue_get_state *state)
{
	memset(state, 0, sizeof(*state));
	state->queue = queue;
	return drv_ioctl(fd, DRM_IOCTL_NPU_QUEUE_GET_STATE, state);
}

int drv_exec_array(int fd, uint32_t queue, const struct drm_npu_command *commands,
		   uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct drm_npu_exec args = {
		.queue = queue,
		.commands = { .pointer = (uintptr_t)commands, .count = command_count,
			      .stride = sizeof(*commands) },
		.syncs = { .pointer = (uintptr_t)syncs, .count = sync_count,
			   .stride = sizeof(*syncs) },
	};

	return drv_ioctl(fd, DRM_IOCTL_NPU_EXEC, &args);
}

int drv_exec(int fd, uint32_t queue, uint64_t va, uint32_t count, uint32_t wait, uint32_t signal)
{
	const struct drm_npu_command command = { .va = va, .count = count };
	struct drm_npu_sync syncs[2] = { 0 };
	uint32_t sync_count = 0;

	if (wait)
		syncs[sync_count++].handle = wait;
	if (signal) {
		syncs[sync_count].flags = DRM_NPU_SYNC_SIGNAL;
		syncs[sync_count++].handle = signal;
	}
	return drv_exec_array(fd, queue, &command, 1, syncs, sync_count);
}

int drv_syncobj(int fd, uint32_t *handle)
{
	return drmSyncobjCreate(fd, 0, handle) ? -errno : 0;
}

/* A syncobj's wait does not tell its fence's error; a sync_file does. */
static int fence_error(int fd, uint32_t syncobj)
{
	struct sync_fence_info fence = { 0 };
	struct sync_file_info info = { .num_fences = 1, .sync_fence_info = (uintptr_t)&fence };
	int file, ret;

	if (drmSyncobjExportSyncFile(fd, syncobj, &file))
		return -errno;
	ret = ioctl(file, SYNC_IOC_FILE_INFO, &info) ? -errno : info.status;
	close(file);
	return ret < 0 ? ret : 0;
}

int drv_wait(int fd, uint32_t syncobj, int64_t timeout)
{
	int ret = drmSyncobjWait(fd, &syncobj, 1, drv_now() + timeout, 0, NULL);

	/* drmSyncobjWait() returns -errno, older ones -1. */
	if (ret)
		return ret == -1 ? -errno : ret;
	return fence_error(fd, syncobj);
}

/* ---- Packets --------------------------------------------------------------------- */

void drv_packet_copy(void *p, uint64_t destination, uint64_t source, uint64_t size)
{
	const struct npu_packet_copy packet = {
		.header.opcode = NPU_PACKET_COPY,
		.source = source, .destination = destination, .size = size,
	};

	memcpy(p, &packet, sizeof(packet));
}

void drv_packet_fill(void *p, uint64_t destination, uint64_t size, uint32_t pattern)
{
	const struct npu_packet_fill packet = {
		.header.opcode = NPU_PACKET_FILL,
		.destination = destination, .size = size, .pattern = pattern,
	};

	memcpy(p, &packet, sizeof(packet));
}

void drv_packet_signal(void *p, uint64_t address, uint64_t value)
{
	const struct npu_packet_fence_signal packet = {
		.header.opcode = NPU_PACKET_FENCE_SIGNAL, .address = address, .value = value,
	};

	memcpy(p, &packet, sizeof(packet));
}

void drv_packet_wait(void *p, uint64_t address, uint64_t value)
{
	const struct npu_packet_fence_wait packet = {
		.header.opcode = NPU_PACKET_FENCE_WAIT,
		.address = address, .value = value, .mask = ~0ull, .compare = NPU_COMPARE_EQ,
	};

	memcpy(p, &packet, sizeof(packet));
}

/* ---- The rig ---------------------------------------------------------------------- */

static void *rig_buffer(struct drv_rig *rig, uint64_t size, uint64_t va, uint32_t *handle)
{
	void *map;

	if (drv_bo_create(rig->fd, size, DRM_NPU_MEMORY_SYSTEM, DRM_NPU_BO_CPU_VISIBLE, rig->vm,
			  handle) ||
	    drv_vm_map(rig->fd, rig->vm, va, size, *handle, 0, 0))
		tap_bail("no buffer: %s", strerror(errno));
	map = drv_bo_map(rig->fd, *handle);
	if (map == MAP_FAILED)
		tap_bail("cannot map a buffer: %s", strerror(errno));
	return map;
}

void drv_rig_init(struct drv_rig *rig, unsigned int card)
{
	memset(rig, 0, sizeof(*rig));
	rig->fd = drv_open(card);
	if (drv_vm_create(rig->fd, &rig->vm) ||
	    drv_queue_create(rig->fd, rig->vm, DRM_NPU_PRIORITY_NORMAL, &rig->queue) ||
	    drv_syncobj(rig->fd, &rig->syncobj))
		tap_bail("no VM, queue or syncobj: %s", strerror(errno));
	rig->packets = rig_buffer(rig, DRV_PAGE, RIG_PACKETS_VA, &rig->packets_bo);
	rig->data = rig_buffer(rig, RIG_DATA_SIZE, RIG_DATA_VA, &rig->data_bo);
}

void drv_rig_fini(struct drv_rig *rig)
{
	munmap(rig->packets, DRV_PAGE);
	munmap(rig->data, RIG_DATA_SIZE);
	close(rig->fd);
}

int drv_rig_run(struct drv_rig *rig, uint32_t count)
{
	int ret = drv_exec(rig->fd, rig->queue, RIG_PACKETS_VA, count, 0, rig->syncobj);

	return ret ? ret : drv_wait(rig->fd, rig->syncobj, 10 * DRV_SECOND);
}

bool drv_rig_works(struct drv_rig *rig)
{
	static uint32_t pattern = 0x5a000001;

	pattern += 0x01010101;
	drv_packet_fill(rig->packets, RIG_DATA_VA, RIG_DATA_SIZE, pattern);
	if (drv_rig_run(rig, 1))
		return false;
	for (size_t i = 0; i < RIG_DATA_SIZE; i += sizeof(pattern))
		if (memcmp(rig->data + i, &pattern, sizeof(pattern)))
			return false;
	return true;
}
