// SPDX-License-Identifier: MIT
// Copyright The npu authors
/*
 * A buffer is an object that is mapped in a context from the buffer's creation
 * to its end. Objects are tied to the context, unless they are to be shared.
 */
#include "buffer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "ioctl.h"

#define CREATE_FLAGS \
	(NPU_BUFFER_DEVICE | NPU_BUFFER_SYSTEM | NPU_BUFFER_MAPPABLE | NPU_BUFFER_SHARED | \
	 NPU_BUFFER_CARD_READONLY)
#define IMPORT_FLAGS (NPU_BUFFER_MAPPABLE | NPU_BUFFER_CARD_READONLY)

#define LARGE_PAGE (2ULL << 20)

int npu_buffer_fail(struct npu_device *device, uint64_t size, int ret,
		    struct npu_error *error)
{
	struct npu_memory_info memory;

	if (ret == -ENOSPC && !npu_device_memory(device, &memory, NULL))
		return npu_fail(error, ret,
				"cannot create a buffer of %" PRIu64 " bytes: device memory is full: "
				"%" PRIu64 " of %" PRIu64 " bytes are in use",
				size, memory.device_used, memory.device_size);
	return npu_device_fail(device, error, ret, "cannot create a buffer of %" PRIu64 " bytes",
			       size);
}

int npu_buffer_of_object(struct npu_context *context, struct npu_object *object, uint32_t flags,
			 struct npu_buffer **buffer, struct npu_error *error)
{
	struct npu_device *device = context->device;
	struct npu_buffer *b = calloc(1, sizeof(*b));
	int ret;

	if (!b) {
		ret = npu_fail(error, -ENOMEM, "cannot create a buffer: no memory");
		goto err_object;
	}
	/* The alignment lets the driver use large pages. */
	ret = npu_va_get(&context->va, &b->range, object->size,
			 object->size >= LARGE_PAGE ? LARGE_PAGE : device->info.page_size);
	if (ret) {
		ret = npu_fail(error, -ENOMEM,
			       "cannot create a buffer of %" PRIu64 " bytes: the context has no "
			       "range of addresses left that is as long",
			       object->size);
		goto err_free;
	}
	ret = npu_kernel_vm_map(device->fd, context->vm, object->handle, b->range.start,
				object->size,
				flags & NPU_BUFFER_CARD_READONLY ? DRM_NPU_VM_MAP_READONLY : 0);
	if (ret) {
		npu_device_fail(device, error, ret, "cannot map a buffer of %" PRIu64 " bytes",
				object->size);
		goto err_va;
	}
	atomic_init(&b->refs, 1);
	b->context = npu_context_ref(context);
	b->object = object;
	b->flags = flags;
	*buffer = b;
	return 0;
err_va:
	npu_va_put(&context->va, &b->range);
err_free:
	free(b);
err_object:
	npu_object_put(object);
	return ret;
}

int npu_buffer_create(struct npu_context *context, uint64_t size, uint32_t flags,
		      struct npu_buffer **buffer, struct npu_error *error)
{
	const struct npu_device_info *info;
	struct npu_object *object;
	uint32_t placement = 0;
	int ret;

	if (!context || !buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_create: no context or no place");
	info = &context->device->info;
	if (!size)
		return npu_fail(error, -EINVAL, "cannot create a buffer of 0 bytes");
	if (flags & ~(uint32_t)CREATE_FLAGS)
		return npu_fail(error, -EINVAL,
				"cannot create a buffer: flags 0x%x are not known to libnpu %s",
				flags & ~(uint32_t)CREATE_FLAGS, NPU_VERSION);
	if (!(flags & (NPU_BUFFER_DEVICE | NPU_BUFFER_SYSTEM)))
		return npu_fail(error, -EINVAL,
				"cannot create a buffer: say where it may be, NPU_BUFFER_DEVICE, "
				"NPU_BUFFER_SYSTEM or both");
	if (!(flags & NPU_BUFFER_SYSTEM) && size > info->memory_size)
		return npu_fail(error, -ENOSPC,
				"cannot create a buffer of %" PRIu64 " bytes: the card has %" PRIu64,
				size, info->memory_size);
	/* Rounding up in the kernel must not wrap. */
	if (size > info->va_end - info->va_start)
		return npu_fail(error, -ENOMEM,
				"cannot create a buffer of %" PRIu64 " bytes: a context has %" PRIu64
				" bytes of addresses",
				size, info->va_end - info->va_start);
	if (flags & NPU_BUFFER_DEVICE)
		placement |= DRM_NPU_MEMORY_DEVICE;
	if (flags & NPU_BUFFER_SYSTEM)
		placement |= DRM_NPU_MEMORY_SYSTEM;
	ret = npu_object_create(context->device, size, placement,
				flags & NPU_BUFFER_MAPPABLE ? DRM_NPU_BO_CPU_VISIBLE : 0,
				flags & NPU_BUFFER_SHARED ? 0 : context->vm, &object);
	if (ret)
		return npu_buffer_fail(context->device, size, ret, error);
	return npu_buffer_of_object(context, object, flags, buffer, error);
}

int npu_buffer_import(struct npu_context *context, int fd, uint32_t flags,
		      struct npu_buffer **buffer, struct npu_error *error)
{
	struct npu_object *object;
	int ret;

