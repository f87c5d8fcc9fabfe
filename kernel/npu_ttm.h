/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Memory managers: device memory and system memory, in TTM's hands. */
#ifndef NPU_TTM_H
#define NPU_TTM_H

#include <linux/scatterlist.h>

#include <drm/ttm/ttm_bo.h>
#include <drm/ttm/ttm_placement.h>
#include <drm/ttm/ttm_tt.h>

struct dma_buf_attachment;
struct npu_bo;
struct npu_device;

/* Where the card reaches memory. TTM_PL_SYSTEM is where it does not. */
#define NPU_PL_SYSTEM TTM_PL_TT
#define NPU_PL_DEVICE TTM_PL_VRAM

/*
 * System memory of one buffer; mapped for DMA while in NPU_PL_SYSTEM. One that
 * is imported has no pages, and its exporter can end that state at any time.
 */
struct npu_tt {
	struct ttm_tt ttm;
	struct sg_table sgt;	/* its own, or a copy of *import */
	struct sg_table *import;	/* of attach */
	struct dma_buf_attachment *attach;
	bool mapped;
};

#define to_npu_tt(t) container_of(t, struct npu_tt, ttm)

/*
 * Maps system memory for DMA if the buffer is in NPU_PL_SYSTEM and is not
 * mapped; takes that back. The caller holds the reservation.
 */
int npu_ttm_map(struct npu_bo *bo);
void npu_ttm_unmap(struct npu_bo *bo);

int npu_ttm_init(struct npu_device *ndev);
/* Moves all of device memory's content to system memory. */
int npu_ttm_evict_device(struct npu_device *ndev);
/* Takes everything out of the card's reach; waits for no fence that is not signalled. */
void npu_ttm_detach(struct npu_device *ndev);
/* Bytes in use of a region, of all clients. */
u64 npu_ttm_used(struct npu_device *ndev, u32 mem_type);
/* Bytes of a region. */
u64 npu_ttm_size(struct npu_device *ndev, u32 mem_type);

#endif /* NPU_TTM_H */
