// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * TTM: a manager of page ranges for device memory, and one that counts the
 * system memory within the card's reach (npu_ttm_system.c). System memory is mapped for DMA
 * while it is in that reach, so that an unbound driver leaves no mapping
 * behind. Device memory is moved and cleared by the copy engine (npu_copy.c),
 * and by the CPU through the aperture when the engine cannot.
 */
#include <linux/dma-mapping.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>
#include <drm/ttm/ttm_range_manager.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_prime.h"
#include "npu_ttm.h"
#include "npu_ttm_system.h"
#include "npu_va.h"

static struct npu_device *npu_ttm_device(struct ttm_device *bdev)
{
	return container_of(bdev, struct npu_device, ttm);
}

static struct ttm_tt *npu_tt_create(struct ttm_buffer_object *bo, u32 page_flags)
{
	struct npu_tt *tt = kzalloc(sizeof(*tt), GFP_KERNEL);

	int ret;

	if (!tt)
		return NULL;
	if (page_flags & TTM_TT_FLAG_EXTERNAL)
		ret = ttm_sg_tt_init(&tt->ttm, bo, page_flags, ttm_cached);
	else
		ret = ttm_tt_init(&tt->ttm, bo, page_flags, ttm_cached, 0);
	if (ret) {
		kfree(tt);
		return NULL;
	}
	return &tt->ttm;
}

static int npu_tt_map_import(struct npu_tt *tt, struct dma_buf_attachment *attach)
{
	struct sg_table *sgt = npu_prime_map(attach);

	if (IS_ERR(sgt))
		return PTR_ERR(sgt);
	tt->attach = attach;
	tt->import = sgt;
	tt->sgt = *sgt;
	return 0;
}

static int npu_tt_map_pages(struct npu_device *ndev, struct npu_tt *tt)
{
	struct ttm_tt *ttm = &tt->ttm;
	int ret;

	ret = sg_alloc_table_from_pages(&tt->sgt, ttm->pages, ttm->num_pages, 0,
					(u64)ttm->num_pages << PAGE_SHIFT, GFP_KERNEL);
	if (ret)
		return ret;
	ret = dma_map_sgtable(&ndev->pdev->dev, &tt->sgt, DMA_BIDIRECTIONAL, 0);
	if (ret)
		sg_free_table(&tt->sgt);
	return ret;
}

static int npu_tt_map(struct npu_device *ndev, struct ttm_buffer_object *bo)
{
	struct npu_tt *tt = to_npu_tt(bo->ttm);
	int ret;

	if (tt->mapped)
		return 0;
	if (bo->base.import_attach)
		ret = npu_tt_map_import(tt, bo->base.import_attach);
	else
		ret = npu_tt_map_pages(ndev, tt);
	tt->mapped = !ret;
	return ret;
}

static void npu_tt_unmap(struct npu_device *ndev, struct ttm_tt *ttm)
{
	struct npu_tt *tt = to_npu_tt(ttm);

	if (!tt->mapped)
		return;
	if (tt->import) {
		npu_prime_unmap(tt->attach, tt->import);
		tt->import = NULL;
	} else {
		dma_unmap_sgtable(&ndev->pdev->dev, &tt->sgt, DMA_BIDIRECTIONAL, 0);
		sg_free_table(&tt->sgt);
	}
	tt->mapped = false;
}

int npu_ttm_map(struct npu_bo *bo)
{
	dma_resv_assert_held(bo->ttm.base.resv);
	if (bo->ttm.resource->mem_type != NPU_PL_SYSTEM)
		return 0;
	return npu_tt_map(npu_ttm_device(bo->ttm.bdev), &bo->ttm);
}

void npu_ttm_unmap(struct npu_bo *bo)
{
	dma_resv_assert_held(bo->ttm.base.resv);
	if (bo->ttm.ttm)
		npu_tt_unmap(npu_ttm_device(bo->ttm.bdev), bo->ttm.ttm);
}

static int npu_tt_populate(struct ttm_device *bdev, struct ttm_tt *ttm,
			   struct ttm_operation_ctx *ctx)
{
	/* The exporter has the pages. */
	if (ttm->page_flags & TTM_TT_FLAG_EXTERNAL)
		return 0;
	return ttm_pool_alloc(&bdev->pool, ttm, ctx);
}

static void npu_tt_unpopulate(struct ttm_device *bdev, struct ttm_tt *ttm)
{
	npu_tt_unmap(npu_ttm_device(bdev), ttm);
	if (!(ttm->page_flags & TTM_TT_FLAG_EXTERNAL))
		ttm_pool_free(&bdev->pool, ttm);
}

static void npu_tt_destroy(struct ttm_device *bdev, struct ttm_tt *ttm)
{
	ttm_tt_fini(ttm);
	kfree(to_npu_tt(ttm));
}

