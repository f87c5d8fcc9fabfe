// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* Regions of the dmem cgroup are just a size (6.14). */
#include <linux/cgroup_dmem.h>
#include <drm/drm_drv.h>
#include <drm/ttm/ttm_resource.h>

void probe(struct drm_device *drm, struct ttm_resource_manager *man);
void probe(struct drm_device *drm, struct ttm_resource_manager *man)
{
	man->cg = drmm_cgroup_register_region(drm, "a", 1);
}
