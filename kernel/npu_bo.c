// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Buffer objects: GEM objects whose memory TTM manages. */
#include <drm/drm_gem_ttm_helper.h>
#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_mmap.h"
#include "npu_prime.h"
#include "npu_ttm.h"
#include "npu_turn.h"
#include "npu_vm.h"

static void npu_bo_fill_placement(const struct npu_bo *bo, struct ttm_place places[2],
				  struct ttm_placement *placement)
{
	unsigned int n = 0;

	if (bo->placement & DRM_NPU_MEMORY_DEVICE)
		places[n++] = (struct ttm_place){ .mem_type = NPU_PL_DEVICE };
	if (bo->placement & DRM_NPU_MEMORY_SYSTEM)
		places[n++] = (struct ttm_place){ .mem_type = NPU_PL_SYSTEM };
	*placement = (struct ttm_placement){ .num_placement = n, .placement = places };
}

int npu_bo_validate(struct npu_bo *bo)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct ttm_placement placement;
	struct ttm_place places[2];

	npu_bo_fill_placement(bo, places, &placement);
	return ttm_bo_validate(&bo->ttm, &placement, &ctx) ?: npu_ttm_map(bo);
}

void npu_bo_moved(struct npu_bo *bo, u32 mem_type)
{
	u32 region = mem_type == NPU_PL_DEVICE ? DRM_NPU_MEMORY_DEVICE :
		     mem_type == NPU_PL_SYSTEM ? DRM_NPU_MEMORY_SYSTEM : 0;

	/* Read without the reservation by BO_INFO and fdinfo. */
	WRITE_ONCE(bo->region, region);
}

static void npu_bo_gem_free(struct drm_gem_object *obj)
{
	npu_compat_ttm_bo_fini(&npu_bo_of_gem(obj)->ttm);
}

static void npu_bo_destroy(struct ttm_buffer_object *ttm)
{
	struct npu_bo *bo = to_npu_bo(ttm);

	npu_budget_uncharge(to_npu_device(ttm->base.dev), bo->placement, ttm->base.size);
	drm_gem_object_release(&ttm->base);
	if (bo->vm_resv)
		drm_gem_object_put(bo->vm_resv);
	kfree(bo);
}

static int npu_bo_mmap(struct drm_gem_object *obj, struct vm_area_struct *vma)
{
	/* The offset can be guessed. */
	if (!(npu_bo_of_gem(obj)->flags & DRM_NPU_BO_CPU_VISIBLE))
		return -EACCES;
	return drm_gem_ttm_mmap(obj, vma);
}

static const struct drm_gem_object_funcs npu_bo_funcs = {
	.free = npu_bo_gem_free,
	.mmap = npu_bo_mmap,
	.vm_ops = &npu_mmap_ops,
	.export = npu_prime_export,
};

/* What a new buffer is to be. */
struct npu_bo_wish {
	struct npu_device *ndev;
	u64 size;
	u32 placement;		/* DRM_NPU_MEMORY_* */
	u32 flags;		/* DRM_NPU_BO_* */
	struct npu_vm *vm;	/* NULL: any may map it */
	struct npu_bo *bo;	/* the result */
};

/* Locks the reservation of the VM whose own the buffer is to be, and borrows it. */
static int npu_bo_join_vm(struct npu_bo *bo, struct npu_vm *vm)
{
	int ret = dma_resv_lock_interruptible(drm_gpuvm_resv(&vm->gpuvm), NULL);

	if (ret)
		return ret;
	bo->vm_resv = vm->gpuvm.r_obj;
	drm_gem_object_get(bo->vm_resv);
	bo->ttm.base.resv = drm_gpuvm_resv(&vm->gpuvm);
	return 0;
}

