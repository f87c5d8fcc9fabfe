// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The model's buffer objects and dma-bufs, and what descriptors stand for. */
#include "fake_model.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct memory *fake_memory_make(uint64_t size)
{
	struct memory *memory = calloc(1, sizeof(*memory));

	assert(memory);
	memory->refs = 1;
	memory->size = size;
	memory->bytes = aligned_alloc(PAGE, size);
	assert(memory->bytes);
	memset(memory->bytes, 0, size);
	return memory;
}

void fake_memory_put(struct memory *memory)
{
	if (!memory || --memory->refs)
		return;
	free(memory->bytes);
	free(memory);
}

int fake_give_descriptor(struct file what)
{
	what.fd = eventfd(what.fence && what.fence->status ? 1 : 0, EFD_CLOEXEC);
	assert(what.fd >= 0 && fake.descriptor_count < FILES);
	if (what.fence) {
		/* The model's own end, to raise it. */
		assert(what.fence->file_count < 8);
		what.fence->files[what.fence->file_count++] = dup(what.fd);
		what.fence->refs++;
	}
	if (what.syncobj)
		what.syncobj->refs++;
	if (what.memory)
		what.memory->refs++;
	fake.descriptors[fake.descriptor_count++] = what;
	return what.fd;
}

struct file *fake_find_descriptor(int fd)
{
	for (unsigned int i = fake.descriptor_count; i--;)
		if (fake.descriptors[i].fd == fd)
			return &fake.descriptors[i];
	return NULL;
}

static void forget(const struct file *f)
{
	fake_fence_put(f->fence);
	fake_syncobj_put(f->syncobj);
	fake_memory_put(f->memory);
	if (f->pipe)
		close(f->pipe);
}

void fake_close_descriptor(int fd)
{
	struct file *f = fake_find_descriptor(fd);

	assert(f);
	forget(f);
	memmove(f, f + 1, (size_t)(&fake.descriptors[fake.descriptor_count--] - (f + 1)) * sizeof(*f));
	close(fd);
}

void fake_forget_descriptors(void)
{
	while (fake.descriptor_count)
		forget(&fake.descriptors[--fake.descriptor_count]);
}

int fake_foreign_buffer(uint64_t size)
{
	struct memory *memory = fake_memory_make(size);
	int fd;

	pthread_mutex_lock(&fake.lock);
	memory->foreign = memory->visible = true;
	fd = fake_give_descriptor((struct file){ .memory = memory });
	fake_memory_put(memory);
	pthread_mutex_unlock(&fake.lock);
	return fd;
}

unsigned int fake_accesses(void)
{
	return fake.syncs;
}

int npu_kernel_bo_create(int fd, uint64_t *size, uint32_t placement, uint32_t flags, uint32_t vm,
			 uint32_t *handle)
{
	struct object *o;
	int ret = fake_enter();

	if (ret)
		return ret;
	assert(!vm || fake_find(vm, VM));
	*size = (*size + PAGE - 1) & ~(PAGE - 1);
	if (placement == DRM_NPU_MEMORY_DEVICE && *size > (1 << 20) - 8192)
		return fake_leave(-ENOSPC);
	o = fake_make(BO, handle);
	if (!o)
		return fake_leave(-ENOMEM);
	o->fd = fd;
	o->memory = fake_memory_make(*size);
	o->memory->visible = flags & DRM_NPU_BO_CPU_VISIBLE;
	o->memory->vm = vm;
	return fake_leave(0);
}

int npu_kernel_bo_map(int fd, uint32_t handle, uint64_t size, void **address)
{
	const struct memory *memory;
	int ret = fake_enter();

	if (ret)
		return ret;
	memory = fake_find(handle, BO)->memory;
	assert(memory->visible && memory->size == size);
	fake.files++;
	fake.counts.objects_made++;
	*address = memory->bytes;
	return fake_leave(0);
}

void npu_kernel_bo_unmap(void *address, uint64_t size)
{
	pthread_mutex_lock(&fake.lock);
	fake.files--;
	pthread_mutex_unlock(&fake.lock);
}

