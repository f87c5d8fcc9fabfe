/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Mappings: buffers at addresses of a VM, and the page-table entries that show them. */
#ifndef NPU_VA_H
#define NPU_VA_H

#include <drm/drm_gpuvm.h>

struct npu_bo;
struct npu_vm;

struct npu_va {
	struct drm_gpuva base;
	u32 flags;		/* DRM_NPU_VM_MAP_* */
	bool in_tables;		/* when it fell away: its buffer was not evicted */
	struct list_head dead_link;	/* npu_bind.dead */
};

#define to_npu_va(v) container_of(v, struct npu_va, base)

/*
 * Writes the entries that show a buffer from @offset on at [va, va + size). The
 * tables are prepared, the buffer is in the card's reach and cannot move: its
 * reservation is held, or has a fence that signals later. Cannot fail.
 */
void npu_va_map(struct npu_vm *vm, struct npu_bo *bo, u64 va, u64 size, u64 offset, u32 flags);
/* Unmaps a buffer that is about to move, from everywhere; the next job maps it again. */
void npu_va_evict_bo(struct npu_bo *bo);
/* Brings a buffer that was evicted back, and maps it where it was. */
int npu_va_validate(struct drm_gpuvm_bo *vm_bo);

#endif /* NPU_VA_H */
