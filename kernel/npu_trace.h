/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Copyright The npu authors */
/*
 * Tracepoints for the life of a job:
 *
 *	npu_job_exec	EXEC has taken it; waits for its dependencies
 *	npu_job_run	written to the ring
 *	npu_job_done	its fence has signalled
 *
 * and of what is unusual: npu_queue_end. A job is (device, queue, fence
 * sequence number).
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM npu

#if !defined(NPU_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define NPU_TRACE_H

#include <linux/tracepoint.h>

#include "npu_device.h"
#include "npu_fence.h"
#include "npu_queue.h"

DECLARE_EVENT_CLASS(npu_job,
	TP_PROTO(const struct npu_fence *fence),
	TP_ARGS(fence),
	TP_STRUCT__entry(
		__string(device, pci_name(fence->queue->ndev->pdev))
		__field(u32, queue)
		__field(u64, seqno)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->queue = fence->queue->number;
		__entry->seqno = fence->base.seqno;
		__entry->error = fence->base.error;
	),
	TP_printk("%s queue=%u seqno=%llu error=%d", __get_str(device), __entry->queue,
		  __entry->seqno, __entry->error)
);

DEFINE_EVENT(npu_job, npu_job_exec, TP_PROTO(const struct npu_fence *fence), TP_ARGS(fence));
DEFINE_EVENT(npu_job, npu_job_run, TP_PROTO(const struct npu_fence *fence), TP_ARGS(fence));
DEFINE_EVENT(npu_job, npu_job_done, TP_PROTO(const struct npu_fence *fence), TP_ARGS(fence));

TRACE_EVENT(npu_queue_end,
	TP_PROTO(const struct npu_queue *queue, u32 state, int error),
	TP_ARGS(queue, state, error),
	TP_STRUCT__entry(
		__string(device, pci_name(queue->ndev->pdev))
		__field(u32, queue)
		__field(u32, state)
		__field(int, error)
	),
	TP_fast_assign(
		__assign_str(device);
		__entry->queue = queue->number;
		__entry->state = state;
		__entry->error = error;
	),
	TP_printk("%s queue=%u state=0x%x error=%d", __get_str(device), __entry->queue,
		  __entry->state, __entry->error)
);

#endif /* NPU_TRACE_H */

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE npu_trace
#include <trace/define_trace.h>
