/* SPDX-License-Identifier: GPL-2.0-only */
/* Copyright The npu authors */
/*
 * The card's MMU: translates addresses of contexts (npu_mmu.h).
 *
 * Lifetimes: a translation may be used from mmu_enter() to mmu_leave() of the
 * same context. mmu_invalidate() and mmu_disable() drop cached entries and
 * wait for everybody inside, so when they return no access uses what was
 * valid before. Who stays inside for longer than some milliseconds looks at
 * mmu_wanted() meanwhile and leaves when somebody waits. Nobody enters twice.
 */
#ifndef SIM_MMU_H
#define SIM_MMU_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dma_map.h"

struct ecc;
struct mmu;

struct mmu_fault {
	uint32_t context;
	uint32_t queue;
	uint64_t va;
	uint32_t info;		/* NPU_FAULT_WRITE, reason 15:8; 0: no fault */
};

/* dma, memory and ecc stay the caller's. */
struct mmu *mmu_create(struct dma_map *dma, uint8_t *memory, uint64_t memory_size, struct ecc *ecc,
		       uint32_t contexts);
void mmu_destroy(struct mmu *mmu);

/* -EINVAL for a context out of range or in the wrong state. */
int mmu_enable(struct mmu *mmu, uint32_t context, uint64_t root);
int mmu_disable(struct mmu *mmu, uint32_t context);
/* [va, va + size); size 0 is everything. */
int mmu_invalidate(struct mmu *mmu, uint32_t context, uint64_t va, uint64_t size);
void mmu_disable_all(struct mmu *mmu);

void mmu_enter(struct mmu *mmu, uint32_t context);
void mmu_leave(struct mmu *mmu, uint32_t context);
/* Somebody waits for those inside, or for their references to system memory. */
bool mmu_wanted(struct mmu *mmu, uint32_t context);

/* Who accesses, and how. */
struct mmu_access {
	uint32_t context;
	uint32_t queue;
	bool privileged;
	const atomic_bool *cancel;	/* makes a long mapping give up; NULL: never */
};

/*
 * A window of a context's memory on the host: direct when the range is
 * contiguous behind the page tables, else a copy, of which mmu_unmap() writes
 * back what has changed. Between enter and leave. Must not move.
 */
struct mmu_window {
	void *data;
	uint64_t va;
	uint64_t size;
	bool write;
	bool referenced;	/* system memory: ref is held */
	struct dma_ref ref;
	uint8_t *copy;		/* to free */
	struct mmu_access access;
};

/*
 * 0; -EFAULT with *fault filled in; -ENOMEM; -EAGAIN when it would take long
 * and somebody waits or the access is cancelled: leave, and try again.
 */
int mmu_map(struct mmu *mmu, const struct mmu_access *access, uint64_t va, uint64_t size,
	    bool write, struct mmu_window *window, struct mmu_fault *fault);
/* 0, or -EFAULT when the memory behind the window went away meanwhile. */
int mmu_unmap(struct mmu *mmu, struct mmu_window *window, struct mmu_fault *fault);

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
