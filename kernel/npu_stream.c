// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * Streams: a file of records, each of one size, in a ring that forgets what
 * comes while it is full (and says how many). It belongs to no open node: it
 * outlives the one that it was opened from, and ends with the card's life:
 * after a reset, or when the driver is unbound, what is left can be read, then
 * comes the end of the file.
 */
#include <linux/anon_inodes.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include <drm/drm_drv.h>
#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_event.h"
#include "npu_quota.h"
#include "npu_sample.h"
#include "npu_stream.h"

#define NPU_STREAM_EVENTS_ALL	GENMASK_ULL(DRM_NPU_EVENT_ECC, 0)

static u8 *npu_stream_record(struct npu_stream *stream, u64 index)
{
	return stream->records + (index % NPU_STREAM_RECORDS) * stream->record_size;
}

void npu_stream_put(struct npu_stream *stream, void *record, u64 *sequence, u32 *dropped)
{
	scoped_guard(spinlock, &stream->lock) {
		if (stream->ended)
			return;
		*sequence = stream->sequence++;
		if (stream->tail - stream->head == NPU_STREAM_RECORDS) {
			stream->dropped++;
			return;
		}
		*dropped = stream->dropped;
		stream->dropped = 0;
		memcpy(npu_stream_record(stream, stream->tail++), record, stream->record_size);
	}
	wake_up_interruptible(&stream->wait);
}

static bool npu_stream_has_news(struct npu_stream *stream)
{
	guard(spinlock)(&stream->lock);
	return stream->head != stream->tail || stream->ended;
}

/* The oldest record, which stays: only its reader takes it away. */
static bool npu_stream_peek(struct npu_stream *stream, void *record)
{
	guard(spinlock)(&stream->lock);
	if (stream->head == stream->tail)
		return false;
	memcpy(record, npu_stream_record(stream, stream->head), stream->record_size);
	return true;
}

/* Copies what there is and fits; bytes, 0 for nothing. */
static ssize_t npu_stream_drain(struct npu_stream *stream, char __user *to, size_t size)
{
	union {
		struct drm_npu_event event;
		struct drm_npu_sample sample;
	} record;
	size_t done = 0;
	int ret;

	ret = mutex_lock_interruptible(&stream->read_lock);
	if (ret)
		return ret;
	while (size - done >= stream->record_size && npu_stream_peek(stream, &record)) {
		if (copy_to_user(to + done, &record, stream->record_size)) {
			ret = -EFAULT;
			break;
		}
		done += stream->record_size;
		scoped_guard(spinlock, &stream->lock)
			stream->head++;
	}
	mutex_unlock(&stream->read_lock);
	return done ?: ret;
}

static ssize_t npu_stream_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	struct npu_stream *stream = file->private_data;
	ssize_t done;
	bool ended;

	if (size < stream->record_size)
		return -EINVAL;
	for (;;) {
		/* First: what is there when it has ended is all that there is. */
		scoped_guard(spinlock, &stream->lock)
			ended = stream->ended;
		done = npu_stream_drain(stream, to, size);
		if (done || ended)
			return done;
		if (file->f_flags & O_NONBLOCK)
			return -EAGAIN;
		done = wait_event_interruptible(stream->wait, npu_stream_has_news(stream));
		if (done)
			return done;
	}
}

static __poll_t npu_stream_poll(struct file *file, poll_table *wait)
{
	struct npu_stream *stream = file->private_data;
	__poll_t events = 0;

	poll_wait(file, &stream->wait, wait);
	guard(spinlock)(&stream->lock);
	if (stream->head != stream->tail)
		events |= EPOLLIN | EPOLLRDNORM;
	if (stream->ended)
		events |= EPOLLHUP;
	return events;
}

static void npu_stream_free(struct npu_stream *stream)
{
	struct npu_device *ndev = stream->ndev;

	npu_quota_uncharge(stream->quota, NPU_QUOTA_STREAMS);
	mutex_destroy(&stream->read_lock);
	kvfree(stream->records);
	kfree(stream);
	drm_dev_put(&ndev->drm);
}

static void npu_stream_unlink(struct npu_stream *stream)
{
	struct npu_streams *streams = &stream->ndev->streams;

	scoped_guard(mutex, &streams->lock)
		list_del(&stream->link);
	if (stream->kind == DRM_NPU_STREAM_EVENTS)
		atomic_dec(&streams->events);
	else
		cancel_delayed_work_sync(&stream->sample_work);
}

static int npu_stream_release(struct inode *inode, struct file *file)
{
	npu_stream_unlink(file->private_data);
	npu_stream_free(file->private_data);
	return 0;
}