	if (!context || !buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_import: no context or no place");
	if (flags & ~(uint32_t)IMPORT_FLAGS)
		return npu_fail(error, -EINVAL,
				"cannot import a buffer: flags 0x%x are not for imports or not known "
				"to libnpu %s",
				flags & ~(uint32_t)IMPORT_FLAGS, NPU_VERSION);
	ret = npu_object_import(context->device, fd, &object);
	if (ret == -EINVAL || ret == -EBADF)
		return npu_fail(error, ret,
				"cannot import descriptor %d: it is no dma-buf, or one that this driver "
				"(interface %u.%u) cannot reach",
				fd, context->device->info.driver_major,
				context->device->info.driver_minor);
	if (ret)
		return npu_device_fail(context->device, error, ret, "cannot import descriptor %d", fd);
	return npu_buffer_of_object(context, object, flags | NPU_BUFFER_SHARED, buffer, error);
}

static int fail_udmabuf(int memfd, int ret, struct npu_error *error)
{
	switch (ret) {
	case -ENOENT:
		return npu_fail(error, ret,
				"cannot import memfd %d: there is no /dev/udmabuf: use a kernel with "
				"CONFIG_UDMABUF, or create a buffer and read into it",
				memfd);
	case -EACCES:
	case -EPERM:
		return npu_fail(error, -EACCES,
				"cannot import memfd %d: no permission on /dev/udmabuf: give this user "
				"access to it, or create a buffer and read into it",
				memfd);
	case -EINVAL:
	case -EBADFD:
	case -EBADF:
		return npu_fail(error, -EINVAL,
				"cannot import memfd %d: it must be one, hold the range of whole pages, "
				"be sealed with F_SEAL_SHRINK and not with F_SEAL_WRITE",
				memfd);
	default:
		return npu_fail(error, ret, "cannot import memfd %d: %s", memfd, npu_reason(ret));
	}
}

int npu_buffer_import_memfd(struct npu_context *context, int memfd, uint64_t offset, uint64_t size,
			    uint32_t flags, struct npu_buffer **buffer, struct npu_error *error)
{
	int fd, ret;

	if (!context || !buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_import_memfd: no context or no place");
	fd = npu_kernel_udmabuf(memfd, offset, size);
	if (fd < 0)
		return fail_udmabuf(memfd, fd, error);
	ret = npu_buffer_import(context, fd, flags, buffer, error);
	/* Not npu_kernel_close(): this one is not the device's. */
	close(fd);
	return ret;
}

int npu_buffer_export(struct npu_buffer *buffer, struct npu_error *error)
{
	int ret;

	if (!buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_export: no buffer");
	if (!(buffer->flags & NPU_BUFFER_SHARED))
		return npu_fail(error, -EPERM,
				"cannot export the buffer: it was created without NPU_BUFFER_SHARED");
	ret = npu_kernel_bo_export(buffer->context->device->fd, buffer->object->handle,
				   !(buffer->flags & NPU_BUFFER_CARD_READONLY));
	if (ret < 0)
		return npu_device_fail(buffer->context->device, error, ret,
				       "cannot export a buffer of %" PRIu64 " bytes",
				       buffer->object->size);
	return ret;
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
	/*
	 * The range is given back even if unmapping failed: the driver lets a
	 * new mapping replace an old one.
	 */
	npu_kernel_vm_unmap(c->device->fd, c->vm, buffer->range.start, buffer->object->size);
	npu_object_put(buffer->object);
	npu_va_put(&c->va, &buffer->range);
	npu_context_unref(c);
	free(buffer);
}

uint64_t npu_buffer_size(const struct npu_buffer *buffer)
{
	return buffer->object->size;
}

uint64_t npu_buffer_address(const struct npu_buffer *buffer)
{
	return buffer->range.start;
}

int npu_buffer_map(struct npu_buffer *buffer, void **address, struct npu_error *error)
{
	int ret;

	if (!buffer || !address)
		return npu_fail(error, -EINVAL, "npu_buffer_map: no buffer or no place");
	if (!(buffer->flags & NPU_BUFFER_MAPPABLE))
		return npu_fail(error, -EPERM,
				"cannot map the buffer: it was created without NPU_BUFFER_MAPPABLE");
	ret = npu_object_map(buffer->object, address);
	if (ret)
		return npu_device_fail(buffer->context->device, error, ret,
				       "cannot map %" PRIu64 " bytes into the process",
				       buffer->object->size);
	return 0;
}

static int access_memory(struct npu_buffer *buffer, uint32_t access, bool begin,
			 struct npu_error *error)
{
	const char *what = begin ? "begin" : "end";
	int ret;

	if (!buffer)
		return npu_fail(error, -EINVAL, "npu_buffer_%s_access: no buffer", what);
	if (!access || access & ~(uint32_t)(NPU_ACCESS_READ | NPU_ACCESS_WRITE))
		return npu_fail(error, -EINVAL,
				"npu_buffer_%s_access: access 0x%x: NPU_ACCESS_READ, NPU_ACCESS_WRITE "
				"or both",
				what, access);
	/* What the driver made itself is coherent for host and card. */
	if (buffer->object->file < 0)
		return 0;
	ret = npu_kernel_file_sync(buffer->object->file, access & NPU_ACCESS_READ,
				   access & NPU_ACCESS_WRITE, begin);
	if (ret)
		return npu_device_fail(buffer->context->device, error, ret,
				       "cannot %s access to an imported buffer", what);
	return 0;
}

int npu_buffer_begin_access(struct npu_buffer *buffer, uint32_t access, struct npu_error *error)
{
	return access_memory(buffer, access, true, error);
}

int npu_buffer_end_access(struct npu_buffer *buffer, uint32_t access, struct npu_error *error)
{
	return access_memory(buffer, access, false, error);
}
