/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * All that the library asks of the kernel: drm/npu_accel.h, syncobjs and
 * sync_files. Each returns 0 or a negative errno. The unit tests put a model
 * of the kernel in the place of ioctl.c.
 */
#ifndef LIBNPU_IOCTL_H
#define LIBNPU_IOCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm/npu_accel.h>

/* Opens a node for reading and writing; returns the descriptor. */
int npu_kernel_open(const char *node);
void npu_kernel_close(int fd);

struct npu_kernel_driver {
	char name[16];
	int major;
	int minor;
};

int npu_kernel_driver(int fd, struct npu_kernel_driver *driver);

/*
 * DEV_QUERY of @type into @size bytes at @data, which are zero before; what an
 * older kernel does not know stays so. Returns the bytes that the kernel has, or an error.
 */
int npu_kernel_query(int fd, uint32_t type, void *data, uint32_t size);

/* @size in: bytes, out: rounded up */
int npu_kernel_bo_create(int fd, uint64_t *size, uint32_t placement, uint32_t flags, uint32_t vm,
			 uint32_t *handle);
int npu_kernel_bo_map(int fd, uint32_t handle, uint64_t size, void **address);
void npu_kernel_bo_unmap(void *address, uint64_t size);
void npu_kernel_bo_close(int fd, uint32_t handle);

/* As a dma-buf, which the caller closes; without @writable the host may not map it for writing. */
int npu_kernel_bo_export(int fd, uint32_t handle, bool writable);

/* The same object gives the same handle each time: see object.h. */
int npu_kernel_bo_import(int fd, int file, uint32_t *handle);

/* A dma-buf of pages of a memfd, which the caller closes: udmabuf(4). */
int npu_kernel_udmabuf(int memfd, uint64_t offset, uint64_t size);

/* Of a dma-buf: bytes; a descriptor of our own; memory; the host's access begins or ends. */
int npu_kernel_file_size(int file, uint64_t *size);
int npu_kernel_file_dup(int file);
int npu_kernel_file_map(int file, uint64_t size, void **address);
int npu_kernel_file_sync(int file, bool read, bool write, bool begin);

int npu_kernel_vm_create(int fd, uint32_t *vm);
void npu_kernel_vm_destroy(int fd, uint32_t vm);
int npu_kernel_vm_map(int fd, uint32_t vm, uint32_t bo, uint64_t va, uint64_t size, uint32_t flags);
int npu_kernel_vm_unmap(int fd, uint32_t vm, uint64_t va, uint64_t size);
int npu_kernel_vm_state(int fd, struct drm_npu_vm_get_state *state);

int npu_kernel_queue_create(int fd, uint32_t vm, uint32_t priority, uint32_t *queue);
void npu_kernel_queue_destroy(int fd, uint32_t queue);
int npu_kernel_queue_state(int fd, struct drm_npu_queue_get_state *state);
int npu_kernel_exec(int fd, uint32_t queue, const struct drm_npu_command *commands,
		    uint32_t command_count, const struct drm_npu_sync *syncs, uint32_t sync_count);

int npu_kernel_syncobj_create(int fd, uint32_t *handle);
void npu_kernel_syncobj_destroy(int fd, uint32_t handle);

/* @deadline_ns: CLOCK_MONOTONIC. -ETIME: not signalled by then. */
int npu_kernel_syncobj_wait(int fd, uint32_t handle, int64_t deadline_ns);

/* Returns a sync_file's descriptor, which the caller closes. */
int npu_kernel_syncobj_export(int fd, uint32_t handle);

/* How the fence in the syncobj ended: 1 well, 0 not yet, negative: its error. */
int npu_kernel_syncobj_status(int fd, uint32_t handle);

/* Puts the fence of the sync_file @file into the syncobj. */
int npu_kernel_syncobj_import(int fd, uint32_t handle, int file);

/* The syncobj itself as a descriptor, and back. */
int npu_kernel_syncobj_to_fd(int fd, uint32_t handle);
int npu_kernel_syncobj_from_fd(int fd, int file, uint32_t *handle);

/* Points of a syncobj. The wait is also for points that nobody has submitted yet. */
int npu_kernel_timeline_signal(int fd, uint32_t handle, uint64_t point);
int npu_kernel_timeline_wait(int fd, uint32_t handle, uint64_t point, int64_t deadline_ns);
int npu_kernel_timeline_value(int fd, uint32_t handle, uint64_t *point);

/* The highest point that is reached, or that something submitted will reach. */
int npu_kernel_timeline_last(int fd, uint32_t handle, uint64_t *point);

/* A sync_file of a point; -EINVAL: nothing submitted reaches it. */
int npu_kernel_timeline_export(int fd, uint32_t handle, uint64_t point);

/* STREAM_OPEN; returns the descriptor, which gives records to read(2). */
int npu_kernel_stream_open(int fd, uint32_t kind, uint32_t flags, uint64_t filter,
			   uint64_t period_ns);

#endif
