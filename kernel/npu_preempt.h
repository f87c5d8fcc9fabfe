/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Preempt fences of user queues. */
#ifndef NPU_PREEMPT_H
#define NPU_PREEMPT_H

#include <linux/dma-fence.h>

struct npu_queue;

/*
 * A fence that stands for "the queue may use its VM's memory": waiting for it
 * has the queue suspended, after which it signals. NULL: no memory.
 */
struct dma_fence *npu_preempt_create(struct npu_queue *queue);

#endif /* NPU_PREEMPT_H */
