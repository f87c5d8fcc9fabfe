// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Performance samples: telemetry at a stream's own period. */
#include <linux/ktime.h>

#include <drm/drm_drv.h>
#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_sample.h"
#include "npu_stream.h"
#include "npu_telemetry.h"

static void npu_sample_take(struct npu_stream *stream)
{
	const u64 period_ms = div_u64(stream->period_ns, NSEC_PER_MSEC);
	struct drm_npu_sample sample = {};
	struct npu_telemetry t;
	u64 age;

	/* Streams of the same period share what the firmware says. */
	if (npu_telemetry_get_fresh(stream->ndev, &t, &age, period_ms / 2))
		return;
	sample = (struct drm_npu_sample){
		.time_ns = ktime_get_ns() - age,
		.throttle = t.throttle,
		.tensor_busy_ns = t.tensor_busy_ns,
		.copy_busy_ns = t.copy_busy_ns,
		.energy_uj = t.energy_uj,
		.clock_hz = t.clock_mhz * 1000000ULL,
		.power_mw = t.power_mw,
		.temperature_mc = t.temperature_mc,
		.queues = t.queues,
		.slots_active = t.slots_active,
	};
	npu_stream_put(stream, &sample, &sample.sequence, &sample.dropped);
}

void npu_sample_start(struct npu_stream *stream)
{
	queue_delayed_work(stream->ndev->sched_wq, &stream->sample_work,
			   nsecs_to_jiffies(stream->period_ns));
}

void npu_sample_work(struct work_struct *work)
{
	struct npu_stream *stream = container_of(work, struct npu_stream, sample_work.work);
	struct npu_device *ndev = stream->ndev;
	bool ended;
	int idx;

	/* The firmware's answer must not come when the device is gone. */
	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	npu_sample_take(stream);
	drm_dev_exit(idx);
	scoped_guard(spinlock, &stream->lock)
		ended = stream->ended;
	if (!ended)
		npu_sample_start(stream);
}