/* Zeroed memory within the card's reach. */
static int npu_bo_create(void *data)
{
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct npu_bo_wish *wish = data;
	struct npu_device *ndev = wish->ndev;
	struct ttm_placement placement;
	struct ttm_place places[2];
	struct dma_resv *resv = NULL;
	struct npu_bo *bo;
	u32 align = wish->size >= NPU_LARGE_PAGE_SIZE ? NPU_LARGE_PAGE_SIZE >> PAGE_SHIFT : 1;
	int ret;

	/* No -ENOMEM: trying again is no use. */
	if (!npu_budget_charge(ndev, wish->placement, wish->size))
		return -ENOSPC;
	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo) {
		ret = -ENOMEM;
		goto uncharge;
	}
	bo->placement = wish->placement;
	bo->flags = wish->flags;
	INIT_LIST_HEAD(&bo->pinned_link);
	bo->ttm.base.funcs = &npu_bo_funcs;
	if (wish->vm) {
		ret = npu_bo_join_vm(bo, wish->vm);
		if (ret) {
			kfree(bo);
			goto uncharge;
		}
		resv = bo->ttm.base.resv;
	}
	drm_gem_private_object_init(&ndev->drm, &bo->ttm.base, wish->size);
	npu_bo_fill_placement(bo, places, &placement);
	/* When it fails, it has called npu_bo_destroy() and unlocked what it locked. */
	ret = ttm_bo_init_reserved(&ndev->ttm, &bo->ttm, ttm_bo_type_device, &placement, align,
				   &ctx, NULL, resv, npu_bo_destroy);
	if (!ret)
		wish->bo = bo;
	if (!ret || resv)
		dma_resv_unlock(resv ?: bo->ttm.base.resv);
	return ret;

uncharge:
	npu_budget_uncharge(ndev, wish->placement, wish->size);
	return ret;
}

int npu_bo_create_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	const u32 places = DRM_NPU_MEMORY_SYSTEM | DRM_NPU_MEMORY_DEVICE;
	struct npu_device *ndev = to_npu_device(drm);
	struct drm_npu_bo_create *args = data;
	struct npu_file *nfile = file->driver_priv;
	struct npu_bo_wish wish;
	u64 limit = 0;
	u32 handle;
	int ret;

	if (!args->placement || (args->placement & ~places) ||
	    (args->flags & ~DRM_NPU_BO_CPU_VISIBLE))
		return -EINVAL;
	if (args->placement & DRM_NPU_MEMORY_DEVICE)
		limit = npu_ttm_size(ndev, NPU_PL_DEVICE);
	if (args->placement & DRM_NPU_MEMORY_SYSTEM)
		limit = max(limit, npu_ttm_size(ndev, NPU_PL_SYSTEM));
	/* Compared before it is rounded up: nothing wraps. */
	if (!args->size || args->size > limit)
		return -EINVAL;
	wish = (struct npu_bo_wish){
		.ndev = ndev,
		.size = PAGE_ALIGN(args->size),
		.placement = args->placement,
		.flags = args->flags,
	};
	if (args->vm) {
		wish.vm = npu_vm_lookup(nfile, args->vm);
		if (!wish.vm)
			return -ENOENT;
	}
	ret = npu_turn_run(ndev, npu_bo_create, &wish);
	if (wish.vm)
		npu_vm_put(wish.vm);
	if (ret == -ENOMEM || ret == -ENOSPC)
		return args->placement == DRM_NPU_MEMORY_DEVICE ? -ENOSPC : -ENOMEM;
	if (ret)
		return ret;
	ret = drm_gem_handle_create(file, &wish.bo->ttm.base, &handle);
	drm_gem_object_put(&wish.bo->ttm.base);
	if (ret)
		return ret;
	args->size = wish.size;
	args->handle = handle;
	return 0;
}

int npu_bo_info_ioctl(struct drm_device *drm, void *data, struct drm_file *file)
{
	struct drm_npu_bo_info *args = data;
	struct drm_gem_object *obj;
	struct npu_bo *bo;

	obj = drm_gem_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	bo = npu_bo_of_gem(obj);
	args->placement = bo->placement;
	args->flags = bo->flags;
	args->region = READ_ONCE(bo->region);
	args->size = obj->size;
	args->mmap_offset = bo->flags & DRM_NPU_BO_CPU_VISIBLE ?
			    drm_vma_node_offset_addr(&obj->vma_node) : 0;
	drm_gem_object_put(obj);
	return 0;
}
