/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Buffer objects. */
#ifndef NPU_BO_H
#define NPU_BO_H

#include <drm/drm_gem.h>
#include <drm/ttm/ttm_bo.h>

struct dma_buf;
struct npu_device;
struct npu_vm;

struct npu_bo {
	struct ttm_buffer_object ttm;
	u32 placement;		/* DRM_NPU_MEMORY_*, as created */
	u32 flags;		/* DRM_NPU_BO_*, as created */
	u32 region;		/* DRM_NPU_MEMORY_* now, 0 = out of the card's reach; for display */
	/* The address space that alone may map it; its reservation is shared. */
	struct drm_gem_object *vm_resv;
	struct dma_buf *exported;	/* guarded by the reservation; its release clears it */
	struct dma_buf *imported;	/* referenced */
	struct list_head pinned_link;	/* npu_device.pinned */
};

#define to_npu_bo(b) container_of(b, struct npu_bo, ttm)

static inline struct npu_bo *npu_bo_of_gem(struct drm_gem_object *obj)
{
	return container_of(obj, struct npu_bo, ttm.base);
}

/* Brings it into the card's reach. The caller holds its reservation. */
int npu_bo_validate(struct npu_bo *bo);
/* TTM has moved it. */
void npu_bo_moved(struct npu_bo *bo, u32 mem_type);

int npu_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file);
int npu_bo_info_ioctl(struct drm_device *drm, void *data, struct drm_file *file);

#endif /* NPU_BO_H */
