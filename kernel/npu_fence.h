/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* A job's end on the card. */
#ifndef NPU_FENCE_H
#define NPU_FENCE_H

#include <linux/dma-fence.h>
#include <linux/list.h>

struct npu_queue;

/*
 * The scheduler's "hardware fence". It holds its queue and the module: whoever
 * keeps a job's fence keeps this one too, and with it what the names of both
 * point to.
 */
struct npu_fence {
	struct dma_fence base;
	struct npu_queue *queue;
	struct list_head link;	/* npu_queue.inflight */
	u64 value;		/* what the card writes */
	u64 end;		/* the ring's head when it is retired */
	u64 waits;		/* user queue: values of USERQ_WAIT that it may wait for */
	struct rcu_head rcu;
};

struct npu_fence *npu_fence_create(struct npu_queue *queue);
/* Takes it off npu_queue.inflight and signals it. The caller holds its queue's lock. */
void npu_fence_signal(struct npu_fence *fence, int error);

#endif /* NPU_FENCE_H */
