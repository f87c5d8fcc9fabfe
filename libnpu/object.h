/* SPDX-License-Identifier: MIT */
/* Copyright The npu authors */
/*
 * A buffer object of the kernel: memory without an address on the card.
 * Buffers are mappings of one. A private object belongs to one address space;
 * a shared one may be mapped by all contexts of the device, and exported.
 *
 * The kernel knows an object by one handle for each open file, however often
 * it is imported, and forgets the handle when it is closed once. So the device
 * lists its shared objects, and the last one who uses a handle closes it.
 */
#ifndef LIBNPU_OBJECT_H
#define LIBNPU_OBJECT_H

#include <pthread.h>

#include "device.h"

struct npu_object {
	struct npu_device *device; /* kept by whoever holds the object */
	unsigned int refs; /* guarded by device->objects_lock, if shared */
	struct npu_object *next; /* likewise */
	bool shared;
	uint32_t handle;
	uint64_t size;
	int file; /* an imported dma-buf; -1: made here */
	pthread_mutex_t lock;
	void *map; /* NULL until it is asked for; guarded by lock */
};

/*
 * npu_object_create() - zeroed memory.
 * @placement: DRM_NPU_MEMORY_*
 * @flags: DRM_NPU_BO_*
 * @vm: the only address space that may map it; 0: a shared object
 */
int npu_object_create(struct npu_device *device, uint64_t size, uint32_t placement, uint32_t flags,
		      uint32_t vm, struct npu_object **object);

/* npu_object_import() - what is behind the dma-buf @fd, which stays the caller's. */
int npu_object_import(struct npu_device *device, int fd, struct npu_object **object);

/* npu_object_get() - only for shared objects. */
struct npu_object *npu_object_get(struct npu_object *object);
void npu_object_put(struct npu_object *object);

/* npu_object_map() - into this process, until the last put. */
int npu_object_map(struct npu_object *object, void **address);

#endif
