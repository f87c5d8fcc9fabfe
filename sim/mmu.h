/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The card's MMU: translates addresses of contexts (npu_mmu.h).
 *
 * Lifetimes: a translation may be used from mmu_enter() to mmu_leave() of the
 * same context. mmu_invalidate() and mmu_disable() drop cached entries and
 * wait for everybody inside, so when they return no access uses what was
 * valid before. Nobody may stay inside for longer than one operation.
 */
#ifndef SIM_MMU_H
#define SIM_MMU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mmu;
struct dma_map;

struct mmu_fault {
	uint32_t context;
	uint32_t queue;
	uint64_t va;
	uint32_t info;		/* NPU_FAULT_WRITE, reason 15:8; 0: no fault */
};

struct mmu *mmu_create(struct dma_map *dma, uint8_t *memory, uint64_t memory_size,
		       uint32_t contexts);
void mmu_destroy(struct mmu *mmu);

/* -EINVAL for a context out of range or in the wrong state. */
int mmu_enable(struct mmu *mmu, uint32_t context, uint64_t root);
int mmu_disable(struct mmu *mmu, uint32_t context);
int mmu_invalidate(struct mmu *mmu, uint32_t context, uint64_t va, uint64_t size);
void mmu_disable_all(struct mmu *mmu);

void mmu_enter(struct mmu *mmu, uint32_t context);
void mmu_leave(struct mmu *mmu, uint32_t context);

/* Who accesses, and how. */
struct mmu_access {
	uint32_t context;
	uint32_t queue;
	bool privileged;
};

/*
 * A window of a context's memory on the host: direct when the range is
 * contiguous behind the page tables, else a copy that mmu_unmap() writes back
 * if it was mapped for writing. Call between enter and leave. -EFAULT with
 * *fault filled in, -ENOMEM.
 */
struct mmu_window {
	void *data;
	uint64_t va;
	uint64_t size;
	bool write;
	bool copied;
	bool referenced;	/* system memory: holds a reference to a mapping */
	struct mmu_access access;
	void *region;
};

int mmu_map(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t size,
	    bool write, struct mmu_window *window, struct mmu_fault *fault);
void mmu_unmap(struct mmu *mmu, struct mmu_window *window);

/* Copies; enter and leave are done inside. */
int mmu_read(struct mmu *mmu, const struct mmu_access *access, uint64_t va, void *data, size_t size,
	     struct mmu_fault *fault);
int mmu_write(struct mmu *mmu, const struct mmu_access *access, uint64_t va, const void *data,
	      size_t size, struct mmu_fault *fault);
/* An aligned 64-bit word, stored or loaded in one piece. */
int mmu_store64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t value,
		struct mmu_fault *fault);
int mmu_load64(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t *value,
	       struct mmu_fault *fault);

#endif /* SIM_MMU_H */