static void npu_ttm_evict_flags(struct ttm_buffer_object *bo, struct ttm_placement *placement)
{
	static const struct ttm_place out_of_reach = { .mem_type = TTM_PL_SYSTEM };

	/* The card is gone: its memory's content goes with it. */
	if (bo->resource->mem_type == NPU_PL_DEVICE && drm_dev_is_unplugged(bo->base.dev)) {
		*placement = (struct ttm_placement){};
		return;
	}
	*placement = (struct ttm_placement){ .num_placement = 1, .placement = &out_of_reach };
}

/* Below, to ask the engine and to wait for it costs more than a few stores. */
#define NPU_TTM_ENGINE_MIN SZ_64K

/* Buffers start as zeros, whoever had the memory before. */
static void npu_ttm_clear(struct npu_device *ndev, struct ttm_resource *mem)
{
	u64 at = (u64)mem->start << PAGE_SHIFT, end = at + mem->size;

	if (mem->size >= NPU_TTM_ENGINE_MIN && !npu_copy_clear(ndev, at, mem->size))
		return;
	atomic64_add(mem->size, &ndev->copy.cleared_by_cpu);
	while (at < end) {
		size_t part = min_t(u64, end - at, SZ_1M);

		memset_io(ndev->memory + at, 0, part);
		at += part;
		cond_resched();
	}
}

/* Lets the copy engine move the content into or out of device memory. */
static int npu_ttm_copy(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx,
			struct ttm_resource *new_mem)
{
	struct npu_device *ndev = npu_ttm_device(bo->bdev);
	const bool to_device = new_mem->mem_type == NPU_PL_DEVICE;
	struct ttm_resource *mem = to_device ? new_mem : bo->resource;
	int ret;

	/* Gives it pages, or takes those back that were swapped out. */
	ret = npu_compat_ttm_bo_populate(bo, ctx);
	if (ret)
		return ret;
	ret = npu_tt_map(ndev, bo);
	if (ret)
		return ret;
	return npu_copy_move(ndev, &to_npu_tt(bo->ttm)->sgt, (u64)mem->start << PAGE_SHIFT,
			     bo->base.size, to_device);
}

/* Device memory is one of the two sides. The device is entered, the buffer idle. */
static int npu_ttm_move_device(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx,
			       struct ttm_resource *new_mem)
{
	struct npu_device *ndev = npu_ttm_device(bo->bdev);
	int ret;

	if (!npu_ttm_copy(bo, ctx, new_mem)) {
		ttm_bo_move_sync_cleanup(bo, new_mem);
	} else {
		ret = ttm_bo_move_memcpy(bo, ctx, new_mem);
		if (ret)
			return ret;
		atomic64_add(bo->base.size, &ndev->copy.moved_by_cpu);
	}
	if (new_mem->mem_type == TTM_PL_SYSTEM)
		npu_tt_unmap(ndev, bo->ttm);
	return 0;
}

/* Nobody has seen it yet. */
static int npu_ttm_move_first(struct ttm_buffer_object *bo, struct ttm_resource *new_mem)
{
	struct npu_device *ndev = npu_ttm_device(bo->bdev);
	int idx, ret;

	if (new_mem->mem_type == NPU_PL_DEVICE) {
		if (!drm_dev_enter(&ndev->drm, &idx))
			return -ENODEV;
		npu_ttm_clear(ndev, new_mem);
		drm_dev_exit(idx);
	} else if (new_mem->mem_type == NPU_PL_SYSTEM) {
		ret = npu_tt_map(ndev, bo);
		if (ret)
			return ret;
	}
	ttm_bo_move_null(bo, new_mem);
	return 0;
}

static int npu_ttm_move_again(struct ttm_buffer_object *bo, struct ttm_operation_ctx *ctx,
			      struct ttm_resource *new_mem)
{
	struct npu_device *ndev = npu_ttm_device(bo->bdev);
	struct ttm_resource *old = bo->resource;
	int idx, ret;

	/* A card that was silenced uses nothing; jobs that never ran may wait for others. */
	if (!drm_dev_is_unplugged(bo->base.dev)) {
		ret = ttm_bo_wait_ctx(bo, ctx);
		if (ret)
			return ret;
	}
	if (new_mem->mem_type == NPU_PL_SYSTEM) {
		ret = npu_tt_map(ndev, bo);
		if (ret)
			return ret;
	}
	npu_prime_moving(to_npu_bo(bo));
	/* From here the card does not reach the old place any more. */
	npu_va_evict_bo(to_npu_bo(bo));
	if (old->mem_type != NPU_PL_DEVICE && new_mem->mem_type != NPU_PL_DEVICE) {
		if (new_mem->mem_type == TTM_PL_SYSTEM)
			npu_tt_unmap(ndev, bo->ttm);
		ttm_bo_move_null(bo, new_mem);
		return 0;
	}
	if (!drm_dev_enter(&ndev->drm, &idx))
		return -ENODEV;
	ret = npu_ttm_move_device(bo, ctx, new_mem);
	drm_dev_exit(idx);
	return ret;
}

