/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* How a queue ends. */
#ifndef NPU_QUEUE_END_H
#define NPU_QUEUE_END_H

#include <linux/types.h>

struct npu_admin_queue_result;
struct npu_device;
struct npu_queue;
struct work_struct;

/*
 * Copies what the card says of the queue; counters that run backwards are not
 * believed. The caller holds queue->lock.
 */
void npu_queue_read_control(struct npu_queue *queue);
/* Jobs that come from now on end at once. False: that had been so before. */
bool npu_queue_close(struct npu_queue *queue, int error);
/* Ends what is in flight. The card has let go of the queue, or is lost. */
void npu_queue_end(struct npu_queue *queue, u32 state, int error);
/* The card has stopped it. */
void npu_queue_faulted(struct npu_queue *queue);
/* A command on a queue; a card that does not let go of one is lost. */
int npu_queue_admin(struct npu_queue *queue, u8 opcode, struct npu_admin_queue_result *r);
/* When it returns, the card runs nothing of the queue: killed, destroyed, or lost. */
void npu_queue_kill(struct npu_queue *queue);
/* npu_device.stopped_work: the card has stopped a queue, or lied about it. */
void npu_queue_stopped_work(struct work_struct *work);
/* The card is lost: every job of every queue ends with -ENODEV. */
void npu_queue_abandon_all(struct npu_device *ndev);

#endif /* NPU_QUEUE_END_H */
