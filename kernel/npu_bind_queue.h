/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Binds of a VM that wait for their turn. */
#ifndef NPU_BIND_QUEUE_H
#define NPU_BIND_QUEUE_H

#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

struct npu_bind;

struct npu_bind_queue {
	struct mutex run_lock;	/* one runs at a time; fences wait for it: no allocation under it */
	struct work_struct work;
	u64 fence_context;
	u64 fence_seqno;	/* guarded by the VM's reservation */
	spinlock_t lock;	/* guards the two below */
	struct list_head binds;	/* npu_bind.link, oldest first */
	int error;		/* not 0: nothing waits any more, and fences end with it */
};

/* The end of a queued bind. Keeps the module. */
struct npu_bind_fence {
	struct dma_fence base;
	spinlock_t lock;	/* the base's */
	bool numbered;		/* base is a fence */
	struct rcu_head rcu;
};

struct npu_bind_fence *npu_bind_fence_create(void);
/* Also of one that has no number yet, and of NULL. */
void npu_bind_fence_put(struct npu_bind_fence *fence);

void npu_bind_queue_init(struct npu_bind_queue *queue);
/* The VM's memory goes: nothing is queued any more. */
void npu_bind_queue_fini(struct npu_bind_queue *queue);
/* Gives bind->fence its place in the VM's order. The VM's reservation is held until the push. */
void npu_bind_queue_number(struct npu_bind_queue *queue, struct npu_bind *bind);
/* Takes the bind over. */
void npu_bind_queue_push(struct npu_bind_queue *queue, struct npu_bind *bind);
/* A reference to the fence of the last bind that is queued, or NULL. */
struct dma_fence *npu_bind_queue_last(struct npu_bind_queue *queue);
/*
 * Applies what is queued at once, whatever it waits for; its fences, and those
 * of all that is pushed later, signal with @error. May sleep; takes no
 * reservation, waits for no fence.
 */
void npu_bind_queue_abandon(struct npu_bind_queue *queue, int error);
/* Nothing is queued when it returns 0; -EBUSY: not so by @end. */
int npu_bind_queue_wait_idle(struct npu_bind_queue *queue, ktime_t end);

#endif /* NPU_BIND_QUEUE_H */
