/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Page tables of one context (abi/npu_mmu.h). */
#ifndef NPU_MMU_H
#define NPU_MMU_H

#include <linux/mutex.h>
#include <linux/types.h>

#include "abi/npu_mmu.h"

struct npu_device;
struct npu_mmu_table;
struct sg_table;

struct npu_mmu {
	struct npu_device *ndev;
	u32 context;
	struct mutex lock;	/* guards the tables */
	struct npu_mmu_table *root;	/* NULL: taken down, everything is a no-op */
};

/* Users' addresses; the driver's rings live above. */
#define NPU_MMU_USER_START	0x200000ULL
#define NPU_MMU_USER_END	(1ULL << (NPU_VA_BITS - 1))

int npu_mmu_init(struct npu_mmu *mmu, struct npu_device *ndev);
/* Frees the tables. The card must not use the context any more. */
void npu_mmu_fini(struct npu_mmu *mmu);
/* What CONTEXT_CREATE wants. */
u64 npu_mmu_root(struct npu_mmu *mmu);

/* Makes all tables that a mapping of the range can need; the one that allocates. */
int npu_mmu_prepare(struct npu_mmu *mmu, u64 va, u64 size);
/*
 * Maps contiguous memory at @address (a DMA address, or with NPU_PTE_DEVICE an
 * offset in device memory) into a prepared range. Cannot fail. Where nothing is
 * mapped no invalidation is needed; what is mapped is replaced without a
 * moment in which nothing is, and then needs a flush and npu_mmu_tidy().
 */
void npu_mmu_map(struct npu_mmu *mmu, u64 va, u64 address, u64 size, u64 flags);
/* The same for @size bytes of DMA-mapped system memory, from @offset of @sgt on. */
void npu_mmu_map_sgtable(struct npu_mmu *mmu, u64 va, const struct sg_table *sgt, u64 offset,
			 u64 size, u64 flags);
/* Unmaps; only npu_mmu_flush() makes sure that the card knows. */
void npu_mmu_unmap(struct npu_mmu *mmu, u64 va, u64 size);
/*
 * Makes @va a border between pages: one that spans it becomes small ones, with
 * the same translations all the time. Unmapping a part of it needs that.
 */
void npu_mmu_split(struct npu_mmu *mmu, u64 va);
/*
 * When it returns, the card uses no translation of the range that has been
 * unmapped; a card that does not confirm that is lost.
 */
void npu_mmu_flush(struct npu_mmu *mmu, u64 va, u64 size);
/* After a map over a mapped range, and its flush: empties the tables that it has replaced. */
void npu_mmu_tidy(struct npu_mmu *mmu, u64 va, u64 size);
/* Frees empty tables of a range that was unmapped and flushed. */
void npu_mmu_prune(struct npu_mmu *mmu, u64 va, u64 size);

#endif /* NPU_MMU_H */
