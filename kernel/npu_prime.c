// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * dma-buf: buffers that other devices use, and buffers of other devices.
 *
 * Export. What others use lies in system memory: an importer that can follow
 * (a dynamic one) is told when the buffer moves, for one that cannot it is
 * pinned there. A buffer that may lie in device memory only is refused: no
 * other device gets addresses in the card's aperture, which after an unbind
 * would be somebody else's memory.
 *
 * Import. A buffer without memory of its own (ttm_bo_type_sg) that shares the
 * exporter's reservation. While it is in NPU_PL_SYSTEM its attachment is
 * mapped; when the exporter moves the memory, it leaves every page table, and
 * the next job maps it again.
 *
 * A GEM object forgets its dma-buf with its last handle, while importers stay:
 * npu_bo.exported remembers it for as long as it exists.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/module.h>
#include <linux/slab.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>
#include <drm/npu_accel.h>

#include "npu_bo.h"
#include "npu_device.h"
#include "npu_prime.h"
#include "npu_ttm.h"
#include "npu_va.h"

NPU_COMPAT_IMPORT_NS_DMA_BUF();

static struct npu_bo *npu_prime_bo(struct dma_buf *dma_buf)
{
	return npu_bo_of_gem(dma_buf->priv);
}

/* ---- Export -------------------------------------------------------------------- */

static int npu_prime_attach(struct dma_buf *dma_buf, struct dma_buf_attachment *attach)
{
	struct npu_bo *bo = npu_prime_bo(dma_buf);

	attach->peer2peer = false;
	if (drm_dev_is_unplugged(bo->ttm.base.dev))
		return -ENODEV;
	return bo->placement & DRM_NPU_MEMORY_SYSTEM ? 0 : -EOPNOTSUPP;
}

/* Out of device memory; the pages are there, and stay as long as the reservation is held. */
static int npu_prime_to_system(struct npu_bo *bo)
{
	static const struct ttm_place system = { .mem_type = NPU_PL_SYSTEM };
	struct ttm_placement placement = { .num_placement = 1, .placement = &system };
	struct ttm_operation_ctx ctx = {};
	int idx, ret;

	if (!drm_dev_enter(bo->ttm.base.dev, &idx))
		return -ENODEV;
	ret = ttm_bo_validate(&bo->ttm, &placement, &ctx);
	drm_dev_exit(idx);
	return ret;
}

static int npu_prime_pin(struct dma_buf_attachment *attach)
{
	struct npu_bo *bo = npu_prime_bo(attach->dmabuf);
	struct npu_device *ndev = to_npu_device(bo->ttm.base.dev);
	int ret;

	ret = npu_prime_to_system(bo);
	if (ret)
		return ret;
	ttm_bo_pin(&bo->ttm);
	guard(spinlock)(&ndev->pinned_lock);
	if (list_empty(&bo->pinned_link))
		list_add_tail(&bo->pinned_link, &ndev->pinned);
	return 0;
}

static void npu_prime_unpin(struct dma_buf_attachment *attach)
{
	struct npu_bo *bo = npu_prime_bo(attach->dmabuf);
	struct npu_device *ndev = to_npu_device(bo->ttm.base.dev);

	ttm_bo_unpin(&bo->ttm);
	guard(spinlock)(&ndev->pinned_lock);
	if (!bo->ttm.pin_count)
		list_del_init(&bo->pinned_link);
}

static struct sg_table *npu_prime_map_dma_buf(struct dma_buf_attachment *attach,
					      enum dma_data_direction direction)
{
	struct npu_bo *bo = npu_prime_bo(attach->dmabuf);
	struct sg_table *sgt;
	int ret;

	ret = npu_prime_to_system(bo);
	if (ret)
		return ERR_PTR(ret);
	sgt = drm_prime_pages_to_sg(bo->ttm.base.dev, bo->ttm.ttm->pages,
				    bo->ttm.ttm->num_pages);
	if (IS_ERR(sgt))
		return sgt;
	/* Coherent, as everything of this driver. */
	ret = dma_map_sgtable(attach->dev, sgt, direction, DMA_ATTR_SKIP_CPU_SYNC);
	if (ret) {
		sg_free_table(sgt);
		kfree(sgt);
		return ERR_PTR(ret);
	}
	return sgt;
}

