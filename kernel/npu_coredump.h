/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* A dump for each queue that hung or faulted (devcoredump). */
#ifndef NPU_COREDUMP_H
#define NPU_COREDUMP_H

struct npu_queue;

/*
 * Takes a snapshot of a queue that is about to be ended for @reason (a
 * constant). Sleeps for nothing and allocates without waiting, so fences may
 * depend on the caller; the text is made later. One dump at a time: the kernel
 * keeps a device's first one until it was read.
 */
void npu_coredump_take(struct npu_queue *queue, const char *reason);

#endif /* NPU_COREDUMP_H */
