/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Jobs: from EXEC through the scheduler to a queue. */
#ifndef NPU_JOB_H
#define NPU_JOB_H

#include <drm/gpu_scheduler.h>

#include <npu/npu_packet.h>

struct npu_fence;
struct npu_queue;

struct npu_job {
	struct drm_sched_job base;
	struct npu_queue *queue;	/* by its fence */
	struct npu_fence *fence;
	struct list_head link;	/* npu_queue.jobs */
	u32 count;
	struct npu_packet_call calls[] __counted_by(count);
};

extern const struct drm_sched_backend_ops npu_sched_ops;

int npu_exec_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_JOB_H */
