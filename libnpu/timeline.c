// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* A timeline is a DRM syncobj whose points jobs and hosts wait for. */
#include "timeline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "deadline.h"
#include "ioctl.h"

static struct npu_timeline *make(struct npu_device *device, uint32_t syncobj, uint64_t last)
{
	struct npu_timeline *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	atomic_init(&t->refs, 1);
	pthread_mutex_init(&t->lock, NULL);
	t->device = npu_device_ref(device);
	t->syncobj = syncobj;
	t->last = last;
	return t;
}

int npu_timeline_create(struct npu_device *device, struct npu_timeline **timeline,
			struct npu_error *error)
{
	struct npu_timeline *t;
	uint32_t syncobj;
	int ret;

	if (!device || !timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_create: no device or no place");
	ret = npu_kernel_syncobj_create(device->fd, &syncobj);
	if (ret)
		return npu_device_fail(device, error, ret, "cannot create a timeline");
	t = make(device, syncobj, 0);
	if (!t) {
		npu_kernel_syncobj_destroy(device->fd, syncobj);
		return npu_fail(error, -ENOMEM, "cannot create a timeline: no memory");
	}
	*timeline = t;
	return 0;
}

int npu_timeline_import(struct npu_device *device, int fd, struct npu_timeline **timeline,
			struct npu_error *error)
{
	struct npu_timeline *t;
	uint32_t syncobj;
	uint64_t last;
	int ret;

	if (!device || !timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_import: no device or no place");
	ret = npu_kernel_syncobj_from_fd(device->fd, fd, &syncobj);
	if (ret == -EINVAL || ret == -EBADF)
		return npu_fail(error, ret,
				"cannot import a timeline: descriptor %d is none: pass one of "
				"npu_timeline_export() or of a DRM syncobj",
				fd);
	if (ret)
		return npu_device_fail(device, error, ret, "cannot import a timeline");
	ret = npu_kernel_timeline_last(device->fd, syncobj, &last);
	if (ret) {
		npu_device_fail(device, error, ret, "cannot read the imported timeline");
		goto err_destroy;
	}
	t = make(device, syncobj, last);
	if (!t) {
		ret = npu_fail(error, -ENOMEM, "cannot import a timeline: no memory");
		goto err_destroy;
	}
	*timeline = t;
	return 0;
err_destroy:
	npu_kernel_syncobj_destroy(device->fd, syncobj);
	return ret;
}

int npu_timeline_export(struct npu_timeline *timeline, struct npu_error *error)
{
	int ret;

	if (!timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_export: no timeline");
	ret = npu_kernel_syncobj_to_fd(timeline->device->fd, timeline->syncobj);
	if (ret < 0)
		return npu_device_fail(timeline->device, error, ret,
				       "cannot make a file descriptor of the timeline");
	return ret;
}

struct npu_timeline *npu_timeline_ref(struct npu_timeline *timeline)
{
	npu_ref_get(&timeline->refs);
	return timeline;
}

void npu_timeline_unref(struct npu_timeline *timeline)
{
	if (!timeline || !npu_ref_put(&timeline->refs))
		return;
	npu_kernel_syncobj_destroy(timeline->device->fd, timeline->syncobj);
	pthread_mutex_destroy(&timeline->lock);
	npu_device_unref(timeline->device);
	free(timeline);
}

bool npu_timeline_is_next(struct npu_timeline *timeline, uint64_t value)
{
	bool is;

	pthread_mutex_lock(&timeline->lock);
	is = value > timeline->last;
	pthread_mutex_unlock(&timeline->lock);
	return is;
}

void npu_timeline_passed(struct npu_timeline *timeline, uint64_t value)
{
	pthread_mutex_lock(&timeline->lock);
	if (value > timeline->last)
		timeline->last = value;
	pthread_mutex_unlock(&timeline->lock);
}

int npu_timeline_signal(struct npu_timeline *timeline, uint64_t value, struct npu_error *error)
{
	uint64_t last;
	int ret = -EINVAL;

	if (!timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_signal: no timeline");
	pthread_mutex_lock(&timeline->lock);
	last = timeline->last;
	if (value > last) {
		ret = npu_kernel_timeline_signal(timeline->device->fd, timeline->syncobj, value);
		if (!ret)
			timeline->last = value;
	}
	pthread_mutex_unlock(&timeline->lock);
	if (value <= last)
		return npu_fail(error, ret,
				"cannot signal point %" PRIu64 " of the timeline: points go up, and it "
				"is at %" PRIu64 ", or will be",
				value, last);
	if (ret)
		return npu_device_fail(timeline->device, error, ret,
				       "cannot signal point %" PRIu64 " of the timeline", value);
	return 0;
}

int npu_timeline_value(struct npu_timeline *timeline, uint64_t *value, struct npu_error *error)
{
	int ret;

	if (!timeline || !value)
		return npu_fail(error, -EINVAL, "npu_timeline_value: no timeline or no place");
	ret = npu_kernel_timeline_value(timeline->device->fd, timeline->syncobj, value);
	if (ret)
		return npu_device_fail(timeline->device, error, ret, "cannot read the timeline");
	return 0;
}

int npu_timeline_wait(struct npu_timeline *timeline, uint64_t value, int64_t timeout_ns,
		      struct npu_error *error)
{
	int ret;

	if (!timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_wait: no timeline");
	if (!value)
		return 0;
	ret = npu_kernel_timeline_wait(timeline->device->fd, timeline->syncobj, value,
				       npu_deadline(timeout_ns));
	if (ret == -ETIME)
		return npu_fail(error, -ETIMEDOUT, "point %" PRIu64 " of the timeline is not reached yet",
				value);
	if (ret)
		return npu_device_fail(timeline->device, error, ret,
				       "cannot wait for point %" PRIu64 " of the timeline", value);
	return 0;
}

int npu_timeline_fd(struct npu_timeline *timeline, uint64_t value, struct npu_error *error)
{
	int ret = -EINVAL;

	if (!timeline)
		return npu_fail(error, -EINVAL, "npu_timeline_fd: no timeline");
	if (value)
		ret = npu_kernel_timeline_export(timeline->device->fd, timeline->syncobj, value);
	if (ret == -EINVAL)
		return npu_fail(error, ret,
				"cannot make a file descriptor of point %" PRIu64 " of the timeline: "
				"submit the job that reaches it first",
				value);
	if (ret < 0)
		return npu_device_fail(timeline->device, error, ret,
				       "cannot make a file descriptor of point %" PRIu64
				       " of the timeline",
				       value);
	return ret;
}
