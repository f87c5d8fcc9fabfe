// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* The model's fences, syncobjs, timelines, and the descriptors of them. */
#include "fake_model.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

void fake_fence_put(struct fence *f)
{
	if (!f || --f->refs)
		return;
	for (unsigned int i = 0; i < f->file_count; i++)
		close(f->files[i]);
	free(f);
}

void fake_syncobj_put(struct syncobj *s)
{
	if (!s || --s->refs)
		return;
	fake_fence_put(s->fence);
	for (unsigned int i = 0; i < s->point_count; i++)
		fake_fence_put(s->points[i].fence);
	free(s);
}

void fake_fence_signal(struct fence *f, int status)
{
	const uint64_t one = 1;

	if (f->status)
		return;
	f->status = status;
	for (unsigned int i = 0; i < f->file_count; i++)
		assert(write(f->files[i], &one, sizeof(one)) == sizeof(one));
	pthread_cond_broadcast(&fake.signalled);
}

struct fence *fake_point_fence(const struct syncobj *s, uint64_t value)
{
	for (unsigned int i = 0; i < s->point_count; i++)
		if (s->points[i].value >= value)
			return s->points[i].fence;
	return NULL;
}

void fake_add_point(struct syncobj *s, uint64_t value, struct fence *fence)
{
	/* Of the points that are reached only the last counts. */
	while (s->point_count > 1 && s->points[0].fence->status && s->points[1].fence->status) {
		fake_fence_put(s->points[0].fence);
		s->point_count--;
		memmove(s->points, s->points + 1, s->point_count * sizeof(s->points[0]));
	}
	assert(s->point_count < 32);
	/* Points that go down are the library's bug. */
	assert(!s->point_count || value > s->points[s->point_count - 1].value);
	s->points[s->point_count].value = value;
	s->points[s->point_count++].fence = fence;
	fence->refs++;
}

static int make_syncobj(struct syncobj *syncobj, uint32_t *handle)
{
	struct object *o = fake_make(SYNCOBJ, handle);

	if (!o)
		return -ENOMEM;
	o->syncobj = syncobj ? syncobj : calloc(1, sizeof(*o->syncobj));
	o->syncobj->refs++;
	return 0;
}

int npu_kernel_syncobj_create(int fd, uint32_t *handle)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	return fake_leave(make_syncobj(NULL, handle));
}

void npu_kernel_syncobj_destroy(int fd, uint32_t handle)
{
	pthread_mutex_lock(&fake.lock);
	fake_syncobj_put(fake_take(handle, SYNCOBJ).syncobj);
	pthread_mutex_unlock(&fake.lock);
}

/* With the lock held, which is let go of meanwhile. */
static int wait_a_millisecond(int64_t deadline_ns)
{
	struct timespec now, until;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec * 1000000000LL + now.tv_nsec >= deadline_ns)
		return -ETIME;
	/* The condition knows the other clock only. */
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&fake.signalled, &fake.lock, &until);
	return fake.lost ? -ENODEV : 0;
}

int npu_kernel_syncobj_wait(int fd, uint32_t handle, int64_t deadline_ns)
{
	struct fence *f;
	int ret = fake_enter();

	if (ret)
		return ret;
	fake.counts.waits++;
	f = fake_find(handle, SYNCOBJ)->syncobj->fence;
	f->refs++;
	while (!f->status && !ret)
		ret = wait_a_millisecond(deadline_ns);
	fake_fence_put(f);
	return fake_leave(ret);
}

int npu_kernel_syncobj_export(int fd, uint32_t handle)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	assert(fake_find(handle, SYNCOBJ)->syncobj->fence);
	return fake_leave(fake_give_descriptor((struct file){ .fence = fake_find(handle, SYNCOBJ)->syncobj->fence }));
}

int npu_kernel_syncobj_status(int fd, uint32_t handle)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	return fake_leave(fake_find(handle, SYNCOBJ)->syncobj->fence->status);
}

int npu_kernel_syncobj_import(int fd, uint32_t handle, int file)
{
	struct syncobj *s;
	const struct file *f;
	int ret = fake_enter();

	if (ret)
		return ret;
	f = fake_find_descriptor(file);
	if (!f || !f->fence)
		return fake_leave(-EINVAL);
	s = fake_find(handle, SYNCOBJ)->syncobj;
	fake_fence_put(s->fence);
	s->fence = f->fence;
	s->fence->refs++;
	return fake_leave(0);
}

int npu_kernel_syncobj_to_fd(int fd, uint32_t handle)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	return fake_leave(fake_give_descriptor((struct file){ .syncobj = fake_find(handle, SYNCOBJ)->syncobj }));
}

int npu_kernel_syncobj_from_fd(int fd, int file, uint32_t *handle)
{
	const struct file *f;
	int ret = fake_enter();

	if (ret)
		return ret;
	f = fake_find_descriptor(file);
	return fake_leave(f && f->syncobj ? make_syncobj(f->syncobj, handle) : -EINVAL);
}

int npu_kernel_timeline_signal(int fd, uint32_t handle, uint64_t point)
{
	struct fence *fence;
	int ret = fake_enter();

	if (ret)
		return ret;
	fence = calloc(1, sizeof(*fence));
	fence->status = 1;
	fake_add_point(fake_find(handle, SYNCOBJ)->syncobj, point, fence);
	pthread_cond_broadcast(&fake.signalled);
	return fake_leave(0);
}

static uint64_t reached(const struct syncobj *s)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < s->point_count && s->points[i].fence->status; i++)
		value = s->points[i].value;
	return value;
}

int npu_kernel_timeline_wait(int fd, uint32_t handle, uint64_t point, int64_t deadline_ns)
{
	struct syncobj *s;
	int ret = fake_enter();

	if (ret)
		return ret;
	fake.counts.waits++;
	s = fake_find(handle, SYNCOBJ)->syncobj;
	s->refs++;
	while (reached(s) < point && !ret)
		ret = wait_a_millisecond(deadline_ns);
	fake_syncobj_put(s);
	return fake_leave(ret);
}

int npu_kernel_timeline_value(int fd, uint32_t handle, uint64_t *point)
{
	int ret = fake_enter();

	if (ret)
		return ret;
	*point = reached(fake_find(handle, SYNCOBJ)->syncobj);
	return fake_leave(0);
}

int npu_kernel_timeline_last(int fd, uint32_t handle, uint64_t *point)
{
	const struct syncobj *s;
	int ret = fake_enter();

	if (ret)
		return ret;
	s = fake_find(handle, SYNCOBJ)->syncobj;
	*point = s->point_count ? s->points[s->point_count - 1].value : 0;
	return fake_leave(0);
}

int npu_kernel_timeline_export(int fd, uint32_t handle, uint64_t point)
{
	struct fence *fence;
	int ret = fake_enter();

	if (ret)
		return ret;
	fence = fake_point_fence(fake_find(handle, SYNCOBJ)->syncobj, point);
	return fake_leave(fence ? fake_give_descriptor((struct file){ .fence = fence }) : -EINVAL);
}
