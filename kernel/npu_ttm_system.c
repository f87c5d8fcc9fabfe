// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/*
 * System memory within the card's reach. Pages have no place there, so all
 * that the manager does is to count: a range manager would refuse buffers for
 * fragments of a range that nobody addresses, and costs a node for each.
 */
#include <linux/slab.h>

#include <drm/ttm/ttm_resource.h>

#include "npu_device.h"
#include "npu_ttm.h"
#include "npu_ttm_system.h"

static int npu_ttm_system_alloc(struct ttm_resource_manager *man, struct ttm_buffer_object *bo,
				const struct ttm_place *place, struct ttm_resource **result)
{
	struct ttm_resource *res = kzalloc(sizeof(*res), GFP_KERNEL);

	if (!res)
		return -ENOMEM;
	/* Counts it. */
	ttm_resource_init(bo, place, res);
	if (ttm_resource_manager_usage(man) > man->size << PAGE_SHIFT) {
		ttm_resource_fini(man, res);
		kfree(res);
		return -ENOSPC;
	}
	*result = res;
	return 0;
}

static void npu_ttm_system_free(struct ttm_resource_manager *man, struct ttm_resource *res)
{
	ttm_resource_fini(man, res);
	kfree(res);
}

static const struct ttm_resource_manager_func npu_ttm_system_func = {
	.alloc = npu_ttm_system_alloc,
	.free = npu_ttm_system_free,
};

int npu_ttm_system_init(struct npu_device *ndev, u64 pages)
{
	struct ttm_resource_manager *man = kzalloc(sizeof(*man), GFP_KERNEL);

	if (!man)
		return -ENOMEM;
	man->use_tt = true;
	man->func = &npu_ttm_system_func;
	ttm_resource_manager_init(man, &ndev->ttm, pages);
	ttm_set_driver_manager(&ndev->ttm, NPU_PL_SYSTEM, man);
	ttm_resource_manager_set_used(man, true);
	return 0;
}

void npu_ttm_system_fini(struct npu_device *ndev)
{
	struct ttm_resource_manager *man = ttm_manager_type(&ndev->ttm, NPU_PL_SYSTEM);

	/* Every buffer holds the DRM device: there is none left. */
	ttm_resource_manager_set_used(man, false);
	ttm_resource_manager_cleanup(man);
	ttm_set_driver_manager(&ndev->ttm, NPU_PL_SYSTEM, NULL);
	kfree(man);
}
