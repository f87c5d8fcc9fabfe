// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * The only file that talks to the kernel about a card. One function for each
 * request; no policy here.
 */
#include "ioctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/dma-buf.h>
#include <linux/sync_file.h>
#include <linux/udmabuf.h>
#include <xf86drm.h>

#include "deadline.h"

/* drmIoctl() repeats what a signal interrupted. */
static int request(int fd, unsigned long number, void *data)
{
	return drmIoctl(fd, number, data) ? -errno : 0;
}

int npu_kernel_open(const char *node)
{
	int fd = open(node, O_RDWR | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void npu_kernel_close(int fd)
{
	close(fd);
}

int npu_kernel_driver(int fd, struct npu_kernel_driver *driver)
{
	drmVersionPtr version = drmGetVersion(fd);

	if (!version)
		return errno ? -errno : -ENOMEM;
	snprintf(driver->name, sizeof(driver->name), "%s", version->name ? version->name : "");
	driver->major = version->version_major;
	driver->minor = version->version_minor;
	drmFreeVersion(version);
	return 0;
}

int npu_kernel_query(int fd, uint32_t type, void *data, uint32_t size)
{
	struct drm_npu_dev_query query = { type, size, (uintptr_t)data };
	int ret = request(fd, DRM_IOCTL_NPU_DEV_QUERY, &query);

	return ret ? ret : (int)query.size;
}

int npu_kernel_bo_create(int fd, uint64_t *size, uint32_t placement, uint32_t flags, uint32_t vm,
			 uint32_t *handle)
{
	struct drm_npu_bo_create create = {
		.size = *size, .placement = placement, .flags = flags, .vm = vm,
	};
	int ret = request(fd, DRM_IOCTL_NPU_BO_CREATE, &create);

	if (!ret) {
		*size = create.size;
		*handle = create.handle;
	}
	return ret;
}

int npu_kernel_bo_map(int fd, uint32_t handle, uint64_t size, void **address)
{
	struct drm_npu_bo_info info = { .handle = handle };
	int ret = request(fd, DRM_IOCTL_NPU_BO_INFO, &info);
	void *map;

	if (ret)
		return ret;
	map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)info.mmap_offset);
	if (map == MAP_FAILED)
		return -errno;
	*address = map;
	return 0;
}

void npu_kernel_bo_unmap(void *address, uint64_t size)
{
	munmap(address, size);
}

void npu_kernel_bo_close(int fd, uint32_t handle)
{
	struct drm_gem_close gem_close = { .handle = handle };

	request(fd, DRM_IOCTL_GEM_CLOSE, &gem_close);
}

int npu_kernel_bo_export(int fd, uint32_t handle, bool writable)
{
	int file;

	if (drmPrimeHandleToFD(fd, handle, DRM_CLOEXEC | (writable ? DRM_RDWR : 0), &file))
		return -errno;
	return file;
}

int npu_kernel_bo_import(int fd, int file, uint32_t *handle)
{
	return drmPrimeFDToHandle(fd, file, handle) ? -errno : 0;
}

int npu_kernel_udmabuf(int memfd, uint64_t offset, uint64_t size)
{
	struct udmabuf_create create = {
		.memfd = (uint32_t)memfd, .flags = UDMABUF_FLAGS_CLOEXEC, .offset = offset, .size = size,
	};
	int device = open("/dev/udmabuf", O_RDWR | O_CLOEXEC);
	int file, ret;

	if (device < 0)
		return -errno;
	file = ioctl(device, UDMABUF_CREATE, &create);
	ret = file < 0 ? -errno : file;
	close(device);
	return ret;
}

int npu_kernel_file_size(int file, uint64_t *size)
{
	off_t end = lseek(file, 0, SEEK_END);

	if (end <= 0)
		return end ? -errno : -EINVAL;
	*size = (uint64_t)end;
	return 0;
}

int npu_kernel_file_dup(int file)
{
	int fd = fcntl(file, F_DUPFD_CLOEXEC, 0);

	return fd < 0 ? -errno : fd;
}

/* Read-only if the exporter allows no more. */
int npu_kernel_file_map(int file, uint64_t size, void **address)
{
	void *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);

	if (map == MAP_FAILED && (errno == EACCES || errno == EPERM))
		map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
	if (map == MAP_FAILED)
		return -errno;
	*address = map;
	return 0;
}

int npu_kernel_file_sync(int file, bool read, bool write, bool begin)
{
	struct dma_buf_sync sync = {
		.flags = (read ? DMA_BUF_SYNC_READ : 0) | (write ? DMA_BUF_SYNC_WRITE : 0) |
			 (begin ? DMA_BUF_SYNC_START : DMA_BUF_SYNC_END),
	};

	return request(file, DMA_BUF_IOCTL_SYNC, &sync);
}

int npu_kernel_vm_create(int fd, uint32_t *vm)
{
	struct drm_npu_vm_create create = { 0 };
	int ret = request(fd, DRM_IOCTL_NPU_VM_CREATE, &create);

	if (!ret)
		*vm = create.vm;
	return ret;
}

void npu_kernel_vm_destroy(int fd, uint32_t vm)
{
	struct drm_npu_vm_destroy destroy = { .vm = vm };

	request(fd, DRM_IOCTL_NPU_VM_DESTROY, &destroy);
}

static int vm_bind(int fd, uint32_t vm, const struct drm_npu_vm_op *op)
{
	struct drm_npu_vm_bind bind = {
		.vm = vm,
		.ops = { .pointer = (uintptr_t)op, .count = 1, .stride = sizeof(*op) },
	};

	return request(fd, DRM_IOCTL_NPU_VM_BIND, &bind);
}

