// SPDX-License-Identifier: MIT
// Copyright The npu authors
#include "object.h"

#include <errno.h>
#include <stdlib.h>

#include "ioctl.h"

static struct npu_object *make(struct npu_device *device, int file)
{
	struct npu_object *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;
	o->device = device;
	o->refs = 1;
	o->file = file;
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

static void destroy(struct npu_object *object)
{
	if (object->map)
		npu_kernel_bo_unmap(object->map, object->size);
	if (object->file >= 0)
		npu_kernel_close(object->file);
	pthread_mutex_destroy(&object->lock);
	free(object);
}

/* With device->objects_lock held. */
static void list_object(struct npu_object *object)
{
	object->shared = true;
	object->next = object->device->objects;
	object->device->objects = object;
}

int npu_object_create(struct npu_device *device, uint64_t size, uint32_t placement, uint32_t flags,
		      uint32_t vm, struct npu_object **object)
{
	struct npu_object *o = make(device, -1);
	int ret;

	if (!o)
		return -ENOMEM;
	o->size = size;
	ret = npu_kernel_bo_create(device->fd, &o->size, placement, flags, vm, &o->handle);
	if (ret) {
		destroy(o);
		return ret;
	}
	if (!vm) {
		pthread_mutex_lock(&device->objects_lock);
		list_object(o);
		pthread_mutex_unlock(&device->objects_lock);
	}
	*object = o;
	return 0;
}

/* @handle is new here: nobody else uses it. */
static int make_imported(struct npu_device *device, int fd, uint32_t handle,
			 struct npu_object **object)
{
	struct npu_object *o;
	uint64_t size;
	int file, ret;

	ret = npu_kernel_file_size(fd, &size);
	if (ret)
		return ret;
	file = npu_kernel_file_dup(fd);
	if (file < 0)
		return file;
	o = make(device, file);
	if (!o) {
		npu_kernel_close(file);
		return -ENOMEM;
	}
	o->handle = handle;
	o->size = size;
	list_object(o);
	*object = o;
	return 0;
}

/* The lock is held from asking for the handle until it is counted: see object.h. */
static int import_locked(struct npu_device *device, int fd, struct npu_object **object)
{
	struct npu_object *o;
	uint32_t handle;
	int ret;

	ret = npu_kernel_bo_import(device->fd, fd, &handle);
	if (ret)
		return ret;
	for (o = device->objects; o; o = o->next) {
		if (o->handle == handle) {
			o->refs++;
			*object = o;
			return 0;
		}
	}
	ret = make_imported(device, fd, handle, object);
	if (ret)
		npu_kernel_bo_close(device->fd, handle);
	return ret;
}

int npu_object_import(struct npu_device *device, int fd, struct npu_object **object)
{
	int ret;

	pthread_mutex_lock(&device->objects_lock);
	ret = import_locked(device, fd, object);
	pthread_mutex_unlock(&device->objects_lock);
	return ret;
}

struct npu_object *npu_object_get(struct npu_object *object)
{
	pthread_mutex_lock(&object->device->objects_lock);
	object->refs++;
	pthread_mutex_unlock(&object->device->objects_lock);
	return object;
}

void npu_object_put(struct npu_object *object)
{
	struct npu_device *device = object->device;
	struct npu_object **at = &device->objects;
	bool last = true;

	if (!object->shared) {
		npu_kernel_bo_close(device->fd, object->handle);
		destroy(object);
		return;
	}
	pthread_mutex_lock(&device->objects_lock);
	last = !--object->refs;
	if (last) {
		while (*at != object)
			at = &(*at)->next;
		*at = object->next;
		npu_kernel_bo_close(device->fd, object->handle);
	}
	pthread_mutex_unlock(&device->objects_lock);
	if (last)
		destroy(object);
}

int npu_object_map(struct npu_object *object, void **address)
{
	int ret = 0;

	pthread_mutex_lock(&object->lock);
	if (!object->map && object->file >= 0)
		ret = npu_kernel_file_map(object->file, object->size, &object->map);
	else if (!object->map)
		ret = npu_kernel_bo_map(object->device->fd, object->handle, object->size,
					&object->map);
	if (!ret)
		*address = object->map;
	pthread_mutex_unlock(&object->lock);
	return ret;
}
