/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Buffers shared with other devices: dma-buf, both ways. */
#ifndef NPU_PRIME_H
#define NPU_PRIME_H

struct dma_buf;
struct dma_buf_attachment;
struct drm_device;
struct drm_gem_object;
struct npu_bo;
struct npu_device;
struct sg_table;

void npu_prime_init_device(struct npu_device *ndev);

struct dma_buf *npu_prime_export(struct drm_gem_object *obj, int flags);
struct drm_gem_object *npu_prime_import(struct drm_device *drm, struct dma_buf *dma_buf);

/*
 * An imported buffer comes into the card's reach, and leaves it. The caller
 * holds its reservation. The table is the exporter's: unmap before it is freed.
 */
struct sg_table *npu_prime_map(struct dma_buf_attachment *attach);
void npu_prime_unmap(struct dma_buf_attachment *attach, struct sg_table *sgt);

/*
 * An exported buffer is about to move: its importers let go of it. The caller
 * holds its reservation, and has waited for its fences.
 */
void npu_prime_moving(struct npu_bo *bo);
/* The driver is being unbound: pinned buffers stay where they are, out of the card's reach. */
void npu_prime_detach(struct npu_device *ndev);

#endif /* NPU_PRIME_H */