int npu_kernel_vm_map(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags)
{
	const struct drm_npu_vm_op op = {
		.op = DRM_NPU_VM_OP_MAP, .flags = flags, .va = va, .size = size, .bo = bo,
	};

	return vm_bind(fd, vm, &op);
}

int npu_kernel_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size)
{
	const struct drm_npu_vm_op op = { .op = DRM_NPU_VM_OP_UNMAP, .va = va, .size = size };

	return vm_bind(fd, vm, &op);
}

int npu_kernel_vm_state(int fd, struct drm_npu_vm_get_state *state)
{
	return request(fd, DRM_IOCTL_NPU_VM_GET_STATE, state);
}

int npu_kernel_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue)
{
	struct drm_npu_queue_create create = { .vm = vm, .priority = priority };
	int ret = request(fd, DRM_IOCTL_NPU_QUEUE_CREATE, &create);

	if (!ret)
		*queue = create.queue;
	return ret;
}

void npu_kernel_queue_destroy(int fd, uint32_t queue)
{
	struct drm_npu_queue_destroy destroy = { .queue = queue };

	request(fd, DRM_IOCTL_NPU_QUEUE_DESTROY, &destroy);
}

int npu_kernel_queue_state(int fd, struct drm_npu_queue_get_state *state)
{
	return request(fd, DRM_IOCTL_NPU_QUEUE_GET_STATE, state);
}

int npu_kernel_exec(int fd, uint32_t queue, const struct drm_npu_command *commands,
		    uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count)
{
	struct drm_npu_exec exec = {
		.queue = queue,
		.commands = { (uintptr_t)commands, command_count, sizeof(*commands) },
		.syncs = { (uintptr_t)syncs, sync_count, sizeof(*syncs) },
	};

	return request(fd, DRM_IOCTL_NPU_EXEC, &exec);
}

int npu_kernel_syncobj_create(int fd, uint32_t *handle)
{
	return drmSyncobjCreate(fd, 0, handle) ? -errno : 0;
}

void npu_kernel_syncobj_destroy(int fd, uint32_t handle)
{
	drmSyncobjDestroy(fd, handle);
}

/* The kernel waits in ticks, and may give up a part of one too early: it is asked again. */
int npu_kernel_syncobj_wait(int fd, uint32_t handle, int64_t deadline_ns)
{
	int ret;

	do {
		ret = drmSyncobjWait(fd, &handle, 1, deadline_ns, 0, NULL) ? -errno : 0;
	} while (ret == -ETIME && !npu_deadline_is_over(deadline_ns));
	return ret;
}

int npu_kernel_syncobj_export(int fd, uint32_t handle)
{
	int file;

	return drmSyncobjExportSyncFile(fd, handle, &file) ? -errno : file;
}

/* The syncobj ioctls tell that a fence is done; only a sync_file tells how. */
int npu_kernel_syncobj_status(int fd, uint32_t handle)
{
	struct sync_file_info info = { 0 };
	int file = npu_kernel_syncobj_export(fd, handle);
	int ret;

	if (file < 0)
		return file;
	ret = request(file, SYNC_IOC_FILE_INFO, &info);
	close(file);
	return ret ? ret : info.status;
}

int npu_kernel_syncobj_import(int fd, uint32_t handle, int file)
{
	return drmSyncobjImportSyncFile(fd, handle, file) ? -errno : 0;
}

int npu_kernel_syncobj_to_fd(int fd, uint32_t handle)
{
	int file;

	return drmSyncobjHandleToFD(fd, handle, &file) ? -errno : file;
}

int npu_kernel_syncobj_from_fd(int fd, int file, uint32_t *handle)
{
	return drmSyncobjFDToHandle(fd, file, handle) ? -errno : 0;
}

int npu_kernel_timeline_signal(int fd, uint32_t handle, uint64_t point)
{
	return drmSyncobjTimelineSignal(fd, &handle, &point, 1) ? -errno : 0;
}

int npu_kernel_timeline_wait(int fd, uint32_t handle, uint64_t point, int64_t deadline_ns)
{
	int ret;

	do {
		ret = drmSyncobjTimelineWait(fd, &handle, &point, 1, deadline_ns,
					     DRM_SYNCOBJ_WAIT_FLAGS_WAIT_FOR_SUBMIT, NULL) ? -errno : 0;
	} while (ret == -ETIME && !npu_deadline_is_over(deadline_ns));
	return ret;
}

int npu_kernel_timeline_value(int fd, uint32_t handle, uint64_t *point)
{
	return drmSyncobjQuery(fd, &handle, point, 1) ? -errno : 0;
}

int npu_kernel_timeline_last(int fd, uint32_t handle, uint64_t *point)
{
	return drmSyncobjQuery2(fd, &handle, point, 1, DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED) ?
		       -errno : 0;
}

/* Only a syncobj as a whole can be exported: the point's fence goes through one. */
int npu_kernel_timeline_export(int fd, uint32_t handle, uint64_t point)
{
	uint32_t binary;
	int ret = npu_kernel_syncobj_create(fd, &binary);

	if (ret)
		return ret;
	ret = drmSyncobjTransfer(fd, binary, 0, handle, point, 0) ? -errno :
								    npu_kernel_syncobj_export(fd, binary);
	npu_kernel_syncobj_destroy(fd, binary);
	return ret;
}

int npu_kernel_stream_open(int fd, uint32_t kind, uint32_t flags, uint64_t filter,
			   uint64_t period_ns)
{
	struct drm_npu_stream_open stream_open = {
		.kind = kind, .flags = flags, .filter = filter, .period_ns = period_ns,
	};
	int ret = request(fd, DRM_IOCTL_NPU_STREAM_OPEN, &stream_open);

	return ret ? ret : stream_open.fd;
}
