/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Who is stuck, and who only waits for others. */
#ifndef NPU_STUCK_H
#define NPU_STUCK_H

#include <linux/types.h>

struct npu_queue;

/* What was seen of a queue last; used by the recovery work queue alone. */
struct npu_stuck {
	/* By its own time-out handler. */
	u64 progress;
	u64 served_ns;
	unsigned int starved;	/* so many periods in a row it was not served */
	/* By that of a queue which waits for others. */
	u64 look_progress;
	u64 look_busy_ns;
};

/* The period of job_timeout_ms. */
unsigned int npu_stuck_period_ms(void);
/*
 * @queue's oldest job has been on the card for a period. False: it gets on, or
 * waits for others: let it run. Else all of its jobs have ended.
 */
bool npu_stuck_end_if(struct npu_queue *queue);

#endif /* NPU_STUCK_H */
