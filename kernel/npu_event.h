/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* What EVENTS streams are told. Each may sleep. */
#ifndef NPU_EVENT_H
#define NPU_EVENT_H

#include <linux/types.h>

struct npu_device;
struct npu_queue;
struct npu_vm_fault;

void npu_event_fault(struct npu_device *ndev, u32 context, const struct npu_vm_fault *fault);
/* @state: why the queue has ended, DRM_NPU_QUEUE_*. */
void npu_event_queue(struct npu_queue *queue, u32 state, u32 card_error);
void npu_event_lost(struct npu_device *ndev);
void npu_event_reset(struct npu_device *ndev, bool works);
/* Once a second: whether the card throttles, and what its memory's ECC has found. */
void npu_event_watch(struct npu_device *ndev);

#endif /* NPU_EVENT_H */