void npu_kernel_bo_close(int fd, uint32_t handle)
{
	struct object o;

	pthread_mutex_lock(&fake.lock);
	o = fake_take(handle, BO);
	assert(o.fd == fd);
	fake_memory_put(o.memory);
	pthread_mutex_unlock(&fake.lock);
}

int npu_kernel_bo_export(int fd, uint32_t handle, bool writable)
{
	struct memory *memory;
	int ret = fake_enter();

	if (ret)
		return ret;
	memory = fake_find(handle, BO)->memory;
	return fake_leave(memory->vm ? -EPERM : fake_give_descriptor((struct file){ .memory = memory }));
}

/* One handle for each memory and open file. */
int npu_kernel_bo_import(int fd, int file, uint32_t *handle)
{
	const struct file *f;
	struct object *o;
	int ret = fake_enter();

	if (ret)
		return ret;
	f = fake_find_descriptor(file);
	if (!f || !f->memory)
		return fake_leave(-EINVAL);
	for (uint32_t i = 1; i < OBJECTS; i++) {
		o = fake_find(i, BO);
		if (o && o->memory == f->memory && o->fd == fd) {
			*handle = i;
			return fake_leave(0);
		}
	}
	o = fake_make(BO, handle);
	if (!o)
		return fake_leave(-ENOMEM);
	o->fd = fd;
	o->memory = f->memory;
	o->memory->refs++;
	return fake_leave(0);
}

/* Any descriptor >= 0 will do; its content is not looked at. */
int npu_kernel_udmabuf(int memfd, uint64_t offset, uint64_t size)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	if (memfd < 0 || offset % PAGE || !size || size % PAGE)
		return fake_leave(-EINVAL);
	fake_leave(0);
	return fake_foreign_buffer(size);
}

int npu_kernel_file_size(int file, uint64_t *size)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	*size = fake_find_descriptor(file)->memory->size;
	return fake_leave(0);
}

int npu_kernel_file_dup(int file)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	fake.files++;
	return fake_leave(fake_give_descriptor(*fake_find_descriptor(file)));
}

int npu_kernel_file_map(int file, uint64_t size, void **address)
{
	const struct memory *memory;
	int ret = fake_enter();

	if (ret)
		return ret;
	memory = fake_find_descriptor(file)->memory;
	assert(memory->size == size);
	if (!memory->visible)
		return fake_leave(-EACCES);
	fake.files++;
	*address = memory->bytes;
	return fake_leave(0);
}

int npu_kernel_file_sync(int file, bool read, bool write, bool begin)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	assert(fake_find_descriptor(file)->memory && (read || write) && (begin || fake.syncs));
	fake.syncs += begin ? 1 : -1U;
	return fake_leave(0);
}

/* A stream is a pipe: fake_record() writes to it. */
int npu_kernel_stream_open(int fd, uint32_t kind, uint32_t flags, uint64_t filter,
			   uint64_t period_ns)
{
	int ends[2], ret = fake_enter();

	if (ret)
		return ret;
	assert(flags & DRM_NPU_STREAM_NONBLOCK);
	assert(kind == DRM_NPU_STREAM_EVENTS ? filter && !period_ns : !filter && period_ns);
	if (flags & DRM_NPU_STREAM_ALL)
		return fake_leave(-EACCES);
	assert(!pipe2(ends, O_CLOEXEC | O_NONBLOCK) && fake.descriptor_count < FILES);
	fake.descriptors[fake.descriptor_count++] = (struct file){ .fd = ends[0], .pipe = ends[1] };
	fake.files++;
	return fake_leave(ends[0]);
}

void fake_record(int fd, const void *record, size_t size)
{
	pthread_mutex_lock(&fake.lock);
	assert(write(fake_find_descriptor(fd)->pipe, record, size) == (ssize_t)size);
	pthread_mutex_unlock(&fake.lock);
}

void fake_end_stream(int fd)
{
	pthread_mutex_lock(&fake.lock);
	close(fake_find_descriptor(fd)->pipe);
	fake_find_descriptor(fd)->pipe = 0;
	pthread_mutex_unlock(&fake.lock);
}
