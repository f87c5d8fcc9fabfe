// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * What EVENTS streams are told. Of a fault or a queue learns the file that it
 * belongs to, by its handles; others only if they may see all, and then without
 * handles, which mean nothing to them. What happens to the whole card everybody
 * may know: it is also in sysfs and DEV_QUERY.
 */
#include <linux/ktime.h>

#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_event.h"
#include "npu_queue.h"
#include "npu_stream.h"
#include "npu_telemetry.h"
#include "npu_vm.h"

/* @client_id 0: everybody's. DRM counts clients from 1. */
static void npu_event_put(struct npu_device *ndev, const struct drm_npu_event *event,
			  u64 client_id)
{
	struct npu_streams *streams = &ndev->streams;
	u64 now = ktime_get_ns();
	struct npu_stream *stream;

	if (!atomic_read(&streams->events))
		return;
	guard(mutex)(&streams->lock);
	list_for_each_entry(stream, &streams->list, link) {
		struct drm_npu_event copy = *event;

		if (stream->kind != DRM_NPU_STREAM_EVENTS ||
		    !(stream->filter & BIT_ULL(event->kind)))
			continue;
		if (client_id && client_id != stream->client_id) {
			if (!stream->all)
				continue;
			copy.vm = 0;
			copy.queue = 0;
		}
		copy.time_ns = now;
		npu_stream_put(stream, &copy, &copy.sequence, &copy.dropped);
	}
}

void npu_event_fault(struct npu_device *ndev, u32 context, const struct npu_vm_fault *fault)
{
	struct drm_npu_event event = {
		.kind = DRM_NPU_EVENT_FAULT,
		.value = { fault->va, fault->info },
	};
	/* No file's, as long as nobody is found: those who may see all are told. */
	u64 client_id = U64_MAX;
	struct npu_queue *queue;

	xa_lock_irq(&ndev->queues);
	queue = xa_load(&ndev->queues, fault->queue);
	if (queue && queue->context == context) {
		client_id = queue->client_id;
		event.vm = queue->vm_handle;
		event.queue = queue->handle;
	}
	xa_unlock_irq(&ndev->queues);
	npu_event_put(ndev, &event, client_id);
}

void npu_event_queue(struct npu_queue *queue, u32 state, u32 card_error)
{
	const struct drm_npu_event event = {
		.kind = DRM_NPU_EVENT_QUEUE,
		.vm = queue->vm_handle,
		.queue = queue->handle,
		.value = { state, card_error },
	};

	npu_event_put(queue->ndev, &event, queue->client_id);
}

void npu_event_lost(struct npu_device *ndev)
{
	const struct drm_npu_event event = { .kind = DRM_NPU_EVENT_LOST };

	npu_event_put(ndev, &event, 0);
}

void npu_event_reset(struct npu_device *ndev, bool works)
{
	const struct drm_npu_event event = { .kind = DRM_NPU_EVENT_RESET, .value = { works } };

	npu_event_put(ndev, &event, 0);
}

static void npu_event_compare(struct npu_device *ndev, const struct npu_telemetry *t)
{
	struct npu_streams *streams = &ndev->streams;
	struct drm_npu_event event = {};

	lockdep_assert_held(&streams->watch_lock);
	if (streams->known && t->throttle != streams->throttle) {
		event.kind = DRM_NPU_EVENT_THROTTLE;
		event.value[0] = t->throttle;
		event.value[1] = t->clock_mhz * 1000000ULL;
		npu_event_put(ndev, &event, 0);
	}
	if (streams->known && (t->ecc_corrected != streams->ecc_corrected ||
			       t->ecc_uncorrected != streams->ecc_uncorrected)) {
		event.kind = DRM_NPU_EVENT_ECC;
		event.value[0] = t->ecc_corrected;
		event.value[1] = t->ecc_uncorrected;
		npu_event_put(ndev, &event, 0);
	}
	streams->throttle = t->throttle;
	streams->ecc_corrected = t->ecc_corrected;
	streams->ecc_uncorrected = t->ecc_uncorrected;
	streams->known = true;
}

void npu_event_watch(struct npu_device *ndev)
{
	struct npu_streams *streams = &ndev->streams;
	struct npu_telemetry t;

	guard(mutex)(&streams->watch_lock);
	/* Changes count from the moment that somebody listens. */
	if (!atomic_read(&streams->events))
		streams->known = false;
	else if (!npu_telemetry_get(ndev, &t, NULL))
		npu_event_compare(ndev, &t);
}
