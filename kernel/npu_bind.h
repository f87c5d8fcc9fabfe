/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* VM_BIND: an array of operations on the mappings of a VM. */
#ifndef NPU_BIND_H
#define NPU_BIND_H

#include <linux/atomic.h>
#include <linux/dma-fence.h>
#include <linux/list.h>
#include <linux/workqueue.h>

#include <drm/drm_gpuvm.h>

#include "npu_sync.h"

struct drm_device;
struct drm_file;
struct npu_bind_fence;
struct npu_va;
struct npu_vm;

struct npu_bind_op {
	u64 va;
	u64 size;
	u64 offset;		/* MAP: in obj */
	u32 flags;		/* DRM_NPU_VM_MAP_* */
	struct drm_gem_object *obj;	/* MAP, referenced; NULL: UNMAP */
	struct drm_gpuvm_bo *vm_bo;	/* MAP, referenced while the reservations are held */
	struct npu_va *spare[3];	/* a map can split one mapping in two and adds itself */
};

/* A fence that a queued bind waits for. */
struct npu_bind_wait {
	struct dma_fence_cb cb;
	struct npu_bind *bind;
};

struct npu_bind {
	struct npu_vm *vm;
	struct list_head dead;	/* npu_va.dead_link: fell away, each holds its buffer */
	u64 flush_start;	/* what the card may have cached of them */
	u64 flush_end;
	struct npu_syncs syncs;

	/* Queued ones only. */
	struct npu_bind_fence *fence;
	struct npu_bind_wait *waits;	/* for each of syncs.waits */
	atomic_t unsignalled;	/* of waits, and 1 until it is pushed */
	struct list_head link;	/* npu_bind_queue.binds */
	struct work_struct release_work;

	u32 count;
	struct npu_bind_op ops[] __counted_by(count);
};

/*
 * Makes page tables what the books say already, and returns when the card uses
 * nothing else. Cannot fail, allocates nothing, takes no reservation.
 */
void npu_bind_apply(struct npu_bind *bind);
/* After npu_bind_apply(); not under a reservation. Takes those that it needs. */
void npu_bind_release_queued(struct npu_bind *bind);

/* Unmaps all of a VM that nobody uses any more. */
void npu_bind_unmap_all(struct npu_vm *vm);

extern const struct drm_gpuvm_ops npu_gpuvm_ops;

int npu_vm_bind_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_BIND_H */
