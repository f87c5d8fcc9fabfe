/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What an ioctl waits for and signals: arrays of struct drm_npu_sync. */
#ifndef NPU_SYNC_H
#define NPU_SYNC_H

#include <linux/dma-fence.h>

#include <drm/npu_accel.h>

struct dma_fence_chain;
struct drm_file;
struct drm_syncobj;

#define NPU_SYNCS_MAX 1024

/* A syncobj to signal. */
struct npu_signal {
	struct drm_syncobj *syncobj;
	struct dma_fence_chain *chain;	/* NULL: binary */
	u64 point;
};

struct npu_syncs {
	struct dma_fence **waits;	/* a reference each; NULL: somebody else's now */
	struct npu_signal *signals;
	u32 wait_count;
	u32 signal_count;
};

/* The caller's array, checked; as npu_user_array(). */
struct drm_npu_sync *npu_sync_array(const struct drm_npu_array *array);

/*
 * Looks up fences and syncobjs, and allocates all that signalling needs.
 * -ENOENT: no such syncobj; -EINVAL: a wait for what nobody is to signal yet.
 * On an error there is nothing to put.
 */
int npu_syncs_get(struct npu_syncs *syncs, struct drm_file *file,
		  const struct drm_npu_sync *array, u32 count);
/* Gives every syncobj the fence; cannot fail, happens once. */
void npu_syncs_signal(struct npu_syncs *syncs, struct dma_fence *fence);
/* Any number of times, also of zeroed ones. */
void npu_syncs_put(struct npu_syncs *syncs);

#endif /* NPU_SYNC_H */
