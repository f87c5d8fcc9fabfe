// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Regions of the dmem cgroup come with operations, and TTM's managers can reclaim (7.3). */
#include <linux/cgroup_dmem.h>
#include <drm/drm_drv.h>
#include <drm/ttm/ttm_resource.h>

int probe(struct drm_device *drm, struct ttm_resource_manager *man);
int probe(struct drm_device *drm, struct ttm_resource_manager *man)
{
	const struct dmem_cgroup_ops ops = { .reclaim = ttm_resource_manager_dmem_reclaim };
	const struct dmem_cgroup_init init = { .size = 1, .ops = &ops, .reclaim_priv = man };

	ttm_resource_manager_set_dmem_region(man, drmm_cgroup_register_region(drm, "a", &init));
	return 0;
}