static void npu_prime_unmap_dma_buf(struct dma_buf_attachment *attach, struct sg_table *sgt,
				    enum dma_data_direction direction)
{
	dma_unmap_sgtable(attach->dev, sgt, direction, DMA_ATTR_SKIP_CPU_SYNC);
	sg_free_table(sgt);
	kfree(sgt);
}

static void npu_prime_release(struct dma_buf *dma_buf)
{
	struct npu_bo *bo = npu_prime_bo(dma_buf);

	dma_resv_lock(bo->ttm.base.resv, NULL);
	bo->exported = NULL;
	dma_resv_unlock(bo->ttm.base.resv);
	drm_gem_dmabuf_release(dma_buf);
}

static const struct dma_buf_ops npu_dma_buf_ops = {
	.attach = npu_prime_attach,
	.pin = npu_prime_pin,
	.unpin = npu_prime_unpin,
	.map_dma_buf = npu_prime_map_dma_buf,
	.unmap_dma_buf = npu_prime_unmap_dma_buf,
	.release = npu_prime_release,
	.mmap = drm_gem_dmabuf_mmap,
};

struct dma_buf *npu_prime_export(struct drm_gem_object *obj, int flags)
{
	struct npu_bo *bo = npu_bo_of_gem(obj);
	struct dma_buf *dma_buf;

	/* It shares its reservation with an address space that the other side lacks. */
	if (bo->vm_resv)
		return ERR_PTR(-EPERM);
	dma_buf = drm_gem_prime_export(obj, flags);
	if (IS_ERR(dma_buf))
		return dma_buf;
	dma_buf->ops = &npu_dma_buf_ops;
	dma_resv_lock(obj->resv, NULL);
	bo->exported = dma_buf;
	dma_resv_unlock(obj->resv);
	return dma_buf;
}

void npu_prime_moving(struct npu_bo *bo)
{
	dma_resv_assert_held(bo->ttm.base.resv);
	if (bo->exported)
		npu_compat_dma_buf_invalidate(bo->exported);
}

static struct npu_bo *npu_prime_first_pinned(struct npu_device *ndev)
{
	struct npu_bo *bo;

	guard(spinlock)(&ndev->pinned_lock);
	bo = list_first_entry_or_null(&ndev->pinned, struct npu_bo, pinned_link);
	if (!bo)
		return NULL;
	list_del_init(&bo->pinned_link);
	/* Who has it pinned has it referenced. */
	drm_gem_object_get(&bo->ttm.base);
	return bo;
}

void npu_prime_detach(struct npu_device *ndev)
{
	struct npu_bo *bo;

	while ((bo = npu_prime_first_pinned(ndev))) {
		dma_resv_lock(bo->ttm.base.resv, NULL);
		npu_ttm_unmap(bo);
		dma_resv_unlock(bo->ttm.base.resv);
		drm_gem_object_put(&bo->ttm.base);
	}
}

void npu_prime_init_device(struct npu_device *ndev)
{
	spin_lock_init(&ndev->pinned_lock);
	INIT_LIST_HEAD(&ndev->pinned);
}

/* ---- Import -------------------------------------------------------------------- */

/* Page-table entries hold whole pages, and as many as the buffer has. */
static bool npu_prime_table_is_valid(const struct sg_table *sgt, u64 size)
{
	struct scatterlist *sg;
	u64 sum = 0;
	int i;

	for_each_sgtable_dma_sg(sgt, sg, i) {
		if (!IS_ALIGNED(sg_dma_address(sg) | sg_dma_len(sg), PAGE_SIZE))
			return false;
		sum += sg_dma_len(sg);
	}
	return sum >= size;
}

struct sg_table *npu_prime_map(struct dma_buf_attachment *attach)
{
	struct sg_table *sgt;

	sgt = dma_buf_map_attachment(attach, DMA_BIDIRECTIONAL);
	if (IS_ERR(sgt))
		return sgt;
	if (!npu_prime_table_is_valid(sgt, attach->dmabuf->size)) {
		npu_prime_unmap(attach, sgt);
		return ERR_PTR(-EOPNOTSUPP);
	}
	return sgt;
}

void npu_prime_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt)
{
	dma_buf_unmap_attachment(attach, sgt, DMA_BIDIRECTIONAL);
}

