// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * The buffers of all cards together may need half of the system's memory.
 *
 * No process answers for a buffer's pages, and a buffer in device memory can
 * be evicted to system memory: without a bound, whoever makes buffers in a
 * loop takes the whole of it, and the OOM killer finds nobody to blame. So a
 * buffer is counted when it is made, with what it needs in the worst case: one
 * that may be in device memory counts as far as all of those exceed it.
 */
#include <linux/mm.h>
#include <linux/spinlock.h>

#include <drm/npu_accel.h>

#include "npu_budget.h"
#include "npu_device.h"

static DEFINE_SPINLOCK(npu_budget_lock);	/* guards the budgets of all cards, and the next */
static u64 npu_budget_used;

static u64 npu_budget_need(const struct npu_device *ndev, const struct npu_budget *budget)
{
	return budget->system + budget->device - min(budget->device, ndev->memory_size);
}

static u64 *npu_budget_part(struct npu_budget *budget, u32 placement)
{
	return placement & DRM_NPU_MEMORY_DEVICE ? &budget->device : &budget->system;
}

bool npu_budget_charge(struct npu_device *ndev, u32 placement, u64 size)
{
	const u64 limit = (u64)totalram_pages() << (PAGE_SHIFT - 1);
	struct npu_budget after;
	u64 used;

	guard(spinlock)(&npu_budget_lock);
	after = ndev->budget;
	*npu_budget_part(&after, placement) += size;
	used = npu_budget_used - npu_budget_need(ndev, &ndev->budget) +
	       npu_budget_need(ndev, &after);
	/* What fits into device memory is free of charge, however full the rest is. */
	if (used > npu_budget_used && used > limit)
		return false;
	ndev->budget = after;
	npu_budget_used = used;
	return true;
}

void npu_budget_uncharge(struct npu_device *ndev, u32 placement, u64 size)
{
	guard(spinlock)(&npu_budget_lock);
	npu_budget_used -= npu_budget_need(ndev, &ndev->budget);
	*npu_budget_part(&ndev->budget, placement) -= size;
	npu_budget_used += npu_budget_need(ndev, &ndev->budget);
}