static const struct file_operations npu_stream_fops = {
	.owner = THIS_MODULE,
	.read = npu_stream_read,
	.poll = npu_stream_poll,
	.release = npu_stream_release,
	.llseek = noop_llseek,
};

void npu_stream_init_device(struct npu_device *ndev)
{
	mutex_init(&ndev->streams.lock);
	mutex_init(&ndev->streams.watch_lock);
	INIT_LIST_HEAD(&ndev->streams.list);
}

void npu_stream_end(struct npu_device *ndev, bool all)
{
	int generation = atomic_read(&ndev->generation);
	struct npu_stream *stream;

	guard(mutex)(&ndev->streams.lock);
	list_for_each_entry(stream, &ndev->streams.list, link) {
		if (!all && stream->generation == generation)
			continue;
		scoped_guard(spinlock, &stream->lock)
			stream->ended = true;
		wake_up_interruptible_all(&stream->wait);
	}
}

static int npu_stream_check(const struct drm_npu_stream_open *args)
{
	switch (args->kind) {
	case DRM_NPU_STREAM_EVENTS:
		if (args->flags & ~(DRM_NPU_STREAM_NONBLOCK | DRM_NPU_STREAM_ALL) ||
		    !args->filter || args->filter & ~NPU_STREAM_EVENTS_ALL || args->period_ns)
			return -EINVAL;
		return args->flags & DRM_NPU_STREAM_ALL && !perfmon_capable() ? -EACCES : 0;
	case DRM_NPU_STREAM_PERF:
		if (args->flags & ~DRM_NPU_STREAM_NONBLOCK || args->filter ||
		    args->period_ns < DRM_NPU_STREAM_PERIOD_MIN_NS || args->period_ns > U32_MAX)
			return -EINVAL;
		return perfmon_capable() ? 0 : -EACCES;
	default:
		return -EINVAL;
	}
}

static struct npu_stream *npu_stream_create(struct npu_file *nfile,
					    const struct drm_npu_stream_open *args)
{
	struct npu_stream *stream;

	stream = kzalloc(sizeof(*stream), GFP_KERNEL_ACCOUNT);
	if (!stream)
		return ERR_PTR(-ENOMEM);
	stream->record_size = args->kind == DRM_NPU_STREAM_EVENTS ?
			      sizeof(struct drm_npu_event) : sizeof(struct drm_npu_sample);
	stream->records = kvcalloc(NPU_STREAM_RECORDS, stream->record_size, GFP_KERNEL_ACCOUNT);
	if (!stream->records) {
		kfree(stream);
		return ERR_PTR(-ENOMEM);
	}
	if (!npu_quota_charge(nfile->quota, NPU_QUOTA_STREAMS)) {
		kvfree(stream->records);
		kfree(stream);
		return ERR_PTR(-EDQUOT);
	}
	stream->quota = nfile->quota;
	stream->ndev = nfile->ndev;
	drm_dev_get(&stream->ndev->drm);
	stream->kind = args->kind;
	stream->all = args->flags & DRM_NPU_STREAM_ALL;
	stream->filter = args->filter;
	stream->client_id = nfile->client_id;
	stream->generation = nfile->generation;
	stream->period_ns = args->period_ns;
	INIT_DELAYED_WORK(&stream->sample_work, npu_sample_work);
	init_waitqueue_head(&stream->wait);
	mutex_init(&stream->read_lock);
	spin_lock_init(&stream->lock);
	return stream;
}

int npu_stream_open_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct npu_streams *streams = &to_npu_device(drm)->streams;
	struct drm_npu_stream_open *args = data;
	struct npu_stream *stream;
	int fd, ret;

	if (args->mbz)
		return -EINVAL;
	ret = npu_stream_check(args);
	if (ret)
		return ret;
	stream = npu_stream_create(file->driver_priv, args);
	if (IS_ERR(stream))
		return PTR_ERR(stream);
	/* Nothing of what comes from now on is missed. */
	scoped_guard(mutex, &streams->lock)
		list_add_tail(&stream->link, &streams->list);
	if (stream->kind == DRM_NPU_STREAM_EVENTS) {
		atomic_inc(&streams->events);
		npu_event_watch(to_npu_device(drm));
	} else {
		npu_sample_start(stream);
	}
	fd = anon_inode_getfd("npu-stream", &npu_stream_fops, stream, O_RDONLY | O_CLOEXEC |
			      (args->flags & DRM_NPU_STREAM_NONBLOCK ? O_NONBLOCK : 0));
	if (fd < 0) {
		npu_stream_unlink(stream);
		npu_stream_free(stream);
		return fd;
	}
	args->fd = fd;
	return 0;
}
