// SPDX-License-Identifier: GPL-2.0-only OR MIT
// Copyright The npu authors
/* ttm_device_init() takes two bools, not flags (before 6.19). */
#include <drm/ttm/ttm_device.h>

int probe(struct ttm_device *bdev, struct device *dev);
int probe(struct ttm_device *bdev, struct device *dev)
{
	int (*init)(struct ttm_device *bdev, const struct ttm_device_funcs *funcs,
		    struct device *dev, struct address_space *mapping,
		    struct drm_vma_offset_manager *vma_manager,
		    bool use_dma_alloc, bool use_dma32) = ttm_device_init;

	return init(bdev, NULL, dev, NULL, NULL, false, false);
}
