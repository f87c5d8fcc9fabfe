/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* Queues across system sleep. */
#ifndef NPU_QUEUE_SLEEP_H
#define NPU_QUEUE_SLEEP_H

struct npu_device;

/*
 * Before sleep: no job starts any more, and none is on the card when it
 * returns 0; one that makes no progress is killed. -EBUSY: one takes too long.
 * Then, with the card as new: makes all queues on it again, empty. Then lets
 * jobs start, also after an error of the first.
 */
int npu_queue_pause_all(struct npu_device *ndev);
int npu_queue_restore_all(struct npu_device *ndev);
void npu_queue_resume_all(struct npu_device *ndev);

#endif /* NPU_QUEUE_SLEEP_H */
