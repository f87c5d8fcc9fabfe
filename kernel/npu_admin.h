/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Commands to the firmware. */
#ifndef NPU_ADMIN_H
#define NPU_ADMIN_H

#include <linux/completion.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/wait.h>

#include "abi/npu_admin.h"

#define NPU_ADMIN_ENTRIES 32

struct npu_device;

struct npu_admin_slot {
	struct completion done;
	struct npu_admin_completion answer;
};

struct npu_admin {
	spinlock_t lock;	/* guards all of this; threads only */
	struct npu_admin_command *sq;	/* DMA memory, both rings */
	struct npu_admin_completion *cq;
	dma_addr_t dma;
	u32 tail;		/* commands ever written */
	u32 head;		/* completions ever taken */
	u32 busy;		/* bit per slot: waits for its completion */
	u32 claimed;		/* bit per slot: belongs to a caller */
	bool enabled;
	u32 epoch;		/* counts disabling: an answer is good in its own only */
	wait_queue_head_t free;	/* a slot was given back, or enabled fell */
	struct npu_admin_slot slots[NPU_ADMIN_ENTRIES];
};

int npu_admin_init(struct npu_device *ndev);
void npu_admin_enable(struct npu_device *ndev);
/* Ends all commands with -ENODEV, until it is enabled again. From threads. */
void npu_admin_disable(struct npu_device *ndev);
/* Takes completions. Called by the interrupt thread, and by whoever waits. */
void npu_admin_reap(struct npu_device *ndev);

/*
 * Runs a command and waits for its completion, at most some seconds: a
 * firmware that does not answer makes the card lost. May sleep; allocates
 * nothing, so that recovery and eviction can use it. @result may be NULL.
 *
 * Returns 0 or -ENODEV (no card), -ENOENT, -EEXIST, -EBUSY, -ETIMEDOUT (an
 * engine did not let go of the queue), -EIO (refused for another reason).
 */
int npu_admin_run(struct npu_device *ndev, u8 opcode, const void *args, size_t args_size,
		  void *result, size_t result_size);

#endif /* NPU_ADMIN_H */