/* The exporter is about to move it, and holds the reservation. */
static void npu_prime_invalidate_mappings(struct dma_buf_attachment *attach)
{
	struct npu_bo *bo = npu_bo_of_gem(attach->importer_priv);

	/* A card that was silenced uses nothing. */
	if (!drm_dev_is_unplugged(bo->ttm.base.dev))
		dma_resv_wait_timeout(bo->ttm.base.resv, DMA_RESV_USAGE_BOOKKEEP, false,
				      MAX_SCHEDULE_TIMEOUT);
	npu_va_evict_bo(bo);
	npu_ttm_unmap(bo);
}

static const struct dma_buf_attach_ops npu_attach_ops = {
	.npu_compat_invalidate_mappings = npu_prime_invalidate_mappings,
};

static void npu_prime_gem_free(struct drm_gem_object *obj)
{
	npu_compat_ttm_bo_fini(&npu_bo_of_gem(obj)->ttm);
}

/* What was mapped of it went with its ttm_tt. */
static void npu_prime_destroy(struct ttm_buffer_object *ttm)
{
	struct npu_bo *bo = to_npu_bo(ttm);

	if (ttm->base.import_attach)
		dma_buf_detach(bo->imported, ttm->base.import_attach);
	drm_gem_object_release(&ttm->base);
	dma_buf_put(bo->imported);
	kfree(bo);
}

/* The CPU maps it by its dma-buf, and its exporter shares it further. */
static const struct drm_gem_object_funcs npu_prime_funcs = {
	.free = npu_prime_gem_free,
};

static struct npu_bo *npu_prime_create(struct npu_device *ndev, struct dma_buf *dma_buf)
{
	static const struct ttm_place out_of_reach = { .mem_type = TTM_PL_SYSTEM };
	struct ttm_placement placement = { .num_placement = 1, .placement = &out_of_reach };
	struct ttm_operation_ctx ctx = { .interruptible = true };
	struct npu_bo *bo;
	int ret;

	bo = kzalloc(sizeof(*bo), GFP_KERNEL_ACCOUNT);
	if (!bo)
		return ERR_PTR(-ENOMEM);
	ret = dma_resv_lock_interruptible(dma_buf->resv, NULL);
	if (ret) {
		kfree(bo);
		return ERR_PTR(ret);
	}
	/* Until the end: its reservation is in there. */
	get_dma_buf(dma_buf);
	bo->imported = dma_buf;
	bo->placement = DRM_NPU_MEMORY_SYSTEM;
	INIT_LIST_HEAD(&bo->pinned_link);
	bo->ttm.base.funcs = &npu_prime_funcs;
	bo->ttm.base.resv = dma_buf->resv;
	drm_gem_private_object_init(&ndev->drm, &bo->ttm.base, dma_buf->size);
	/* When it fails, it has called npu_prime_destroy(). */
	ret = ttm_bo_init_reserved(&ndev->ttm, &bo->ttm, ttm_bo_type_sg, &placement, 1, &ctx, NULL,
				   dma_buf->resv, npu_prime_destroy);
	dma_resv_unlock(dma_buf->resv);
	return ret ? ERR_PTR(ret) : bo;
}

struct drm_gem_object *npu_prime_import(struct drm_device *drm, struct dma_buf *dma_buf)
{
	struct dma_buf_attachment *attach;
	struct drm_gem_object *obj;
	struct npu_bo *bo;

	if (dma_buf->ops == &npu_dma_buf_ops) {
		obj = dma_buf->priv;
		if (obj->dev == drm) {
			drm_gem_object_get(obj);
			return obj;
		}
	}
	if (!dma_buf->size || !PAGE_ALIGNED(dma_buf->size))
		return ERR_PTR(-EOPNOTSUPP);
	/* Complete before it is attached: from then on the exporter may call. */
	bo = npu_prime_create(to_npu_device(drm), dma_buf);
	if (IS_ERR(bo))
		return ERR_CAST(bo);
	attach = dma_buf_dynamic_attach(dma_buf, drm->dev, &npu_attach_ops, &bo->ttm.base);
	if (IS_ERR(attach)) {
		drm_gem_object_put(&bo->ttm.base);
		return ERR_CAST(attach);
	}
	bo->ttm.base.import_attach = attach;
	return &bo->ttm.base;
}
