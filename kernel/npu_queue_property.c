// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * What can be changed of a queue that exists: priority and time slice. The
 * card takes both at once, so the one that stays is sent along.
 */
#include <linux/capability.h>

#include <drm/drm_file.h>
#include <drm/npu_accel.h>

#include "npu_device.h"
#include "npu_queue.h"
#include "npu_queue_property.h"

static int npu_queue_property_check(u32 property, u64 value)
{
	bool more;

	switch (property) {
	case DRM_NPU_QUEUE_PROPERTY_PRIORITY:
		if (value > DRM_NPU_PRIORITY_REALTIME)
			return -EINVAL;
		more = value > DRM_NPU_PRIORITY_NORMAL;
		break;
	case DRM_NPU_QUEUE_PROPERTY_TIME_SLICE:
		if (value && (value < NPU_SLICE_US_MIN || value > NPU_SLICE_US_MAX))
			return -EINVAL;
		/* A long slice is what its neighbours wait for. */
		more = value > NPU_SLICE_US_DEFAULT;
		break;
	default:
		return -EINVAL;
	}
	return more && !capable(CAP_SYS_NICE) ? -EACCES : 0;
}

static int npu_queue_property_set(struct npu_queue *queue, u32 property, u32 value)
{
	struct npu_admin_queue_set_args args = { .queue = queue->number };
	struct npu_admin_queue_result r;
	int ret;

	guard(mutex)(&queue->card_lock);
	if (!queue->on_card)
		return -ECANCELED;
	args.priority = property == DRM_NPU_QUEUE_PROPERTY_PRIORITY ? value : queue->priority;
	args.time_slice_us = property == DRM_NPU_QUEUE_PROPERTY_TIME_SLICE ? value :
									     queue->slice_us;
	ret = npu_admin_run(queue->ndev, NPU_ADMIN_QUEUE_SET, &args, sizeof(args), &r, sizeof(r));
	if (ret)
		return ret;
	queue->priority = args.priority;
	queue->slice_us = args.time_slice_us;
	return 0;
}

int npu_queue_set_property_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_queue_set_property *args = data;
	struct npu_queue *queue;
	int ret;

	ret = npu_queue_property_check(args->property, args->value);
	if (ret)
		return ret;
	queue = npu_queue_lookup(file->driver_priv, args->queue);
	if (!queue)
		return -ENOENT;
	ret = npu_queue_property_set(queue, args->property, args->value);
	npu_queue_put(queue);
	return ret;
}
