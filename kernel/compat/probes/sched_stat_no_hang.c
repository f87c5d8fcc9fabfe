// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* A timeout handler can say that there was no hang (6.17). */
#include <drm/gpu_scheduler.h>

enum drm_gpu_sched_stat probe(void);
enum drm_gpu_sched_stat probe(void)
{
	return DRM_GPU_SCHED_STAT_NO_HANG;
}
