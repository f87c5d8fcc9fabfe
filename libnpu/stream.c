// SPDX-License-Identifier: MIT
// Copyright The npu authors
/* Streams: records of events and samples, which the kernel keeps until they are read. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "deadline.h"
#include "device.h"
#include "ioctl.h"

#define KINDS ((1U << (NPU_EVENT_ECC + 1)) - 1)

struct npu_stream {
	atomic_uint refs;
	struct npu_device *device;
	uint32_t kind; /* DRM_NPU_STREAM_* */
	int fd;
};

static int open_stream(struct npu_device *device, uint32_t kind, uint32_t flags, uint64_t filter,
		       uint64_t period_ns, struct npu_stream **stream, struct npu_error *error)
{
	struct npu_stream *s = calloc(1, sizeof(*s));
	int ret;

	if (!s)
		return npu_fail(error, -ENOMEM, "cannot open a stream: no memory");
	s->fd = npu_kernel_stream_open(device->fd, kind, flags, filter, period_ns);
	if (s->fd < 0) {
		ret = s->fd;
		free(s);
		if (ret == -EACCES)
			return npu_fail(error, ret,
					"cannot open a stream: what others do is shown with CAP_PERFMON "
					"only");
		/* What is asked for was checked before. */
		if (ret == -EINVAL)
			return npu_fail(error, -ENOTSUP,
					"cannot open a stream: the driver (interface %u.%u) has none of "
					"this kind: install a newer driver",
					device->info.driver_major, device->info.driver_minor);
		return npu_device_fail(device, error, ret, "cannot open a stream");
	}
	atomic_init(&s->refs, 1);
	s->device = npu_device_ref(device);
	s->kind = kind;
	*stream = s;
	return 0;
}

int npu_stream_open_events(struct npu_device *device, uint32_t kinds, uint32_t flags,
			   struct npu_stream **stream, struct npu_error *error)
{
	if (!device || !stream)
		return npu_fail(error, -EINVAL, "npu_stream_open_events: no device or no place");
	if (!kinds || kinds & ~KINDS)
		return npu_fail(error, -EINVAL,
				"cannot open a stream: kinds 0x%x: bits 1 << NPU_EVENT_*, at least one",
				kinds);
	if (flags & ~(uint32_t)NPU_STREAM_ALL)
		return npu_fail(error, -EINVAL,
				"cannot open a stream: flags 0x%x are not known to libnpu %s",
				flags & ~(uint32_t)NPU_STREAM_ALL, NPU_VERSION);
	return open_stream(device, DRM_NPU_STREAM_EVENTS,
			   DRM_NPU_STREAM_NONBLOCK | (flags & NPU_STREAM_ALL ? DRM_NPU_STREAM_ALL : 0),
			   kinds, 0, stream, error);
}

int npu_stream_open_samples(struct npu_device *device, uint64_t period_ns,
			    struct npu_stream **stream, struct npu_error *error)
{
	if (!device || !stream)
		return npu_fail(error, -EINVAL, "npu_stream_open_samples: no device or no place");
	if (period_ns < DRM_NPU_STREAM_PERIOD_MIN_NS || period_ns > UINT32_MAX)
		return npu_fail(error, -EINVAL,
				"cannot open a stream: a sample each %llu ns: 10 ms to 4 s",
				(unsigned long long)period_ns);
	return open_stream(device, DRM_NPU_STREAM_PERF, DRM_NPU_STREAM_NONBLOCK, 0, period_ns, stream,
			   error);
}

struct npu_stream *npu_stream_ref(struct npu_stream *stream)
{
	npu_ref_get(&stream->refs);
	return stream;
}

void npu_stream_unref(struct npu_stream *stream)
{
	if (!stream || !npu_ref_put(&stream->refs))
		return;
	npu_kernel_close(stream->fd);
	npu_device_unref(stream->device);
	free(stream);
}

