// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * MMU faults. A record names context and queue by their numbers on the card;
 * the queue's own end comes by NPU_IRQ_QUEUE (npu_queue_end.c).
 */
#include <linux/bitfield.h>

#include <drm/drm_drv.h>

#include "npu_device.h"
#include "npu_event.h"
#include "npu_fault.h"
#include "npu_queue.h"
#include "npu_vm.h"

/* The card's FIFO has 16; more than this at once is a card gone wrong. */
#define NPU_FAULTS_AT_ONCE 64

static void npu_fault_drain_locked(struct npu_device *ndev)
{
	for (int i = 0; i < NPU_FAULTS_AT_ONCE; i++) {
		struct npu_vm_fault fault;
		struct npu_vm *vm;
		u32 context;

		fault.info = npu_read(ndev, NPU_REG_FAULT_INFO);
		if (fault.info == ~0u || !(fault.info & NPU_FAULT_VALID))
			return;
		context = npu_read(ndev, NPU_REG_FAULT_CONTEXT);
		fault.queue = npu_read(ndev, NPU_REG_FAULT_QUEUE);
		fault.va = npu_read64(ndev, NPU_REG_FAULT_VA_LO);
		fault.time_ns = ktime_get_ns();
		/* Now: the number may be another queue's when somebody asks. */
		fault.handle = npu_queue_find_handle(ndev, context, fault.queue);
		npu_write(ndev, NPU_REG_FAULT_INFO, NPU_FAULT_POP);

		/* A user's mistake: said to the user by VM_GET_STATE, not to everybody. */
		drm_dbg(&ndev->drm, "context %u, queue %u: %s fault at 0x%llx, reason %u\n",
			context, fault.queue, fault.info & NPU_FAULT_WRITE ? "write" : "read",
			fault.va, (u32)FIELD_GET(NPU_FAULT_REASON_MASK, fault.info));
		xa_lock(&ndev->contexts);
		vm = xa_load(&ndev->contexts, context);
		if (vm)
			npu_vm_record_fault(vm, &fault);
		xa_unlock(&ndev->contexts);
		npu_event_fault(ndev, context, &fault);
	}
}

void npu_fault_drain(struct npu_device *ndev)
{
	int idx;

	if (!drm_dev_enter(&ndev->drm, &idx))
		return;
	/* A record is several registers: one reader at a time. */
	mutex_lock(&ndev->fault_lock);
	npu_fault_drain_locked(ndev);
	mutex_unlock(&ndev->fault_lock);
	drm_dev_exit(idx);
}
