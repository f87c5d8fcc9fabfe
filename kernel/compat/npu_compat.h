/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * All that differs between kernels 6.12 and 7.3, under the newest kernel's
 * names where that is possible. NPU_HAVE_* come from compat/probe.
 */
#ifndef NPU_COMPAT_H
#define NPU_COMPAT_H

#include <drm/drm_device.h>
#include <drm/drm_drv.h>
#include <drm/drm_gpuvm.h>
#include <drm/gpu_scheduler.h>
#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_device.h>
#include <drm/ttm/ttm_tt.h>

#include "probed.h"

#if defined(NPU_HAVE_DMEM_REGION_INIT) || defined(NPU_HAVE_DMEM_REGION_SIZE)
#include <linux/cgroup_dmem.h>
#include <drm/ttm/ttm_resource.h>
#endif

/* Every GEM object has a list of mappings where there is no such feature. */
#ifdef NPU_HAVE_DRIVER_GEM_GPUVA
#define NPU_COMPAT_DRIVER_GEM_GPUVA DRIVER_GEM_GPUVA
#else
#define NPU_COMPAT_DRIVER_GEM_GPUVA 0
#endif

#ifdef NPU_HAVE_GEM_OBJECT_ACTIVE
#define NPU_COMPAT_GEM_OBJECT_ACTIVE DRM_GEM_OBJECT_ACTIVE
#else
#define NPU_COMPAT_GEM_OBJECT_ACTIVE 0
#endif

#ifndef NPU_HAVE_SCHED_INIT_ARGS
struct drm_sched_init_args {
	const struct drm_sched_backend_ops *ops;
	struct workqueue_struct *submit_wq;
	struct workqueue_struct *timeout_wq;
	u32 num_rqs;
	u32 credit_limit;
	unsigned int hang_limit;
	long timeout;
	atomic_t *score;
	const char *name;
	struct device *dev;
};
#endif

static inline int npu_compat_sched_init(struct drm_gpu_scheduler *sched,
					const struct drm_sched_init_args *args)
{
#ifdef NPU_HAVE_SCHED_INIT_ARGS
	return drm_sched_init(sched, args);
#else
	return drm_sched_init(sched, args->ops, args->submit_wq, args->num_rqs,
			      args->credit_limit, args->hang_limit, args->timeout,
			      args->timeout_wq, args->score, args->name, args->dev);
#endif
}

static inline int npu_compat_sched_job_init(struct drm_sched_job *job,
					    struct drm_sched_entity *entity, u32 credits,
					    void *owner, u64 client_id)
{
#ifdef NPU_HAVE_SCHED_JOB_CLIENT_ID
	return drm_sched_job_init(job, entity, credits, owner, client_id);
#else
	return drm_sched_job_init(job, entity, credits, owner);
#endif
}

/* Every pending job has its hardware fence: the errno is not used. */
static inline void npu_compat_sched_start(struct drm_gpu_scheduler *sched)
{
#ifdef NPU_HAVE_SCHED_START_ERRNO
	drm_sched_start(sched, 0);
#else
	drm_sched_start(sched);
#endif
}

#ifdef NPU_HAVE_SCHED_STAT_RESET
#define NPU_COMPAT_STAT_RESET DRM_GPU_SCHED_STAT_RESET
#else
#define NPU_COMPAT_STAT_RESET DRM_GPU_SCHED_STAT_NOMINAL
#endif

static inline int npu_compat_gpuvm_sm_map(struct drm_gpuvm *gpuvm, void *priv, u64 va, u64 size,
					  struct drm_gem_object *obj, u64 offset)
{
#ifdef NPU_HAVE_GPUVM_MAP_REQ
	const struct drm_gpuvm_map_req req = {
		.map.va.addr = va,
		.map.va.range = size,
		.map.gem.obj = obj,
		.map.gem.offset = offset,
	};

	return drm_gpuvm_sm_map(gpuvm, priv, &req);
#else
	return drm_gpuvm_sm_map(gpuvm, priv, va, size, obj, offset);
#endif
}

static inline struct drm_gpuvm_bo *npu_compat_gpuvm_bo_obtain(struct drm_gpuvm *gpuvm,
							      struct drm_gem_object *obj)
{
#ifdef NPU_HAVE_GPUVM_BO_OBTAIN_LOCKED
	return drm_gpuvm_bo_obtain_locked(gpuvm, obj);
#else
	return drm_gpuvm_bo_obtain(gpuvm, obj);
#endif
}

static inline int npu_compat_ttm_device_init(struct ttm_device *bdev,
					     const struct ttm_device_funcs *funcs,
					     struct device *dev, struct address_space *mapping,
					     struct drm_vma_offset_manager *vma_manager)
{
#ifdef NPU_HAVE_TTM_DEVICE_BOOLS
	return ttm_device_init(bdev, funcs, dev, mapping, vma_manager, false, false);
#else
	return ttm_device_init(bdev, funcs, dev, mapping, vma_manager, 0);
#endif
}

/* Device memory is a region of the dmem cgroup, where the kernel has that. */
static inline int npu_compat_register_dmem(struct drm_device *drm,
					   struct ttm_resource_manager *man, u64 size)
{
#if defined(NPU_HAVE_DMEM_REGION_INIT)
	static const struct dmem_cgroup_ops ops = { .reclaim = ttm_resource_manager_dmem_reclaim };
	const struct dmem_cgroup_init init = { .size = size, .ops = &ops, .reclaim_priv = man };
	struct dmem_cgroup_region *region = drmm_cgroup_register_region(drm, "device", &init);

	if (IS_ERR(region))
		return PTR_ERR(region);
	ttm_resource_manager_set_dmem_region(man, region);
#elif defined(NPU_HAVE_DMEM_REGION_SIZE)
	struct dmem_cgroup_region *region = drmm_cgroup_register_region(drm, "device", size);

	if (IS_ERR(region))
		return PTR_ERR(region);
	man->cg = region;
#endif
	return 0;
}

static inline int npu_compat_ttm_bo_populate(struct ttm_buffer_object *bo,
					     struct ttm_operation_ctx *ctx)
{
#ifdef NPU_HAVE_TTM_BO_POPULATE
	return ttm_bo_populate(bo, ctx);
#else
	return ttm_tt_populate(bo->bdev, bo->ttm, ctx);
#endif
}

static inline void npu_compat_ttm_bo_fini(struct ttm_buffer_object *bo)
{
#ifdef NPU_HAVE_TTM_BO_FINI
	ttm_bo_fini(bo);
#else
	ttm_bo_put(bo);
#endif
}

#ifdef NPU_HAVE_IMPORT_NS_TOKEN
#define NPU_COMPAT_IMPORT_NS_DMA_BUF() MODULE_IMPORT_NS(DMA_BUF)
#else
#define NPU_COMPAT_IMPORT_NS_DMA_BUF() MODULE_IMPORT_NS("DMA_BUF")
#endif

#ifdef NPU_HAVE_DMA_BUF_INVALIDATE_MAPPINGS
#define npu_compat_invalidate_mappings invalidate_mappings
#define npu_compat_dma_buf_invalidate dma_buf_invalidate_mappings
#else
#define npu_compat_invalidate_mappings move_notify
#define npu_compat_dma_buf_invalidate dma_buf_move_notify
#endif

#endif /* NPU_COMPAT_H */
