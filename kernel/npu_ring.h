/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/* The ring of a kernel queue. */
#ifndef NPU_RING_H
#define NPU_RING_H

#include <linux/bits.h>
#include <linux/types.h>

#include <npu/npu_packet.h>

struct npu_device;
struct npu_fence;
struct npu_queue;
struct npu_vector;

#define NPU_RING_SHIFT		9
#define NPU_RING_PACKETS	BIT(NPU_RING_SHIFT)
#define NPU_RING_SIZE		(NPU_RING_PACKETS * NPU_PACKET_SIZE)
/*
 * What the scheduler may have in the ring. The card retires a packet a moment
 * after the fence that stands in it signals: the rest of the ring is for that.
 */
#define NPU_RING_CREDITS	(NPU_RING_PACKETS / 2)

/* Where packet @index stands. The caller holds queue->lock and has seen memory. */
void *npu_ring_packet(struct npu_queue *queue, u64 index);
/*
 * Tells the card about a new tail of queue @number, and wakes it if it sleeps
 * (npu_packet.h).
 */
void npu_ring_doorbell(struct npu_device *ndev, u32 number, u64 tail,
		       const struct npu_queue_control *control);
/* Writes a job's packets and its fence, rings. Returns the error it ends with at once. */
int npu_ring_write(struct npu_queue *queue, struct npu_fence *fence,
		   const struct npu_packet_call *calls, u32 count);
/* Signals what the card has completed. Any context; the second with queue->lock held. */
void npu_ring_reap(struct npu_queue *queue);
void npu_ring_reap_locked(struct npu_queue *queue);
void npu_ring_reap_vector(struct npu_vector *vector);

#endif /* NPU_RING_H */