int npu_stream_fd(const struct npu_stream *stream)
{
	return stream->fd;
}

/* Until the file can be read, or @deadline_ns: 0 or -ETIME. */
static int wait_readable(int file, int64_t deadline_ns)
{
	struct pollfd p = { .fd = file, .events = POLLIN };
	struct timespec now, left = { 0 };
	int64_t ns;

	clock_gettime(CLOCK_MONOTONIC, &now);
	ns = deadline_ns - (now.tv_sec * INT64_C(1000000000) + now.tv_nsec);
	if (ns > 0)
		left = (struct timespec){ .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };
	if (ppoll(&p, 1, &left, NULL) < 0 && errno != EINTR)
		return -errno;
	return p.revents || ns > 0 ? 0 : -ETIME;
}

/*
 * One record: -ETIME none by then, -ENODEV the stream has ended. The file does
 * not block, so several threads may read it.
 */
static int take(int file, void *record, size_t size, int64_t deadline_ns)
{
	ssize_t n;
	int ret;

	for (;;) {
		n = read(file, record, size);
		if (n == (ssize_t)size)
			return 0;
		if (n >= 0)
			return n ? -EPROTO : -ENODEV;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		ret = wait_readable(file, deadline_ns);
		if (ret)
			return ret;
	}
}

static int read_record(struct npu_stream *stream, uint32_t kind, void *record, size_t size,
		       int64_t timeout_ns, struct npu_error *error)
{
	int ret;

	if (stream->kind != kind)
		return npu_fail(error, -EINVAL, "cannot read the stream: it is one of %s",
				stream->kind == DRM_NPU_STREAM_EVENTS ? "events" : "samples");
	ret = take(stream->fd, record, size, npu_deadline(timeout_ns));
	if (ret == -ETIME)
		return npu_fail(error, -ETIMEDOUT, "there is nothing in the stream yet");
	if (ret)
		return npu_device_fail(stream->device, error, ret, "cannot read the stream");
	return 0;
}

int npu_stream_event(struct npu_stream *stream, struct npu_event *event, int64_t timeout_ns,
		     struct npu_error *error)
{
	struct drm_npu_event e;
	int ret;

	if (!stream || !event)
		return npu_fail(error, -EINVAL, "npu_stream_event: no stream or no place");
	ret = read_record(stream, DRM_NPU_STREAM_EVENTS, &e, sizeof(e), timeout_ns, error);
	if (ret)
		return ret;
	memset(event, 0, sizeof(*event));
	event->time_ns = e.time_ns;
	event->kind = e.kind;
	event->dropped = e.dropped;
	event->context = e.vm;
	event->queue = e.queue;
	event->value[0] = e.value[0];
	event->value[1] = e.value[1];
	return 0;
}

int npu_stream_sample(struct npu_stream *stream, struct npu_sample *sample, int64_t timeout_ns,
		      struct npu_error *error)
{
	struct drm_npu_sample s;
	int ret;

	if (!stream || !sample)
		return npu_fail(error, -EINVAL, "npu_stream_sample: no stream or no place");
	ret = read_record(stream, DRM_NPU_STREAM_PERF, &s, sizeof(s), timeout_ns, error);
	if (ret)
		return ret;
	memset(sample, 0, sizeof(*sample));
	sample->time_ns = s.time_ns;
	sample->dropped = s.dropped;
	sample->throttle = s.throttle & (NPU_THROTTLE_POWER | NPU_THROTTLE_THERMAL);
	sample->tensor_busy_ns = s.tensor_busy_ns;
	sample->copy_busy_ns = s.copy_busy_ns;
	sample->energy_uj = s.energy_uj;
	sample->clock_hz = s.clock_hz;
	sample->power_mw = s.power_mw;
	sample->temperature_mc = s.temperature_mc;
	sample->queues = s.queues;
	sample->slots_active = s.slots_active;
	return 0;
}
