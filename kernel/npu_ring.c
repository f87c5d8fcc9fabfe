// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * The ring of a kernel queue: packets in, the doorbell, fences out.
 *
 * The card writes fence and control block: each is read once and believed
 * only as far as it can be.
 */
#include "npu_device.h"
#include "npu_fence.h"
#include "npu_queue.h"
#include "npu_ring.h"
#include "npu_trace.h"
#include "npu_userq.h"

/*
 * Asks for an interrupt when the oldest job is retired. Pairs with the card,
 * which stores head before it loads event: after the barrier, either it sees
 * event or we see the fence.
 */
static void npu_ring_arm(struct npu_queue *queue)
{
	struct npu_fence *first;

	first = list_first_entry_or_null(&queue->inflight, struct npu_fence, link);
	if (!first)
		return;
	WRITE_ONCE(queue->control->event, (__force u64)cpu_to_le64(first->end));
	mb();	/* event before the next look at the fence; the card: head before event */
}

/* The fence's value as the card wrote it; false: it cannot be. */
static bool npu_ring_read_fence(struct npu_queue *queue, u64 *value)
{
	*value = le64_to_cpu((__force __le64)READ_ONCE(*queue->fence));
	return *value >= queue->completed && *value <= queue->emitted;
}

void npu_ring_reap_locked(struct npu_queue *queue)
{
	struct npu_fence *fence, *tmp;
	u64 value;

	lockdep_assert_held(&queue->lock);
	if (queue->user) {
		npu_userq_reap_locked(queue);
		return;
	}
	if (!queue->memory || queue->lied)
		return;
	for (;;) {
		if (!npu_ring_read_fence(queue, &value)) {
			dev_err_ratelimited(&queue->ndev->pdev->dev,
					    "queue %u: fence reads %llu after %llu of %llu: the queue is stopped\n",
					    queue->number, value, queue->completed,
					    queue->emitted);
			queue->lied = true;
			queue->error = queue->error ?: -ECANCELED;
			queue_work(queue->ndev->recovery_wq, &queue->ndev->stopped_work);
			return;
		}
		if (value == queue->completed)
			return;
		dma_rmb();	/* what the job wrote is not older than its fence */
		queue->completed = value;
		list_for_each_entry_safe(fence, tmp, &queue->inflight, link) {
			if (fence->value > value)
				break;
			npu_fence_signal(fence, 0);
		}
		npu_ring_arm(queue);
	}
}

void npu_ring_reap(struct npu_queue *queue)
{
	guard(spinlock_irqsave)(&queue->lock);
	npu_ring_reap_locked(queue);
}

void npu_ring_reap_vector(struct npu_vector *vector)
{
	struct npu_queue *queue;

	guard(spinlock_irqsave)(&vector->lock);
	list_for_each_entry(queue, &vector->queues, vector_link)
		npu_ring_reap(queue);
}

void *npu_ring_packet(struct npu_queue *queue, u64 index)
{
	return queue->memory + (index % NPU_RING_PACKETS) * NPU_PACKET_SIZE;
}

void npu_ring_doorbell(struct npu_device *ndev, u32 number, u64 tail,
		       const struct npu_queue_control *control)
{
	void __iomem *page = ndev->doorbells + NPU_DOORBELL_PAGE(number);

	/* writeq() orders the packets before the tail. */
	writeq(tail, page + NPU_DOORBELL_TAIL);
	/*
	 * Tail before need_wake, as the card does it the other way round. The
	 * store is posted: reading it back makes sure that it has arrived.
	 */
	readq(page + NPU_DOORBELL_TAIL);
	mb();	/* the tail before the look at need_wake */
	if (READ_ONCE(control->need_wake))
		writel(1, ndev->doorbells + NPU_WAKE_PAGE(number));
}

int npu_ring_write(struct npu_queue *queue, struct npu_fence *fence,
		   const struct npu_packet_call *calls, u32 count)
{
	struct npu_packet_fence_signal *signal;
	bool first;

	guard(spinlock_irqsave)(&queue->lock);
	if (queue->error || !queue->memory)
		return queue->error ?: -ECANCELED;
	for (u32 i = 0; i < count; i++)
		memcpy(npu_ring_packet(queue, queue->tail++), &calls[i], NPU_PACKET_SIZE);
	signal = npu_ring_packet(queue, queue->tail++);
	memset(signal, 0, sizeof(*signal));
	signal->header.opcode = NPU_PACKET_FENCE_SIGNAL;
	signal->address = NPU_QUEUE_VA(queue->number) + NPU_QUEUE_FENCE_OFFSET;
	signal->value = ++queue->emitted;
	fence->value = queue->emitted;
	fence->end = queue->tail;
	first = list_empty(&queue->inflight);
	dma_fence_get(&fence->base);	/* the list's */
	list_add_tail(&fence->link, &queue->inflight);
	trace_npu_job_run(fence);
	if (first)
		npu_ring_arm(queue);
	npu_ring_doorbell(queue->ndev, queue->number, queue->tail, queue->control);
	return 0;
}