static int npu_ttm_move(struct ttm_buffer_object *bo, bool evict, struct ttm_operation_ctx *ctx,
			struct ttm_resource *new_mem, struct ttm_place *hop)
{
	struct ttm_resource *old = bo->resource;
	int ret;

	if (!old || (old->mem_type == TTM_PL_SYSTEM && !bo->ttm))
		ret = npu_ttm_move_first(bo, new_mem);
	else
		ret = npu_ttm_move_again(bo, ctx, new_mem);
	if (!ret)
		npu_bo_moved(to_npu_bo(bo), new_mem->mem_type);
	return ret;
}

static int npu_ttm_io_mem_reserve(struct ttm_device *bdev, struct ttm_resource *mem)
{
	struct npu_device *ndev = npu_ttm_device(bdev);
	u64 offset = (u64)mem->start << PAGE_SHIFT;

	if (mem->mem_type != NPU_PL_DEVICE)
		return 0;
	mem->bus.offset = ndev->memory_phys + offset;
	mem->bus.addr = (__force void *)ndev->memory + offset;
	mem->bus.is_iomem = true;
	mem->bus.caching = ttm_write_combined;
	return 0;
}

static const struct ttm_device_funcs npu_ttm_funcs = {
	.ttm_tt_create = npu_tt_create,
	.ttm_tt_populate = npu_tt_populate,
	.ttm_tt_unpopulate = npu_tt_unpopulate,
	.ttm_tt_destroy = npu_tt_destroy,
	.eviction_valuable = ttm_bo_eviction_valuable,
	.evict_flags = npu_ttm_evict_flags,
	.move = npu_ttm_move,
	.io_mem_reserve = npu_ttm_io_mem_reserve,
};

/* System memory that buffers may hold in the card's reach. */
static u64 npu_ttm_system_pages(void)
{
	return totalram_pages() / 2;
}

static void npu_ttm_fini(struct drm_device *drm, void *data)
{
	struct npu_device *ndev = data;

	ttm_range_man_fini(&ndev->ttm, NPU_PL_DEVICE);
	npu_ttm_system_fini(ndev);
	ttm_device_fini(&ndev->ttm);
}

int npu_ttm_init(struct npu_device *ndev)
{
	struct drm_device *drm = &ndev->drm;
	int ret;

	ret = npu_compat_ttm_device_init(&ndev->ttm, &npu_ttm_funcs, drm->dev,
					 drm->anon_inode->i_mapping, drm->vma_offset_manager);
	if (ret)
		return ret;
	ret = npu_ttm_system_init(ndev, npu_ttm_system_pages());
	if (ret)
		goto device_fini;
	ret = ttm_range_man_init(&ndev->ttm, NPU_PL_DEVICE, false, ndev->memory_size >> PAGE_SHIFT);
	if (ret)
		goto system_fini;
	ret = drmm_add_action_or_reset(drm, npu_ttm_fini, ndev);
	if (ret)
		return ret;
	/* Behind the managers: it goes before them. */
	return npu_compat_register_dmem(drm, ttm_manager_type(&ndev->ttm, NPU_PL_DEVICE),
					ndev->memory_size);

system_fini:
	npu_ttm_system_fini(ndev);
device_fini:
	ttm_device_fini(&ndev->ttm);
	return ret;
}

int npu_ttm_evict_device(struct npu_device *ndev)
{
	return ttm_resource_manager_evict_all(&ndev->ttm,
					      ttm_manager_type(&ndev->ttm, NPU_PL_DEVICE));
}

void npu_ttm_detach(struct npu_device *ndev)
{
	ttm_resource_manager_evict_all(&ndev->ttm, ttm_manager_type(&ndev->ttm, NPU_PL_DEVICE));
	ttm_resource_manager_evict_all(&ndev->ttm, ttm_manager_type(&ndev->ttm, NPU_PL_SYSTEM));
	npu_prime_detach(ndev);
}

u64 npu_ttm_used(struct npu_device *ndev, u32 mem_type)
{
	return ttm_resource_manager_usage(ttm_manager_type(&ndev->ttm, mem_type));
}

u64 npu_ttm_size(struct npu_device *ndev, u32 mem_type)
{
	return ttm_manager_type(&ndev->ttm, mem_type)->size << PAGE_SHIFT;
}
