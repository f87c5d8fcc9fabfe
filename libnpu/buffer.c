// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * A buffer is one buffer object, tied to its context's address space and
 * mapped there from creation to the end: the two are never useful apart.
 */
#include "buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "ioctl.h"

#define FLAGS (NPU_BUFFER_DEVICE | NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE)

#define LARGE_PAGE (2ULL << 20)

static int fail_create(struct npu_context *context, uint64_t size, int ret, struct npu_error *error)
{
	struct npu_memory_info memory;

	if (ret == -ENOSPC && !npu_device_memory(context->device, &memory, NULL))
		return npu_fail(error, ret,
				"cannot create a buffer of %" PRIu64 " bytes: device memory is full: "
				"%" PRIu64 " of %" PRIu64 " bytes are in use",
				size, memory.device_used, memory.device_size);
	return npu_device_fail(context->device, error, ret,
			       "cannot create a buffer of %" PRIu64 " bytes", size);
}

/* Buffer object and mapping; the rest of @b is there. */
static int make_object(struct npu_buffer *b, uint32_t flags, struct npu_error *error)
{
	struct npu_context *c = b->context;
	uint32_t placement = 0;
	int fd = c->device->fd;
	int ret;

	if (flags & NPU_BUFFER_DEVICE)
		placement |= DRM_NPU_MEMORY_DEVICE;
	if (flags & NPU_BUFFER_SYSTEM)
		placement |= DRM_NPU_MEMORY_SYSTEM;
	ret = npu_kernel_bo_create(fd, &b->size, placement,
				   flags & NPU_BUFFER_MAPPABLE ? DRM_NPU_BO_CPU_VISIBLE : 0, c->vm,
				   &b->handle);
	if (ret)
		return fail_create(c, b->size, ret, error);
	/* The alignment lets the driver use large pages. */
	ret = npu_va_get(&c->va, &b->range, b->size,
			 b->size >= LARGE_PAGE ? LARGE_PAGE : c->device->info.page_size);
	if (ret) {
		ret = npu_fail(error, -ENOMEM,
			       "cannot create a buffer of %" PRIu64 " bytes: the context has no "
			       "range of addresses left that is as long",
			       b->size);
		goto err_close;
	}
	ret = npu_kernel_vm_map(fd, c->vm, b->handle, b->range.start, b->size,
				flags & NPU_BUFFER_CARD_READONLY ? DRM_NPU_VM_MAP_READONLY : 0);
	if (ret) {
		npu_device_fail(c->device, error, ret, "cannot map a buffer of %" PRIu64 " bytes",
				b->size);
		goto err_va;
	}
	return 0;
err_va:
	npu_va_put(&c->va, &b->range);
err_close:
	npu_kernel_bo_close(fd, b->handle);
	return ret;
}

int npu_buffer_make(struct npu_context *context, uint64_t size, uint32_t flags,
		    struct npu_buffer **buffer, struct npu_error *error)
{
	const struct npu_device_info *info = &context->device->info;
	struct npu_buffer *b;
	int ret;

	/* Rounding up in the kernel must not wrap. */
	if (size > info->va_end - info->va_start)
		return npu_fail(error, -ENOMEM,
				"cannot create a buffer of %" PRIu64 " bytes: a context has %" PRIu64
				" bytes of addresses",
				size, info->va_end - info->va_start);
	b = calloc(1, sizeof(*b));
	if (!b)
		return npu_fail(error, -ENOMEM, "cannot create a buffer: no memory");
	atomic_init(&b->refs, 1);
	b->context = context;
	b->size = size;
	b->flags = flags;
	ret = make_object(b, flags, error);
	if (ret) {
		free(b);
		return ret;
	}
	pthread_mutex_init(&b->lock, NULL);
	npu_context_ref(context);
	*buffer = b;
	return 0;
}

int npu_buffer_create(struct npu_context *context, uint64_t size, uint32_t flags,
		      struct npu_buffer **buffer, struct npu_error *error)
{
	if (!context || !buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_create: no context or no place");
	if (!size)
		return npu_fail(error, -EINVAL, "cannot create a buffer of 0 bytes");
	if (flags & ~(uint32_t)FLAGS)
		return npu_fail(error, -EINVAL,
				"cannot create a buffer: flags 0x%x are not known to libnpu %s",
				flags & ~(uint32_t)FLAGS, NPU_VERSION);
	if (!(flags & (NPU_BUFFER_DEVICE | NPU_BUFFER_SYSTEM)))
		return npu_fail(error, -EINVAL,
				"cannot create a buffer: say where it may be, NPU_BUFFER_DEVICE, "
				"NPU_BUFFER_SYSTEM or both");
	if (!(flags & NPU_BUFFER_SYSTEM) && size > context->device->info.memory_size)
		return npu_fail(error, -ENOSPC,
				"cannot create a buffer of %" PRIu64 " bytes: the card has %" PRIu64,
				size, context->device->info.memory_size);
	return npu_buffer_make(context, size, flags, buffer, error);
}

struct npu_buffer *npu_buffer_ref(struct npu_buffer *buffer)
{
	npu_ref_get(&buffer->refs);
	return buffer;
}

void npu_buffer_unref(struct npu_buffer *buffer)
{
	struct npu_context *c;

	if (!buffer || !npu_ref_put(&buffer->refs))
		return;
	c = buffer->context;
	if (buffer->map)
		npu_kernel_bo_unmap(buffer->map, buffer->size);
	/*
	 * The range is given back even if unmapping failed: the driver lets a
	 * new mapping replace an old one.
	 */
	npu_kernel_vm_unmap(c->device->fd, c->vm, buffer->range.start, buffer->size);
	npu_kernel_bo_close(c->device->fd, buffer->handle);
	npu_va_put(&c->va, &buffer->range);
	pthread_mutex_destroy(&buffer->lock);
	npu_context_unref(c);
	free(buffer);
}

uint64_t npu_buffer_size(const struct npu_buffer *buffer)
{
	return buffer->size;
}

uint64_t npu_buffer_address(const struct npu_buffer *buffer)
{
	return buffer->range.start;
}

int npu_buffer_map(struct npu_buffer *buffer, void **address, struct npu_error *error)
{
	int ret = 0;

	if (!buffer || !address)
		return npu_fail(error, -EINVAL, "npu_buffer_map: no buffer or no place");
	if (!(buffer->flags & NPU_BUFFER_MAPPABLE))
		return npu_fail(error, -EPERM,
				"cannot map the buffer: it was created without NPU_BUFFER_MAPPABLE");
	pthread_mutex_lock(&buffer->lock);
	if (!buffer->map)
		ret = npu_kernel_bo_map(buffer->context->device->fd, buffer->handle, buffer->size,
					&buffer->map);
	if (!ret)
		*address = buffer->map;
	pthread_mutex_unlock(&buffer->lock);
	if (ret)
		return npu_device_fail(buffer->context->device, error, ret,
				       "cannot map %" PRIu64 " bytes into the process",
				       buffer->size);
	return 0;
}
