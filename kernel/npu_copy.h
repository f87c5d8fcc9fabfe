/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The card's copy engine in the driver's own service. */
#ifndef NPU_COPY_H
#define NPU_COPY_H

#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/types.h>

#include "npu_mmu.h"

struct npu_device;
struct seq_file;

struct npu_copy {
	struct mutex lock;	/* one copy at a time; guards all of this but the counters */
	struct npu_mmu mmu;	/* the driver's context */
	void *memory;		/* DMA memory: ring, then control block and fence */
	dma_addr_t dma;
	u64 tail;		/* packets written since the queue was made */
	u64 value;		/* of the fence emitted last */
	bool ready;		/* context and queue are on the card */
	/* Bytes, for debugfs. */
	atomic64_t moved;
	atomic64_t cleared;
	atomic64_t moved_by_cpu;
	atomic64_t cleared_by_cpu;
};

int npu_copy_init(struct npu_device *ndev);
/* The card has booted: makes the driver's context and queue on it. */
int npu_copy_start(struct npu_device *ndev);
/* The card was silenced. */
void npu_copy_stop(struct npu_device *ndev);

/*
 * Moves @size bytes between device memory at @offset and memory that is mapped
 * for DMA. Waits until it is done, in bounded time, and allocates nothing:
 * callers hold reservations, and may be asked for memory by reclaim.
 *
 * When it returns the card uses neither side any more. An error: the content
 * of the destination is undefined, the CPU has to do it.
 */
int npu_copy_move(struct npu_device *ndev, struct sg_table *sgt, u64 offset, u64 size,
		  bool to_device);
/* Zeroes device memory, in the same way. */
int npu_copy_clear(struct npu_device *ndev, u64 offset, u64 size);

void npu_copy_show(struct npu_device *ndev, struct seq_file *m);

#endif /* NPU_COPY_H */
